//! A timeout that is none.

use cachekit::memoize;

#[memoize(timeout = true)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

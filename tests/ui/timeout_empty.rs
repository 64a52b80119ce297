//! A timeout that says nothing.

use cachekit::memoize;

#[memoize(timeout = "")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A timeout that makes no sense.

use cachekit::memoize;

#[memoize(timeout = "s5")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

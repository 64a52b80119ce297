//! A duration that is none.

use cachekit::memoize;

#[memoize(stale = 0)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! What never ends is never stale.

use cachekit::memoize;

#[memoize(timeout = 0, stale = 5)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

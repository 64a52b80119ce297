//! A limit for a backend that there is not.

use cachekit::memoize;

#[memoize(local, recompute_limit = 2)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

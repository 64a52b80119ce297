//! A limit of nothing.

use cachekit::memoize;

#[memoize(recompute_limit = 0)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

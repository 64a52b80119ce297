//! A bound of nothing.

use cachekit::memoize;

#[memoize(max_size = 0)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A closure that takes too much.

use cachekit::memoize;

#[memoize(is_stale = |value, a, b| value < b)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

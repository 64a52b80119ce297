//! A closure that takes nothing.

use cachekit::memoize;

#[memoize(response_filter = || true)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

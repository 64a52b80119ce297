//! An expression where a function is needed.

use cachekit::memoize;

#[memoize(response_filter = a > 1)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

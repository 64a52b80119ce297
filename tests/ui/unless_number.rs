//! A condition that is a number.

use cachekit::memoize;

#[memoize(unless = 1)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

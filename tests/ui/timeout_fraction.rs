//! A timeout in fractions of a second.

use cachekit::memoize;

#[memoize(timeout = 1.5)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

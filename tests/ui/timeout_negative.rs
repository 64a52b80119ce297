//! A timeout below zero.

use cachekit::memoize;

#[memoize(timeout = -1)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

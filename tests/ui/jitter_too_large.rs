//! A share is at most the whole.

use cachekit::memoize;

#[memoize(jitter = 1.5)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

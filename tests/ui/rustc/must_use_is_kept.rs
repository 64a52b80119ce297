//! What a function says of its value still holds.

#![deny(unused_must_use)]

use cachekit::memoize;

#[memoize]
#[must_use = "the sum is the point"]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
    f::uncached(1);
}

//! A timeout without a unit.

use cachekit::memoize;

#[memoize(timeout = "50")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

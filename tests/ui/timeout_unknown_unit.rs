//! A timeout of an unknown unit.

use cachekit::memoize;

#[memoize(timeout = "3 fortnights")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

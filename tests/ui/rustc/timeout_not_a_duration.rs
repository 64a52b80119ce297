//! A lifetime that is none.

use cachekit::memoize;

#[memoize(timeout = "five".len() > 3)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

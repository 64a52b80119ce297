//! A path that is none.

use cachekit::memoize;

#[memoize(crate = "renamed")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

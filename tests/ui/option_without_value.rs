//! An option that needs a value.

use cachekit::memoize;

#[memoize(timeout)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

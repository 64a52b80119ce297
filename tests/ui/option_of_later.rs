//! An option that is not there yet.

use cachekit::memoize;

#[memoize(inherit)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

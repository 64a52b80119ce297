//! An option that is none and looks like none.

use cachekit::memoize;

#[memoize(frobnicate)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! An option that is none, but looks like one.

use cachekit::memoize;

#[memoize(timeot = 50)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

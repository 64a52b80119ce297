//! An option whose behaviour is not there yet.

use cachekit::memoize;

#[memoize(stale = 50)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

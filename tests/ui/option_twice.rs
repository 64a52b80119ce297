//! An option that is given twice.

use cachekit::memoize;

#[memoize(timeout = 50, local, timeout = 60)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

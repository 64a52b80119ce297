//! Two options and no comma.

use cachekit::memoize;

#[memoize(timeout = 50 local)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

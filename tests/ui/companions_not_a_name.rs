//! A name that is none.

use cachekit::memoize;

#[memoize(companions = "my cache")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! What is near without end would never be asked for again.

use cachekit::memoize;

#[memoize(near = 0)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

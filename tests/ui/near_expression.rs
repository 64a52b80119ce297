//! The longest time is known at compile time.

use cachekit::memoize;

#[memoize(near = a)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

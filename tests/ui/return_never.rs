//! A function that gives nothing.

use cachekit::memoize;

#[memoize]
fn f(a: u64) -> ! {
    panic!("{a}")
}

fn main() {
    f(1);
}

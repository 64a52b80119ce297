//! A function for the compiler.

use cachekit::memoize;

#[memoize]
const fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

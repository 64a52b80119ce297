//! A parameter that may not be there.

use cachekit::memoize;

#[memoize]
fn f(a: u64, #[cfg(all())] b: u64) -> u64 {
    a + b
}

fn main() {
    f(1, 2);
}

//! The timeout, by position and by name.

use cachekit::memoize;

#[memoize(50, timeout = 60)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

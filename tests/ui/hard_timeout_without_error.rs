//! A value that cannot say that it took too long.

use cachekit::memoize;

#[memoize(hard_timeout = 5)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

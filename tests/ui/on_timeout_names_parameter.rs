//! The parameters are where the body is.

use cachekit::memoize;

#[memoize(hard_timeout = 5, on_timeout = a)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

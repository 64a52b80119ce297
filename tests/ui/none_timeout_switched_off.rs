//! A lifetime of what is not cached.

use cachekit::memoize;

#[memoize(none_timeout = 5, cache_none = false)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

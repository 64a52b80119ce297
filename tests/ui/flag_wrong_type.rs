//! A switch that is no `bool`.

use cachekit::memoize;

#[memoize(cache_none = 3)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

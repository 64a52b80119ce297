//! An option that would have no effect.

use cachekit::memoize;

#[memoize(make_cache_key = || "one", args_to_ignore = [a])]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

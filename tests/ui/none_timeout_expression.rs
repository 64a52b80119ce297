//! An expression where a literal is needed.

use cachekit::memoize;

#[memoize(none_timeout = std::time::Duration::from_secs(1))]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! An option of the other attribute.

use cachekit::memoize;

#[memoize(key_prefix = "a")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

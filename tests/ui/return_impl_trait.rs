//! A value whose type has no name.

use cachekit::memoize;

#[memoize]
fn f(a: u64) -> impl Iterator<Item = u64> {
    0..a
}

fn main() {
    f(1);
}

//! A condition that is no `bool`.

use cachekit::memoize;

#[memoize(unless = a)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

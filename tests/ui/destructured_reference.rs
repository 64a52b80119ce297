//! A parameter that an option reads, taken apart by a pattern with `&`.

use cachekit::memoize;

#[memoize(unless = a == 0)]
fn f((&a, b): (&u64, u64)) -> u64 {
    a + b
}

fn main() {
    f((&1, 2));
}

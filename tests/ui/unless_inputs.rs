//! A closure that takes neither nothing nor every parameter.

use cachekit::memoize;

#[memoize(unless = |a, b| a < b)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

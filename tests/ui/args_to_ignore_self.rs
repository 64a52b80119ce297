//! A receiver that is none.

use cachekit::memoize;

#[memoize(args_to_ignore = [self])]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

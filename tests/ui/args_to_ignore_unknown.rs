//! A parameter that is none.

use cachekit::memoize;

#[memoize(args_to_ignore = [b])]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

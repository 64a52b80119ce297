//! A parameter as text.

use cachekit::memoize;

#[memoize(args_to_ignore = ["a"])]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

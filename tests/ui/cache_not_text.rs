//! A name that is no text.

use cachekit::memoize;

#[memoize(cache = sessions)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

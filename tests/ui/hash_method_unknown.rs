//! A digest that nobody knows.

use cachekit::memoize;

#[memoize(hash_method = "sha265")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

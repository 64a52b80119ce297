//! Tags are a list.

use cachekit::memoize;

#[memoize(tags = "user")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

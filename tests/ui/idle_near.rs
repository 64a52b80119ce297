//! What is found near is no use that the backend hears of.

use cachekit::memoize;

#[memoize(near, idle = 5)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A filter that gives no `bool`.

use cachekit::memoize;

#[memoize(response_filter = |value| value + 1)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

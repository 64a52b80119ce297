//! `vary` on a memoized function.

use cachekit::memoize;

#[memoize(vary = "accept-language")]
fn f() -> u64 {
    1
}

fn main() {
    f();
}

//! A `vary` that is nothing to vary by.

use cachekit::cached;

#[cached(vary = 5)]
fn f() -> u64 {
    1
}

fn main() {
    f();
}

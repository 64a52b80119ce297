//! A key that is a number.

use cachekit::cached;

#[cached(key_prefix = 5)]
fn f() -> u64 {
    5
}

fn main() {
    f();
}

//! A parameter that the key does not name.

use cachekit::cached;

#[cached(key_prefix = "everything")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A template where nothing is filled in.

use cachekit::cached;

#[cached(key_prefix = || "page/%s")]
fn f() -> u64 {
    5
}

fn main() {
    f();
}

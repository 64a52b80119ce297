//! A `vary` that names no header field.

use cachekit::cached;

#[cached(vary = ["accept-language", "*"])]
fn f() -> u64 {
    1
}

fn main() {
    f();
}

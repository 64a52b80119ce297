//! A part that no request has.

use cachekit::cached;

#[cached(key_prefix = "page/{request.user}/%s")]
fn f() -> u64 {
    5
}

fn main() {
    f();
}

//! A cookie without its name.

use cachekit::cached;

#[cached(vary = cookie(theme))]
fn f() -> u64 {
    1
}

fn main() {
    f();
}

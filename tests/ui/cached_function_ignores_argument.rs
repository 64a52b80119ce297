//! A parameter that a key made elsewhere cannot name.

use cachekit::cached;

#[cached(key_prefix = std::string::String::new)]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! An option of the other attribute.

use cachekit::cached;

#[cached(key_prefix = "{a}", args_to_ignore = [a])]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A closure that takes something.

use cachekit::cached;

#[cached(key_prefix = |a| format!("{a}"))]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

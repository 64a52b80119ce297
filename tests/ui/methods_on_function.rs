//! `#[methods]` on a function.

use cachekit::methods;

#[methods]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

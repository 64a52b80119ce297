//! What stays in this process is near already.

use cachekit::memoize;

#[memoize(local, near = "5s")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

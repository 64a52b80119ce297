//! A timeout that fits nowhere.

use cachekit::memoize;

#[memoize(timeout = "18446744073709551615d")]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

//! A call instead of a function.

use cachekit::delete_memoized;

fn f(a: u64) -> u64 {
    a
}

fn g() {
    let _ = delete_memoized!(f(1));
}

fn main() {
    g();
}

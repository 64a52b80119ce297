//! A version hash of a call.

use cachekit::{delete_memoized_verhash, memoize};

#[memoize]
fn f(a: u64) -> u64 {
    a
}

fn g() {
    let _ = delete_memoized_verhash!(f, 1);
}

fn main() {
    g();
    f(1);
}

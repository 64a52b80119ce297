//! A function of any number of arguments.

use cachekit::memoize;

#[memoize]
unsafe extern "C" fn f(a: u64, _: ...) -> u64 {
    a
}

fn main() {}

//! An argument of a type that need not be hashable.

use cachekit::memoize;

#[memoize]
fn f<T>(t: T) -> u64 {
    let _ = t;
    1
}

fn main() {
    f(1);
}

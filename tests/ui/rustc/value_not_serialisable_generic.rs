//! A value of a type that need not become bytes.

use cachekit::memoize;

#[memoize]
fn f<T: Default>(id: u64) -> T {
    let _ = id;
    T::default()
}

fn main() {
    f::<u64>(1);
}

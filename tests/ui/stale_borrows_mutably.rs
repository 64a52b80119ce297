//! What is computed behind the caller cannot keep what the caller lent to be changed.

use cachekit::memoize;

#[memoize(stale = 5)]
fn f(a: &mut Vec<u64>) -> u64 {
    a.push(1);
    1
}

fn main() {
    f(&mut Vec::new());
}

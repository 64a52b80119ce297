//! An argument that nothing can be keyed by.

use cachekit::memoize;

struct Pool;

#[memoize]
fn f(pool: &Pool, id: u64) -> u64 {
    let _ = pool;
    id
}

fn main() {
    f(&Pool, 1);
    let _ = f::peek(&Pool, 1);
}

//! An argument that nothing can be keyed by, of an async function.

use cachekit::memoize;

struct Pool;

#[memoize]
async fn f(pool: &Pool, id: u64) -> u64 {
    let _ = pool;
    id
}

fn main() {
    let _ = f(&Pool, 1);
}

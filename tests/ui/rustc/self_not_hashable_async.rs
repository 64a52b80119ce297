//! A receiver that nothing can be keyed by, of an async method.

use cachekit::memoize;

struct Pool;

impl Pool {
    #[memoize]
    async fn f(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    let _ = Pool.f(1);
}

//! A receiver that nothing can be keyed by.

use cachekit::memoize;

struct Pool;

impl Pool {
    #[memoize]
    fn f(&self, id: u64) -> u64 {
        id
    }
}

fn main() {
    Pool.f(1);
}

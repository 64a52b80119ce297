//! A function without `self` in an impl, without `in_impl`.

use cachekit::memoize;

struct Pool;

impl Pool {
    #[memoize]
    fn f(id: u64) -> u64 {
        id
    }
}

fn main() {
    Pool::f(1);
}

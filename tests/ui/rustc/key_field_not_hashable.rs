//! A field that nothing can be keyed by.

use cachekit::CacheKey;

struct Pool;

#[derive(CacheKey)]
struct Key {
    pool: Pool,
}

fn main() {}

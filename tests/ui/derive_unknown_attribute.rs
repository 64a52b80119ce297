//! A field attribute that is none.

use cachekit::CacheKey;

#[derive(CacheKey)]
struct Point {
    #[cache_key(ignore)]
    a: u64,
}

fn main() {}

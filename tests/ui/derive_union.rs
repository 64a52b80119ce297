//! A union as a key.

use cachekit::CacheKey;

#[derive(CacheKey)]
union Either {
    a: u64,
    b: f64,
}

fn main() {}

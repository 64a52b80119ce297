//! Nothing to cache.

#[cachekit::memoize(batch)]
fn f(ids: &[u64]) {
    assert!(!ids.is_empty());
}

fn main() {
    f(&[1]);
}

//! One key for many ids.

use std::collections::HashMap;

#[cachekit::memoize(batch, make_cache_key = format!("{ids:?}"))]
fn f(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {
    f(&[1]);
}

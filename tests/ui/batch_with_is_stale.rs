//! An option that does not go with it.

use std::collections::HashMap;

#[cachekit::memoize(batch, is_stale = |value| *value > 1)]
fn f(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {
    f(&[1]);
}

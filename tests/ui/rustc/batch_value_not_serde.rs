//! Values that cannot be stored.

use std::collections::BTreeMap;

#[derive(Clone)]
struct User;

#[cachekit::memoize(batch, cache_none)]
fn f(ids: &[u64]) -> Result<BTreeMap<u64, User>, String> {
    Ok(ids.iter().map(|id| (*id, User)).collect())
}

fn main() {
    f(&[1]).ok();
}

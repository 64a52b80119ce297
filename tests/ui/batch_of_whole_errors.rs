//! The error of many ids is that of none.

use std::collections::HashMap;

#[cachekit::memoize(batch, cache_err)]
fn f(ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    Ok(ids.iter().map(|id| (*id, *id)).collect())
}

fn main() {
    f(&[1]).unwrap();
}

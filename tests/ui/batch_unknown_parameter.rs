//! A parameter that is not there.

use std::collections::HashMap;

#[cachekit::memoize(batch = keys)]
fn f(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {
    f(&[1]);
}

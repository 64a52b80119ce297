//! A map from something else.

use std::collections::HashMap;

#[cachekit::memoize(batch)]
fn f(ids: &[u64]) -> HashMap<String, u64> {
    ids.iter().map(|id| (id.to_string(), *id)).collect()
}

fn main() {
    f(&[1]);
}

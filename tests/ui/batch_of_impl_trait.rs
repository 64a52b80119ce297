//! Ids of a type without a name.

use std::collections::HashMap;
use std::hash::Hash;

#[cachekit::memoize(batch)]
fn f(ids: &[impl Hash + Clone + Into<u64>]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (id.clone().into(), 1)).collect()
}

fn main() {
    f(&[1_u8]);
}

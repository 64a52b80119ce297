//! More than one.

use std::collections::HashMap;

#[cachekit::memoize(batch)]
fn f(ids: &[u64], regions: Vec<u8>) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, regions.len() as u64)).collect()
}

fn main() {
    f(&[1], vec![2]);
}

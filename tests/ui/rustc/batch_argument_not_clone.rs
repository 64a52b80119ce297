//! An argument that the body can be given once only.

use std::collections::BTreeMap;

#[derive(Hash)]
struct Region;

#[cachekit::memoize(batch)]
fn f(region: Region, ids: &[u64]) -> BTreeMap<u64, Vec<u8>> {
    drop(region);
    ids.iter().map(|id| (*id, Vec::new())).collect()
}

fn main() {
    f(Region, &[1]);
}

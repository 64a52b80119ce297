//! Ids that cannot be keys.

use std::collections::BTreeMap;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Id;

#[cachekit::memoize(batch)]
fn f(ids: &[Id]) -> BTreeMap<Id, u64> {
    ids.iter().map(|id| (id.clone(), 1)).collect()
}

fn main() {
    f(&[Id]);
}

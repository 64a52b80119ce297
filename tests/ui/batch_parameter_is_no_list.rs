//! A parameter that holds no list.

use std::collections::{HashMap, HashSet};

#[cachekit::memoize(batch = ids)]
fn f(ids: HashSet<u64>) -> HashMap<u64, u64> {
    ids.into_iter().map(|id| (id, id)).collect()
}

fn main() {
    f(HashSet::new());
}

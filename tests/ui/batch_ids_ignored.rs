//! The ids are the key.

use std::collections::HashMap;

#[cachekit::memoize(batch = ids, args_to_ignore = [ids])]
fn f(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, *id)).collect()
}

fn main() {
    f(&[1]);
}

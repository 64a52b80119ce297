//! No parameter that can hold ids.

use std::collections::HashMap;

#[cachekit::memoize(batch)]
fn f(id: u64) -> HashMap<u64, u64> {
    HashMap::from([(id, id)])
}

fn main() {
    f(1);
}

//! An option of the other attribute.

use std::collections::HashMap;

#[cachekit::cached(batch)]
fn f() -> HashMap<u64, u64> {
    HashMap::new()
}

fn main() {
    f();
}

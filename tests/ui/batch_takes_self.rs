//! The body runs again, and the receiver is gone.

use std::collections::HashMap;

#[derive(Clone, Copy, Hash)]
struct Shop(u64);

impl Shop {
    #[cachekit::memoize(batch)]
    fn by_value(self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, self.0)).collect()
    }

    #[cachekit::memoize(batch)]
    fn by_exclusive_reference(&mut self, ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, self.0)).collect()
    }
}

fn main() {
    Shop(1).by_value(&[1]);
    Shop(1).by_exclusive_reference(&[1]);
}

//! What is computed behind the caller needs a form of its own of what it borrows.

use cachekit::memoize;

#[derive(Hash)]
struct Shop(u64);

impl Shop {
    #[memoize(stale = 5)]
    fn price(&self, article: u64) -> u64 {
        self.0 + article
    }
}

fn main() {
    Shop(1).price(1);
}

//! A receiver that the key does not name.

use cachekit::cached;

struct Page(u64);

impl Page {
    #[cached(key_prefix = "page")]
    fn render(&self) -> u64 {
        self.0
    }
}

fn main() {
    Page(1).render();
}

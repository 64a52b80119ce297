//! The attribute on a declaration.

use cachekit::memoize;

trait Loads {
    #[memoize(timeout = 50)]
    fn load(&self, id: u64) -> u64;
}

fn main() {}

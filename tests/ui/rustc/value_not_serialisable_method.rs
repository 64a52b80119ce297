//! A value that cannot become bytes, of a method of a trait impl.

use cachekit::{memoize, methods};

#[derive(Hash)]
struct Loader;

struct Opaque;

trait Loads {
    fn load(&self, id: u64) -> Opaque;
}

#[methods]
impl Loads for Loader {
    #[memoize]
    fn load(&self, id: u64) -> Opaque {
        let _ = id;
        Opaque
    }
}

fn main() {
    Loader.load(1);
}

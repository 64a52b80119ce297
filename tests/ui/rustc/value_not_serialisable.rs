//! A value that cannot become bytes.

use cachekit::memoize;

struct Opaque;

#[memoize]
fn f(id: u64) -> Opaque {
    let _ = id;
    Opaque
}

fn main() {
    f(1);
}

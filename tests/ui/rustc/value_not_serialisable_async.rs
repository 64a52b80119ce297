//! A value that cannot become bytes, of an async function.

use cachekit::memoize;

struct Opaque;

#[memoize]
async fn f(id: u64) -> std::io::Result<Opaque> {
    let _ = id;
    Ok(Opaque)
}

fn main() {
    let _ = f(1);
}

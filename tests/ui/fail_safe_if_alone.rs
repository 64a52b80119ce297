//! An option that does nothing alone.

use cachekit::memoize;

#[memoize(fail_safe_if = |error| error.is_empty())]
fn f(a: u64) -> Result<u64, String> {
    Ok(a)
}

fn main() {
    f(1).unwrap();
}

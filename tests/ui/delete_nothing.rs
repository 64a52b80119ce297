//! Nothing to forget.

use cachekit::delete_memoized;

fn g() {
    let _ = delete_memoized!();
}

fn main() {
    g();
}

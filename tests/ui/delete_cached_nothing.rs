//! Nothing is named.

fn main() {
    let _ = cachekit::delete_cached!();
}

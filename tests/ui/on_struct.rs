//! The attribute on something else.

use cachekit::memoize;

#[memoize]
pub struct Point {
    pub x: u64,
}

fn main() {
    let _ = Point { x: 1 };
}

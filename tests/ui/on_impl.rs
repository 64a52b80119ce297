//! The attribute on an impl.

use cachekit::memoize;

struct Point;

#[memoize]
impl Point {
    fn f(&self) {}
}

fn main() {
    Point.f();
}

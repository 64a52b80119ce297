//! An option that `#[methods]` does not know.

use cachekit::methods;

struct Point;

#[methods(timeout = 5)]
impl Point {
    fn f(&self) {}
}

fn main() {
    Point.f();
}

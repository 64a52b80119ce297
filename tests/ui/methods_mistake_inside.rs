//! A mistake in a method under `#[methods]`.

use cachekit::{memoize, methods};

struct Point;

#[methods]
impl Point {
    #[memoize(timeout = -5)]
    fn f() {}

    fn g() {}
}

fn main() {
    Point::f();
    Point::g();
}

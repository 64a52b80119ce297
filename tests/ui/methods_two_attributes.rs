//! Two attributes on one method.

use cachekit::{memoize, methods};

struct Point;

#[methods]
impl Point {
    #[memoize]
    #[memoize(timeout = 5)]
    fn f() {}
}

fn main() {
    Point::f();
}

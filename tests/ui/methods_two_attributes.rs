//! Both attributes on one method.

use cachekit::{cached, memoize, methods};

struct Point;

#[methods]
impl Point {
    #[memoize]
    #[cached]
    fn f() {}
}

fn main() {
    Point::f();
}

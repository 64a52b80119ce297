//! Both attributes on one function.

use cachekit::{cached, memoize};

#[memoize]
#[cached]
fn f() -> u64 {
    1
}

fn main() {
    f();
}

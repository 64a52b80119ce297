//! What is computed behind the caller goes to another thread.

use std::rc::Rc;

use cachekit::memoize;

#[memoize(stale = 5)]
fn f(a: Rc<u64>) -> u64 {
    *a
}

fn main() {
    f(Rc::new(1));
}

//! A value that cannot be shared among threads.

use cachekit::memoize;

#[memoize(local)]
fn f(id: u64) -> std::rc::Rc<u64> {
    std::rc::Rc::new(id)
}

fn main() {
    f(1);
}

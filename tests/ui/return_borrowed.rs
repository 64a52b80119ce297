//! A value that borrows from an argument.

use cachekit::memoize;

#[memoize]
fn f(a: &str) -> Option<&str> {
    a.get(1..)
}

fn main() {
    f("ab");
}

//! A value that borrows from an argument, said by a lifetime.

use cachekit::memoize;

#[memoize]
fn f<'a>(a: &'a str) -> std::borrow::Cow<'a, str> {
    a.into()
}

fn main() {
    f("ab");
}

//! The name of a namespace is a part of keys.

use cachekit::memoize;

#[memoize(namespace = "the shop")]
fn spaces(a: u64) -> u64 {
    a
}

#[memoize(namespace = "")]
fn empty(a: u64) -> u64 {
    a
}

#[memoize(namespace = shop)]
fn no_text(a: u64) -> u64 {
    a
}

fn main() {
    spaces(1);
    empty(1);
    no_text(1);
}

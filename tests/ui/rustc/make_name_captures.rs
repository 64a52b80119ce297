//! A name that depends on an argument.

use cachekit::memoize;

#[memoize(make_name = |name| format!("{name}{a}"))]
fn f(a: u64) -> u64 {
    a
}

fn main() {
    f(1);
}

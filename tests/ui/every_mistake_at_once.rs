//! Mistakes of options and of the signature are reported together.

use cachekit::memoize;

#[memoize(timeout = -1, frob, max_size = 0, max_size = 1, args_to_ignore = [c, "a"])]
const fn f(a: u64, b: &str) -> &str {
    let _ = a;
    b
}

fn main() {
    f(1, "b");
}

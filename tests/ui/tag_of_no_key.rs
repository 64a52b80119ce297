//! A tag can only name what is part of the key.

use cachekit::memoize;

#[memoize(tags = ["user:{user}"], args_to_ignore = [user])]
fn f(a: u64, user: u64) -> u64 {
    a + user
}

fn main() {
    f(1, 2);
}

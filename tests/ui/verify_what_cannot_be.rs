//! What `verify` does not go with.

use cachekit::memoize;

#[memoize(verify, local)]
fn here(a: u64) -> u64 {
    a
}

#[memoize(verify = 0.5, is_stale = |_| false)]
fn asked(a: u64) -> u64 {
    a
}

#[memoize(verify = 2.0)]
fn too_many(a: u64) -> u64 {
    a
}

#[memoize(verify)]
fn lent(a: &mut u64) -> u64 {
    *a
}

fn main() {
    here(1);
    asked(1);
    too_many(1);
    lent(&mut 1);
}

//! `u64 → u64` for many keys: memoized functions with room for [`MANY`](Many::MANY), and the same with room for few.

use super::{Contestant, names};

/// The function.
pub type Call = fn(u64) -> u64;

/// How many entries they hold.
#[derive(Debug)]
pub struct Many;

impl Many {
    /// Room for every key.
    pub const MANY: usize = 2_000_000;
    /// Room for a tenth of a million keys.
    pub const FEW: usize = 100_000;
}

#[inline(never)]
fn body(n: u64) -> u64 {
    n.wrapping_mul(3)
}

/// The functions with room for all keys.
pub static SIZED: [Contestant<Call>; 5] = [
    (names::OURS, many::ours),
    (names::CACHED_PLAIN, many::plain),
    (names::CACHED, many::bounded),
    (names::CONCURRENT, many::concurrent),
    (names::CONCURRENT_TIMED, many::concurrent_bounded),
];

/// The functions with room for [`Many::FEW`].
pub static FEW: [Contestant<Call>; 4] = [
    (names::OURS, few::ours),
    (names::CACHED, few::bounded),
    ("cached `#[concurrent_cached(max_size)]`", few::concurrent),
    (names::CONCURRENT_TIMED, few::concurrent_bounded),
];

/// A million entries, for what it costs to hold, forget and sweep them.
#[cachekit::memoize(timeout = 300, max_size = 1_000_000)]
pub fn million(n: u64) -> u64 {
    body(n)
}

mod many {
    use super::body;

    #[cachekit::memoize(timeout = 300, max_size = 2_000_000)]
    pub(super) fn ours(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::cached]
    pub(super) fn plain(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::cached(max_size = 2000000, ttl_secs = 300)]
    pub(super) fn bounded(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::concurrent_cached]
    pub(super) fn concurrent(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::concurrent_cached(max_size = 2000000, ttl_secs = 300)]
    pub(super) fn concurrent_bounded(n: u64) -> u64 {
        body(n)
    }
}

mod few {
    use super::body;

    #[cachekit::memoize(timeout = 300, max_size = 100_000)]
    pub(super) fn ours(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::cached(max_size = 100000, ttl_secs = 300)]
    pub(super) fn bounded(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::concurrent_cached(max_size = 100000)]
    pub(super) fn concurrent(n: u64) -> u64 {
        body(n)
    }

    #[cached::macros::concurrent_cached(max_size = 100000, ttl_secs = 300)]
    pub(super) fn concurrent_bounded(n: u64) -> u64 {
        body(n)
    }
}

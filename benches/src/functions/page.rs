//! `u64 → 4 KiB`.

use std::sync::LazyLock;

use super::by_hand::by_hand;
use super::{Contestant, names};

/// The function.
type Call = fn(u64) -> Vec<u8>;

#[inline(never)]
fn body(n: u64) -> Vec<u8> {
    vec![n.to_le_bytes()[0]; 4096]
}

#[cachekit::memoize(timeout = 300)]
fn ours(n: u64) -> Vec<u8> {
    body(n)
}

#[cached::macros::cached]
fn plain(n: u64) -> Vec<u8> {
    body(n)
}

#[cached::macros::cached(ttl_secs = 300)]
fn timed(n: u64) -> Vec<u8> {
    body(n)
}

#[cached::macros::cached(max_size = 10000, ttl_secs = 300)]
fn bounded(n: u64) -> Vec<u8> {
    body(n)
}

#[cached::macros::concurrent_cached]
fn concurrent(n: u64) -> Vec<u8> {
    body(n)
}

#[cached::macros::concurrent_cached(max_size = 10000, ttl_secs = 300)]
fn concurrent_bounded(n: u64) -> Vec<u8> {
    body(n)
}

#[memoize::memoize(SharedCache)]
fn memoized(n: u64) -> Vec<u8> {
    body(n)
}

by_hand!((n: u64) -> Vec<u8>, u64 = n, found by &n);

/// All contestants.
pub static PAGE: LazyLock<Vec<Contestant<Call>>> = LazyLock::new(|| {
    let macros: [Contestant<Call>; 8] = [
        (names::NONE, body),
        (names::OURS, ours),
        (names::CACHED_PLAIN, plain),
        (names::CACHED_TIMED, timed),
        (names::CACHED, bounded),
        (names::CONCURRENT, concurrent),
        (names::CONCURRENT_TIMED, concurrent_bounded),
        (names::MEMOIZE, memoized),
    ];
    macros.into_iter().chain(by_hand()).collect()
});

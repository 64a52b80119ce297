//! `(u64, u64) → u64`.

use std::sync::LazyLock;

use super::by_hand::by_hand;
use super::{Contestant, names};

/// The function.
type Call = fn(u64, u64) -> u64;

#[inline(never)]
fn body(a: u64, b: u64) -> u64 {
    a.wrapping_mul(3) ^ b
}

#[cachekit::memoize(timeout = 300)]
fn ours(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cached::macros::cached]
fn plain(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cached::macros::cached(ttl_secs = 300)]
fn timed(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cached::macros::cached(max_size = 10000, ttl_secs = 300)]
fn bounded(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cached::macros::concurrent_cached]
fn concurrent(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cached::macros::concurrent_cached(max_size = 10000, ttl_secs = 300)]
fn concurrent_bounded(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[memoize::memoize(SharedCache)]
fn memoized(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[cachelito::cache(limit = 10000, ttl = 300)]
fn cachelito(a: u64, b: u64) -> u64 {
    body(a, b)
}

by_hand!((a: u64, b: u64) -> u64, (u64, u64) = (a, b), found by &(a, b));

/// All contestants.
pub static PAIR: LazyLock<Vec<Contestant<Call>>> = LazyLock::new(|| {
    let macros: [Contestant<Call>; 9] = [
        (names::NONE, body),
        (names::OURS, ours),
        (names::CACHED_PLAIN, plain),
        (names::CACHED_TIMED, timed),
        (names::CACHED, bounded),
        (names::CONCURRENT, concurrent),
        (names::CONCURRENT_TIMED, concurrent_bounded),
        (names::MEMOIZE, memoized),
        (names::CACHELITO, cachelito),
    ];
    macros.into_iter().chain(by_hand()).collect()
});

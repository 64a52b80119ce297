//! `u64 → Arc`, of which a hit only counts the references.

use std::sync::{Arc, LazyLock};

use super::by_hand::by_hand;
use super::{Contestant, names};

/// The function.
type Call = fn(u64) -> Arc<[u64; 4]>;

#[inline(never)]
fn body(n: u64) -> Arc<[u64; 4]> {
    Arc::new([n; 4])
}

/// What a floor that allocates nothing gives.
fn constant(_: u64) -> Arc<[u64; 4]> {
    static VALUE: LazyLock<Arc<[u64; 4]>> = LazyLock::new(|| Arc::new([0; 4]));
    Arc::clone(&VALUE)
}

#[cachekit::memoize(timeout = 300, local)]
fn ours(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[cached::macros::cached]
fn plain(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[cached::macros::cached(ttl_secs = 300)]
fn timed(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[cached::macros::cached(max_size = 10000, ttl_secs = 300)]
fn bounded(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[cached::macros::concurrent_cached]
fn concurrent(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[cached::macros::concurrent_cached(max_size = 10000, ttl_secs = 300)]
fn concurrent_bounded(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

#[memoize::memoize(SharedCache)]
fn memoized(n: u64) -> Arc<[u64; 4]> {
    body(n)
}

by_hand!((n: u64) -> Arc<[u64; 4]>, u64 = n, found by &n);

/// All contestants.
pub static SHARED: LazyLock<Vec<Contestant<Call>>> = LazyLock::new(|| {
    let macros: [Contestant<Call>; 8] = [
        (names::NONE, constant),
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

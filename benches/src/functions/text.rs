//! `&str → String`, 32 bytes each.

use std::sync::LazyLock;

use super::by_hand::by_hand;
use super::{Contestant, names};

/// The function.
type Call = fn(&str) -> String;

#[inline(never)]
fn body(text: &str) -> String {
    text.to_owned()
}

#[cachekit::memoize(timeout = 300)]
fn ours(text: &str) -> String {
    body(text)
}

#[cached::macros::cached]
fn plain(text: &str) -> String {
    body(text)
}

#[cached::macros::cached(ttl_secs = 300)]
fn timed(text: &str) -> String {
    body(text)
}

#[cached::macros::cached(max_size = 10000, ttl_secs = 300)]
fn bounded(text: &str) -> String {
    body(text)
}

#[cached::macros::concurrent_cached]
fn concurrent(text: &str) -> String {
    body(text)
}

#[cached::macros::concurrent_cached(max_size = 10000, ttl_secs = 300)]
fn concurrent_bounded(text: &str) -> String {
    body(text)
}

// It takes no borrowed arguments.
#[allow(clippy::needless_pass_by_value, reason = "it must")]
#[memoize::memoize(SharedCache)]
fn memoized_owned(text: String) -> String {
    body(&text)
}

fn memoized(text: &str) -> String {
    memoized_owned(text.to_owned())
}

#[cachelito::cache(limit = 10000, ttl = 300)]
fn cachelito(text: &str) -> String {
    body(text)
}

by_hand!((text: &str) -> String, String = text.to_owned(), found by text);

/// All contestants.
pub static TEXT: LazyLock<Vec<Contestant<Call>>> = LazyLock::new(|| {
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

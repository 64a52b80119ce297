//! `(u64, u64) → u64`, async; a hit is ready when it is polled once.

use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use super::{CAPACITY, Contestant, names};
use crate::stores::{LIFETIME, Quick, Store as _};

/// Calls the function and polls its future once.
type Call = fn(u64, u64) -> u64;

// Nothing in it is awaited: nor is anything in a hit.
#[allow(clippy::unused_async, reason = "the floor")]
#[inline(never)]
async fn body(a: u64, b: u64) -> u64 {
    a.wrapping_mul(3) ^ b
}

#[cachekit::memoize(timeout = 300)]
async fn ours(a: u64, b: u64) -> u64 {
    body(a, b).await
}

#[cached::macros::cached]
async fn plain(a: u64, b: u64) -> u64 {
    body(a, b).await
}

#[cached::macros::cached(max_size = 10000, ttl_secs = 300)]
async fn bounded(a: u64, b: u64) -> u64 {
    body(a, b).await
}

#[cached::macros::concurrent_cached]
async fn concurrent(a: u64, b: u64) -> u64 {
    body(a, b).await
}

async fn quick(a: u64, b: u64) -> u64 {
    static STORE: LazyLock<Quick<(u64, u64), u64>> = LazyLock::new(|| Quick::sized(CAPACITY));
    let value = STORE.get_or_insert_async(&(a, b), async { Ok::<_, ()>(body(a, b).await) }).await;
    value.unwrap_or_default()
}

async fn moka(a: u64, b: u64) -> u64 {
    type Own = moka::future::Cache<(u64, u64), u64>;
    static STORE: LazyLock<Own> =
        LazyLock::new(|| Own::builder().max_capacity(CAPACITY as u64).time_to_live(LIFETIME).build());
    STORE.get_with((a, b), body(a, b)).await
}

/// Polls once what is then ready.
fn once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nobody else uses the cache, so nothing is waited for"),
    }
}

/// All contestants.
pub static ASYNC: LazyLock<Vec<Contestant<Call>>> = LazyLock::new(|| {
    vec![
        (names::NONE, |a, b| once(body(a, b))),
        (names::OURS, |a, b| once(ours(a, b))),
        (names::CACHED_PLAIN, |a, b| once(plain(a, b))),
        (names::CACHED, |a, b| once(bounded(a, b))),
        (names::CONCURRENT, |a, b| once(concurrent(a, b))),
        (names::QUICK, |a, b| once(quick(a, b))),
        ("moka future, time_to_live", |a, b| once(moka(a, b))),
    ]
});

//! Caches to try everything on, and ways to wait.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache, memoize};

/// A cache whose values are typed, and one whose values are bytes in a backend.
pub(crate) fn caches() -> [(&'static str, Cache); 2] {
    [("table", Cache::builder().build()), ("bytes", faulty().1)]
}

/// A cache whose values are bytes in a backend, and that backend.
pub(crate) fn faulty() -> (Faulty, Cache) {
    // Room for all that is stored here, and so for the stamp that it is stored under.
    let backend = Faulty::new(SimpleCache::builder().threshold(10_000).build());
    let cache = Cache::builder().backend(backend.clone()).build();
    (backend, cache)
}

/// Runs a test in each of the [`caches`].
pub(crate) fn in_each(test: impl Fn(&'static str, &Cache)) {
    for (name, cache) in caches() {
        Scope::new(cache.clone()).run(|| test(name, &cache));
    }
}

/// Asks so long that hits go the short way, which nothing but one byte and one number keeps them from.
pub(crate) fn warm(mut call: impl FnMut()) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        call();
    }
}

/// A runtime of several threads, whose tasks are polled now here, now there.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

/// Asks until it is so, for a minute on a busy machine; returns how long it took.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never was");
        std::thread::sleep(Duration::from_millis(2));
    }
    start.elapsed()
}

/// How many values were computed: no two are the same.
static RUNS: AtomicU64 = AtomicU64::new(0);

#[memoize(timeout = 600)]
pub(crate) fn value(n: u64) -> (u64, u64) {
    (n, RUNS.fetch_add(1, SeqCst))
}

#[memoize(timeout = 600)]
pub(crate) async fn later(n: u64) -> (u64, u64) {
    (n, RUNS.fetch_add(1, SeqCst))
}

#[derive(Hash)]
pub(crate) struct Shop(pub(crate) u64);

impl Shop {
    #[memoize(timeout = 600)]
    pub(crate) fn price(&self, article: u64) -> (u64, u64) {
        (article, RUNS.fetch_add(1, SeqCst))
    }
}

pub(crate) fn recovering(limit: usize) -> (Faulty, Cache) {
    // Room for all that is stored here, and so for the stamp that it is stored under.
    let backend = Faulty::new(SimpleCache::builder().threshold(10_000).build());
    let cache = Cache::builder().backend(backend.clone()).key_prefix("app:").recover(limit).build();
    (backend, cache)
}

/// Runs a test in a cache that keeps so many.
pub(crate) fn in_cache(limit: usize, test: impl FnOnce(&Faulty, &Cache)) {
    let (backend, cache) = recovering(limit);
    Scope::new(cache.clone()).run(|| test(&backend, &cache));
}

pub(crate) fn recovered(cache: &Cache) {
    until(|| cache.recovery().waiting == 0);
}

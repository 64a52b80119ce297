//! Caches to try everything on, and ways to wait.

use std::time::{Duration, Instant};

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache};

/// A cache whose values are typed, and one whose values are bytes in a backend.
pub(crate) fn caches() -> [(&'static str, Cache); 2] {
    [("table", Cache::builder().build()), ("bytes", faulty().1)]
}

/// A cache whose values are bytes in a backend, and that backend.
pub(crate) fn faulty() -> (Faulty, Cache) {
    let backend = Faulty::new(SimpleCache::new());
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

//! `Cache::get_or_insert_with`: one computation for all, nothing resurrected, on every kind of backend.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::{Cache, FileSystemCache, ManualClock, NullCache, SimpleCache, testing::Faulty};

/// Calls `test` with a cache in this process, one outside it and one in files.
fn everywhere(test: impl Fn(&str, &Cache)) {
    let folder = tempfile::tempdir().unwrap();
    test("in process", &Cache::builder().build());
    test("bytes", &Cache::builder().backend(Faulty::new(SimpleCache::new())).build());
    test("files", &Cache::builder().backend(FileSystemCache::open(folder.path()).unwrap()).build());
}

#[test]
fn it_computes_once_and_stores() {
    everywhere(|name, cache| {
        let runs = AtomicUsize::new(0);
        let barrier = Barrier::new(16);
        let compute = || {
            runs.fetch_add(1, SeqCst);
            thread::sleep(Duration::from_millis(50));
            "value".to_owned()
        };
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(cache.get_or_insert_with("key", 60, compute), "value");
                });
            }
        });
        assert_eq!(runs.load(SeqCst), 1, "{name}");
        assert_eq!(cache.get::<String>("key").unwrap().as_deref(), Some("value"), "{name}");
        cache.delete("key").unwrap();
        assert_eq!(cache.get_or_insert_with("key", 60, || "another".to_owned()), "another", "{name}");
    });
}

#[test]
fn an_error_is_not_stored_and_the_next_caller_computes() {
    everywhere(|name, cache| {
        let failed: Result<u64, &str> = cache.get_or_try_insert_with("key", 60, || Err("no"));
        assert_eq!(failed, Err("no"), "{name}");
        assert_eq!(cache.get_or_try_insert_with("key", 60, || Ok::<_, &str>(7_u64)), Ok(7), "{name}");
        assert_eq!(cache.get("key").unwrap(), Some(7_u64), "{name}");
    });
}

#[test]
fn the_timeout_counts() {
    let clock = ManualClock::new();
    let backend = SimpleCache::builder().clock(clock.clock()).build();
    let cache = Cache::builder().backend(backend).clock(clock.clock()).build();
    assert_eq!(cache.get_or_insert_with("key", 10, || 1), 1);
    clock.advance(Duration::from_secs(9));
    assert_eq!(cache.get_or_insert_with("key", 10, || 2), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get_or_insert_with("key", 10, || 3), 3);
}

#[test]
fn a_cache_that_fails_or_is_off_costs_a_computation() {
    let faulty = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(faulty.clone()).build();
    faulty.fail(true);
    assert_eq!(cache.get_or_insert_with("key", 60, || 1), 1);
    faulty.fail(false);
    assert_eq!(cache.get_or_insert_with("key", 60, || 2), 2);
    let off = Cache::builder().backend(NullCache).build();
    assert_eq!(off.get_or_insert_with("key", 60, || 1), 1);
    assert_eq!(off.get_or_insert_with("key", 60, || 2), 2);
}

#[test]
fn a_value_may_need_another_and_itself() {
    let cache = Cache::builder().build();
    let value = cache.get_or_insert_with("outer", 60, || {
        let inner = cache.get_or_insert_with("inner", 60, || 2);
        inner + cache.get_or_insert_with("outer", 60, || 40)
    });
    assert_eq!(value, 42);
}

#[test]
fn async_callers_compute_once() {
    everywhere(|name, cache| {
        let runs = AtomicUsize::new(0);
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let call = || async {
                cache
                    .get_or_insert_with_async("key", 60, || async {
                        runs.fetch_add(1, SeqCst);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        vec![1, 2, 3]
                    })
                    .await
            };
            let (a, b, c) = tokio::join!(call(), call(), call());
            assert_eq!([a, b, c], [(); 3].map(|()| vec![1, 2, 3]));
        });
        assert_eq!(runs.load(SeqCst), 1, "{name}");
    });
}

#[test]
fn what_a_user_added_meanwhile_stays() {
    everywhere(|name, cache| {
        let computed = cache.get_or_insert_with("key", 60, || {
            assert!(cache.add("key", "added", 60).unwrap());
            "computed".to_owned()
        });
        assert_eq!(computed, "computed", "{name}");
        assert_eq!(cache.get::<String>("key").unwrap().as_deref(), Some("added"), "{name}");
    });
}

/// As `promise5`: what was deleted, replaced or cleared while it was computed does not come back.
#[test]
fn nothing_older_is_read_after_it_was_forgotten() {
    for seed in 0..300_u64 {
        let backend = Faulty::new(SimpleCache::new());
        let caches = [Cache::builder().build(), Cache::builder().backend(backend).build()];
        for cache in caches {
            let (truth, acknowledged) = (AtomicU64::new(0), AtomicU64::new(0));
            thread::scope(|scope| {
                for reader in 0..3 {
                    let (cache, truth, acknowledged) = (&cache, &truth, &acknowledged);
                    scope.spawn(move || {
                        for round in 0..15 {
                            let floor = acknowledged.load(SeqCst);
                            let value = cache.get_or_insert_with("key", 60, || {
                                let value = truth.load(SeqCst);
                                if (seed + reader + round) % 3 == 0 {
                                    thread::sleep(Duration::from_micros(30));
                                }
                                value
                            });
                            assert!(value >= floor, "seed {seed}: read {value} after {floor}");
                        }
                    });
                }
                let (cache, truth, acknowledged) = (&cache, &truth, &acknowledged);
                scope.spawn(move || {
                    for round in 0..15 {
                        let written = truth.fetch_add(1, SeqCst) + 1;
                        match (seed + round) % 3 {
                            0 => drop(cache.delete("key").unwrap()),
                            1 => cache.set("key", &written, 60).unwrap(),
                            _ => cache.clear().unwrap(),
                        }
                        acknowledged.store(written, SeqCst);
                        thread::yield_now();
                    }
                });
            });
        }
    }
}

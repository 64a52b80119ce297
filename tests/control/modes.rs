//! The modes of a thread and of a task.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use cachekit::testing::Scope;
use cachekit::{Cache, CacheMode, memoize};

use crate::support::{caches, in_each, runtime, warm};

thread_local! {
    /// What a body gives next: each run gives another value.
    static RUNS: Cell<u64> = const { Cell::new(0) };
}

fn run() -> u64 {
    RUNS.set(RUNS.get() + 1);
    RUNS.get()
}

#[memoize]
fn value(n: u64) -> (u64, u64) {
    (n, run())
}

#[memoize(unless = n == 0, forced_update = n == 1, is_stale = |value: &(u64, u64)| value.0 == 2)]
fn hooked(n: u64) -> (u64, u64) {
    (n, run())
}

/// The runs of bodies that `call` caused.
fn runs<T>(call: impl FnOnce() -> T) -> u64 {
    let before = RUNS.get();
    call();
    RUNS.get() - before
}

#[test]
fn off_neither_reads_nor_stores() {
    in_each(|name, _| {
        let cached = value(7);
        CacheMode::Off.scope(|| {
            assert_ne!(value(7), cached, "{name}");
            assert_eq!(value::peek(7), None, "{name}");
            assert_eq!(runs(|| (value(8), value(8))), 2, "{name}");
            assert_eq!(runs(|| value::refresh(7)), 1, "{name}");
        });
        assert_eq!((value(7), value::peek(8)), (cached, None), "{name}");
    });
}

#[test]
fn refresh_computes_and_stores_whatever_is_cached() {
    in_each(|name, _| {
        let old = value(7);
        let new = CacheMode::Refresh.scope(|| {
            let first = value(7);
            assert_ne!(first, old, "{name}");
            assert_eq!(value::peek(7), None, "{name}");
            let second = value(7);
            assert_ne!(second, first, "{name}");
            second
        });
        assert_eq!(value(7), new, "{name}");
    });
}

#[test]
fn read_only_reads_and_stores_nothing() {
    in_each(|name, _| {
        let cached = value(7);
        CacheMode::ReadOnly.scope(|| {
            assert_eq!((value(7), value::peek(7)), (cached, Some(cached)), "{name}");
            assert_eq!(runs(|| (value(8), value(8))), 2, "{name}");
            assert_eq!(runs(|| value::refresh(7)), 1, "{name}");
            assert_eq!(runs(|| value::uncached(7)), 1, "{name}");
        });
        assert_eq!((value(7), value::peek(8)), (cached, None), "{name}");
    });
}

/// Not even a version hash is created where nothing may be written.
#[test]
fn read_only_leaves_no_trace_in_a_backend() {
    let [_, (_, cache)] = caches();
    Scope::new(cache.clone()).run(|| {
        let before = cache.backend().entries();
        CacheMode::ReadOnly.scope(|| value(1));
        assert_eq!(cache.backend().entries(), before);
        value(1);
        assert!(cache.backend().entries() > before);
    });
}

#[test]
fn hooks_decide_within_what_the_mode_allows() {
    in_each(|name, _| {
        let twice = |n, mode: CacheMode| mode.scope(|| runs(|| (hooked(n), hooked(n))));
        for mode in [CacheMode::Normal, CacheMode::Off, CacheMode::Refresh, CacheMode::ReadOnly] {
            for n in [0, 1, 2] {
                assert_eq!(twice(n, mode), 2, "{name} {mode:?} {n}");
            }
        }
        for (mode, runs) in [(CacheMode::ReadOnly, 2), (CacheMode::Off, 2), (CacheMode::Refresh, 2)] {
            assert_eq!(twice(3, mode), runs, "{name} {mode:?}");
        }
        let stats = hooked::stats();
        assert_eq!(twice(3, CacheMode::ReadOnly), 0, "{name}: refreshed before");
        assert_eq!(hooked::stats().hits - stats.hits, 2, "{name}: counted once each");
        hooked(1);
        let kept = hooked::peek(1);
        CacheMode::ReadOnly.scope(|| hooked(1));
        assert!(kept.is_some() && hooked::peek(1) == kept, "{name}");
    });
}

#[test]
fn deletions_happen_in_every_mode() {
    for mode in [CacheMode::Normal, CacheMode::Off, CacheMode::Refresh, CacheMode::ReadOnly] {
        in_each(|name, cache| {
            for forget in [
                || value::delete_memoized_with(7).map(drop),
                value::delete_memoized,
                value::delete_memoized_verhash,
                || cachekit::current().delete(&value::make_cache_key(7)).map(drop),
                || cachekit::current().clear(),
            ] {
                value(7);
                assert!(value::peek(7).is_some(), "{name} {mode:?}");
                mode.scope(forget).unwrap();
                assert_eq!(value::peek(7), None, "{name} {mode:?}");
            }
            mode.scope(|| cache.set("k", &1, 60)).unwrap();
            assert_eq!(mode.scope(|| cache.inc("k", 1)).unwrap(), 2, "{name}: asked by hand");
        });
    }
}

#[test]
fn get_or_insert_with_follows_the_mode() {
    in_each(|name, cache| {
        let get = |value| cache.get_or_insert_with("k", 60, || value);
        assert_eq!(CacheMode::ReadOnly.scope(|| get(1)), 1, "{name}");
        assert_eq!(CacheMode::Off.scope(|| get(2)), 2, "{name}");
        assert_eq!(cache.get::<u64>("k").unwrap(), None, "{name}");
        assert_eq!(get(3), 3);
        for (mode, computed) in [(CacheMode::Off, 4), (CacheMode::ReadOnly, 3), (CacheMode::Normal, 3)] {
            assert_eq!(mode.scope(|| get(4)), computed, "{name} {mode:?}");
        }
        assert_eq!(CacheMode::Refresh.scope(|| get(5)), 5, "{name}");
        assert_eq!((get(6), cache.get::<u64>("k").unwrap()), (5, Some(5)), "{name}");
        // Deleted while it is computed: not stored, as ever.
        CacheMode::Refresh.scope(|| {
            cache.get_or_insert_with("k", 60, || {
                cache.delete("k").unwrap();
                7
            })
        });
        assert_eq!(cache.get::<u64>("k").unwrap(), None, "{name}");
    });
}

#[test]
fn the_innermost_counts_and_ends_with_its_scope() {
    Scope::new(Cache::builder().build()).run(|| {
        assert_eq!(CacheMode::current(), CacheMode::Normal);
        CacheMode::Off.scope(|| {
            CacheMode::Normal.scope(|| value(1));
            assert_eq!(CacheMode::current(), CacheMode::Off);
            value(2);
        });
        assert!(value::peek(1).is_some() && value::peek(2).is_none());
        let panicked = catch_unwind(|| CacheMode::Off.scope(|| panic!("as it should")));
        assert!(panicked.is_err());
        assert_eq!(CacheMode::current(), CacheMode::Normal);
        let inner = Scope::new(Cache::builder().build());
        CacheMode::Off.scope(|| inner.run(|| assert_eq!(runs(|| (value(1), value(1))), 2)));
        inner.run(|| CacheMode::ReadOnly.scope(|| assert_eq!(value::peek(1), None)));
        assert!(value::peek(1).is_some(), "the outer caches are back");
    });
}

#[test]
fn other_threads_are_outside() {
    CacheMode::Off.scope(|| {
        let theirs = thread::spawn(CacheMode::current).join().unwrap();
        assert_eq!((theirs, CacheMode::current()), (CacheMode::Normal, CacheMode::Off));
    });
}

/// Each task keeps its mode, on whatever threads they are polled and however they take turns there.
#[test]
fn a_mode_follows_its_task() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[memoize]
    async fn slow(n: usize) -> u64 {
        tokio::task::yield_now().await;
        let run = RUNS.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        run
    }
    let modes = [CacheMode::Normal, CacheMode::Off, CacheMode::Refresh, CacheMode::ReadOnly];
    runtime().block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|task| {
                let mode = modes[task % 4];
                tokio::spawn(mode.scope_async(async move {
                    let first = slow(task).await;
                    tokio::task::yield_now().await;
                    assert_eq!(CacheMode::current(), mode);
                    let second = slow(task).await;
                    let inner = CacheMode::Normal.scope_async(slow(task)).await;
                    assert_eq!(CacheMode::current(), mode);
                    (first, second, inner)
                }))
            })
            .collect();
        for (task, handle) in tasks.into_iter().enumerate() {
            let (first, second, inner) = handle.await.unwrap();
            match modes[task % 4] {
                CacheMode::Normal => assert!(first == second && second == inner),
                CacheMode::Refresh => assert!(first != second && second == inner),
                _ => assert!(first != second && second != inner),
            }
        }
        let spawned =
            CacheMode::Off.scope_async(async { tokio::spawn(async { CacheMode::current() }).await });
        assert_eq!(spawned.await.unwrap(), CacheMode::Normal);
    });
}

/// Whoever reads only neither waits for others nor has them wait.
#[test]
fn a_caller_that_stores_nothing_leads_nobody() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    #[memoize]
    fn slow(_n: u64) -> u64 {
        thread::sleep(std::time::Duration::from_millis(50));
        RUNS.fetch_add(1, SeqCst)
    }
    thread::scope(|scope| {
        scope.spawn(|| CacheMode::ReadOnly.scope(|| slow(1)));
        thread::sleep(std::time::Duration::from_millis(10));
        scope.spawn(|| slow(1));
    });
    assert_eq!(RUNS.load(SeqCst), 2);
    assert!(slow::peek(1).is_some());
}

/// Where no scope of caches is around, and hits go the short way.
#[test]
fn a_warm_hit_sees_its_mode() {
    #[memoize]
    fn warmed(n: u64) -> (u64, u64) {
        (n, run())
    }
    let old = warmed(1);
    warm(|| assert_eq!(warmed(1), old));
    for _ in 0..3 {
        CacheMode::Off.scope(|| assert_ne!(warmed(1), old));
        assert_eq!(CacheMode::ReadOnly.scope(|| warmed(1)), old);
        let ((), record) = cachekit::Record::of(|| assert_eq!(warmed(1), old));
        assert_eq!(record.count(cachekit::Outcome::Hit), 1);
        let transaction = cachekit::AfterCommit::new();
        transaction.run(|| {
            assert_eq!(warmed(1), old);
            warmed::delete_memoized_with(1).unwrap();
            assert_ne!(warmed(1), old);
        });
        assert_eq!(warmed(1), old);
    }
    let new = CacheMode::Refresh.scope(|| warmed(1));
    assert_eq!(warmed(1), new);
}

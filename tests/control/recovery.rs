//! Invalidations that failed and are tried again, on a backend that fails on command.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{AfterCommit, Cache, Result, delete_memoized};
use cachekit_tests::via::Via;

use crate::deaf::{Deaf, Slow};
use crate::support::{Shop, in_cache, later, recovered, recovering, runtime, until, value};

type Forget = fn(&Cache) -> Result<()>;

const WAYS: [(&str, Forget); 7] = [
    ("call", |_| value::delete_memoized_with(1).map(drop)),
    ("function", |_| value::delete_memoized()),
    ("stamp", |_| value::delete_memoized_verhash()),
    ("delete", |cache| cache.delete(&value::make_cache_key(1)).map(drop)),
    ("delete_many", |cache| cache.delete_many(&["other", &value::make_cache_key(1)]).map(drop)),
    ("clear", Cache::clear),
    ("commit", |_| {
        let transaction = AfterCommit::new();
        transaction.run(|| value::delete_memoized_with(1))?;
        Ok(transaction.commit()?)
    }),
];

#[test]
fn what_could_not_be_forgotten_is_not_served_and_forgotten_later() {
    for (way, forget) in WAYS {
        in_cache(100, |backend, cache| {
            let (old, key) = (value(1), value::make_cache_key(1));
            backend.fail(true);
            let error = forget(cache).unwrap_err();
            assert!(format!("{error:#}").contains("it will be tried again"), "{way}: {error:#}");
            assert!(cache.recovery().waiting > 0, "{way}");
            until(|| cache.recovery().failures > 0);
            // Whoever holds the backend in his hand still finds it.
            backend.fail(false);
            let waiting = cache.recovery().waiting > 0;
            let served = (value(1), value::peek(1), cache.get::<(u64, u64)>(&key).unwrap());
            assert!(served.0 != old && served.1 != Some(old) && served.2 != Some(old), "{way}, {waiting}");
            recovered(cache);
            let stats = cache.recovery();
            assert!(stats.recovered > 0 && stats.failures > 0 && stats.lost == 0, "{way}: {stats:?}");
            assert_ne!(value::peek(1), Some(old), "{way}");
            assert_eq!(value(1), value(1), "{way}: and all is as before");
            // Another cache on the same backend, as another process has it.
            let other = Cache::builder().backend(backend.clone()).key_prefix("app:").build();
            assert_ne!(Scope::new(other).run(|| value::peek(1)), Some(old), "{way}");
        });
    }
}

/// While it waits nothing is served, however often it is asked and in whatever way: the backend is well, and only
/// invalidations fail.
#[test]
fn nothing_is_served_while_it_waits() {
    let (deaf, cache) = Deaf::new();
    let cache = cache.recover(10).build();
    Scope::new(cache.clone()).run(|| {
        let old = [value(1), value(2)];
        let shop = (Shop(1).price(1), Shop(2).price(1));
        cache.set("k", &7, 60).unwrap();
        deaf.refuse(true);
        assert!(delete_memoized!(value, 1).is_err());
        assert!(Shop(1).price_delete_memoized().is_err());
        assert!(cache.delete("k").is_err());
        for _ in 0..100 {
            assert_ne!(value(1), old[0]);
            assert_eq!(value::peek(1), None);
            assert_eq!(value(2), old[1], "what is not concerned is served");
            assert_ne!(Shop(1).price(1), shop.0);
            assert_eq!(Shop(2).price(1), shop.1);
            assert_eq!(cache.get::<u64>("k").unwrap(), None);
            assert!(!cache.has("k").unwrap());
            assert_eq!(cache.get_or_insert_with("k", 60, || 8), 8);
            let key = value::make_cache_key(1);
            assert_eq!(cache.get_many::<(u64, u64)>(&[&key]).unwrap(), [None]);
            assert!(cache.inc("k", 1).is_err(), "nobody counts on from what should be gone");
            assert!(cache.add("k", &1, 60).is_err());
        }
        assert_eq!(cache.recovery().waiting, 3);
        deaf.refuse(false);
        recovered(&cache);
        assert_eq!(cache.inc("k", 1).unwrap(), 1);
        assert_ne!(value(1), old[0]);
        assert_eq!((value(1), value(2)), (value(1), old[1]));
        assert_eq!(cache.recovery().recovered, 3);
    });
}

/// Whoever builds upon a key has what waits for it done first.
#[test]
fn counting_settles_what_waits() {
    in_cache(10, |backend, cache| {
        cache.set("n", &5, 60).unwrap();
        backend.fail(true);
        cache.delete("n").unwrap_err();
        backend.fail(false);
        assert_eq!(cache.inc("n", 1).unwrap(), 1);
        assert_eq!(cache.recovery().waiting, 0);
    });
}

#[test]
fn the_async_flavour_is_kept_as_well() {
    let (backend, cache) = recovering(10);
    runtime().block_on(Scope::new(cache.clone()).run_async(async {
        let old = later(1).await;
        backend.fail(true);
        later::delete_memoized_with(1).await.unwrap_err();
        cache.delete_async("k").await.unwrap_err();
        assert_eq!(cache.recovery().waiting, 2);
        backend.fail(false);
        assert_ne!(later(1).await, old);
        recovered(&cache);
        assert_ne!(later(1).await, old);
        assert_eq!(later(1).await, later(1).await);
    }));
}

/// A commit that is dropped on the way leaves the rest to recovery.
#[test]
fn a_dropped_commit_is_carried_on() {
    let (backend, cache) = recovering(10);
    let slow = Via::new(Slow, backend);
    let cache = Cache::builder().backend(slow).key_prefix(cache.backend_key("")).recover(10).build();
    cache.set("a", &1, 60).unwrap();
    cache.set("b", &1, 60).unwrap();
    let transaction = AfterCommit::new();
    transaction.run(|| cache.delete_many(&["a", "b"])).unwrap();
    runtime().block_on(async {
        let commit = tokio::time::timeout(Duration::from_millis(20), transaction.commit_async());
        assert!(commit.await.is_err());
    });
    recovered(&cache);
    assert_eq!(cache.get_many::<u64>(&["a", "b"]).unwrap(), [None, None]);
}

/// Threads that invalidate, set and read while the backend comes and goes: nobody is served what he knows to be gone.
#[test]
fn in_a_crowd_nothing_old_is_served() {
    in_cache(4, |backend, cache| {
        const KEYS: usize = 8;
        let versions: [AtomicU64; KEYS] = std::array::from_fn(|_| AtomicU64::new(1));
        let floors: [AtomicU64; KEYS] = std::array::from_fn(|_| AtomicU64::new(0));
        let served = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..60 {
                    backend.fail(round % 2 == 0);
                    thread::sleep(Duration::from_millis(20));
                }
                backend.fail(false);
            });
            for writer in 0..2 {
                let (versions, floors) = (&versions, &floors);
                scope.spawn(move || {
                    for step in 0..600 {
                        let key = (step * 5 + writer) % (KEYS / 2) * 2 + writer;
                        let new = versions[key].fetch_add(1, SeqCst) + 1;
                        // Whether it could be told or not: from now on nothing older is served in this process.
                        let _ = cache.delete(&format!("k{key}"));
                        floors[key].fetch_max(new, SeqCst);
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
            for reader in 0..2 {
                let (versions, floors, served) = (&versions, &floors, &served);
                scope.spawn(move || {
                    for step in 0..4000 {
                        let key = (step * 3 + reader) % KEYS;
                        let floor = floors[key].load(SeqCst);
                        let read = || versions[key].load(SeqCst);
                        let found = cache.get_or_insert_with(&format!("k{key}"), 600, read);
                        assert!(found >= floor, "key {key}: {found} is older than {floor}");
                        served.fetch_add(1, SeqCst);
                        thread::sleep(Duration::from_micros(100));
                    }
                });
            }
        });
        recovered(cache);
        let stats = cache.recovery();
        println!("{} reads, none of them old; {stats:?}", served.load(SeqCst));
        for (key, version) in versions.iter().enumerate() {
            let found: Option<u64> = cache.get(&format!("k{key}")).unwrap();
            assert!(found.is_none_or(|found| found == version.load(SeqCst)), "key {key}");
        }
        assert!(stats.recovered > 0, "{stats:?}");
    });
}

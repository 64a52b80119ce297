//! Invalidations that failed and are tried again, on a backend that fails on command.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::{Faulty, Scope};
use cachekit::{AfterCommit, Cache, RecoveryStats, Result, SimpleCache, delete_memoized, memoize};

use crate::support::{runtime, until};

static RUNS: AtomicU64 = AtomicU64::new(0);

#[memoize(timeout = 600)]
fn value(n: u64) -> (u64, u64) {
    (n, RUNS.fetch_add(1, SeqCst))
}

#[memoize(timeout = 600)]
async fn later(n: u64) -> (u64, u64) {
    (n, RUNS.fetch_add(1, SeqCst))
}

#[derive(Hash)]
struct Shop(u64);

impl Shop {
    #[memoize]
    fn price(&self, article: u64) -> (u64, u64) {
        (article, RUNS.fetch_add(1, SeqCst))
    }
}

fn recovering(limit: usize) -> (Faulty, Cache) {
    let backend = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(backend.clone()).key_prefix("app:").recover(limit).build();
    (backend, cache)
}

/// Runs a test in a cache that keeps so many.
fn in_cache(limit: usize, test: impl FnOnce(&Faulty, &Cache)) {
    let (backend, cache) = recovering(limit);
    Scope::new(cache.clone()).run(|| test(&backend, &cache));
}

fn recovered(cache: &Cache) {
    until(|| cache.recovery().waiting == 0);
}

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
    let refuses = Arc::new(AtomicBool::new(false));
    let backend = deaf::Deaf { inner: SimpleCache::new(), refuses: Arc::clone(&refuses) };
    let cache = Cache::builder().backend(backend).recover(10).build();
    Scope::new(cache.clone()).run(|| {
        let old = [value(1), value(2)];
        let shop = (Shop(1).price(1), Shop(2).price(1));
        cache.set("k", &7, 60).unwrap();
        refuses.store(true, SeqCst);
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
        refuses.store(false, SeqCst);
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
fn of_several_the_newest_counts() {
    in_cache(10, |backend, cache| {
        value(1);
        backend.fail(true);
        for _ in 0..20 {
            value::delete_memoized_with(1).unwrap_err();
            cache.delete("k").unwrap_err();
        }
        assert_eq!(cache.recovery().waiting, 2);
        value::delete_memoized().unwrap_err();
        assert_eq!(cache.recovery().waiting, 2, "the function covers its call");
        value::delete_memoized_with(2).unwrap_err();
        assert_eq!(cache.recovery().waiting, 2);
        cache.clear().unwrap_err();
        assert_eq!(cache.recovery().waiting, 1, "everything covers all");
        backend.fail(false);
        recovered(cache);
    });
}

#[test]
fn a_newer_value_makes_it_needless() {
    let refuses = Arc::new(AtomicBool::new(true));
    let backend = deaf::Deaf { inner: SimpleCache::new(), refuses: Arc::clone(&refuses) };
    let cache = Cache::builder().backend(backend).recover(10).build();
    cache.set("a", &1, 60).unwrap();
    cache.set("b", &1, 60).unwrap();
    cache.delete("a").unwrap_err();
    cache.delete("b").unwrap_err();
    cache.set("a", &2, 60).unwrap();
    assert_eq!((cache.get::<u64>("a").unwrap(), cache.recovery().waiting), (Some(2), 1));
    assert_eq!(cache.set_many(&[("b", 2)], 60).unwrap(), ["b"]);
    assert_eq!((cache.recovery().waiting, cache.recovery().superseded), (0, 2));
    refuses.store(false, SeqCst);
    thread::sleep(Duration::from_millis(300));
    assert_eq!((cache.get::<u64>("a").unwrap(), cache.get::<u64>("b").unwrap()), (Some(2), Some(2)));
}

#[test]
fn a_later_success_makes_it_needless() {
    in_cache(10, |backend, cache| {
        value(1);
        backend.fail(true);
        value::delete_memoized_with(1).unwrap_err();
        Shop(1).price_delete_memoized().unwrap_err();
        cache.delete("k").unwrap_err();
        backend.fail(false);
        cache.clear().unwrap();
        let stats = cache.recovery();
        assert_eq!((stats.waiting, stats.superseded + stats.recovered), (0, 3), "{stats:?}");
    });
}

#[test]
fn where_there_is_no_room_the_whole_function_is_forgotten() {
    in_cache(5, |backend, cache| {
        let old: Vec<_> = (0..20).map(value).collect();
        cache.set("k", &1, 60).unwrap();
        backend.fail(true);
        for n in 0..5 {
            let error = value::delete_memoized_with(n).unwrap_err();
            assert!(error.to_string().contains("tried again"), "{error}");
        }
        let error = value::delete_memoized_with(5).unwrap_err();
        assert!(error.to_string().contains("its whole function will be forgotten"), "{error}");
        let stats = cache.recovery();
        assert_eq!((stats.waiting, stats.widened, stats.lost), (1, 1, 0), "{stats:?}");
        for n in 6..20 {
            value::delete_memoized_with(n).unwrap_err();
        }
        assert_eq!(cache.recovery().waiting, 1);
        backend.fail(false);
        for n in 0..20 {
            assert_ne!(value(n), old[usize::try_from(n).unwrap()]);
        }
        recovered(cache);
        assert_eq!(cache.get::<u64>("k").unwrap(), Some(1), "the rest is untouched");
    });
}

#[test]
fn where_there_is_no_room_for_keys_the_cache_is_cleared() {
    in_cache(3, |backend, cache| {
        let keys: Vec<_> = (0..10).map(|n| format!("k{n}")).collect();
        for key in &keys {
            cache.set(key, &1, 60).unwrap();
        }
        backend.fail(true);
        value::delete_memoized_with(1).unwrap_err();
        value::delete_memoized_with(2).unwrap_err();
        for key in &keys[..3] {
            let error = cache.delete(key).unwrap_err();
            assert!(error.to_string().contains("it will be tried again"), "{error}");
        }
        assert_eq!(cache.recovery().waiting, 4, "three keys and one function in place of its calls");
        let error = cache.delete(&keys[3]).unwrap_err();
        assert!(error.to_string().contains("the whole cache will be cleared"), "{error}");
        assert_eq!(cache.recovery().waiting, 1);
        backend.fail(false);
        recovered(cache);
        let found: Vec<Option<u64>> = cache.get_many(&keys.iter().map(|k| &**k).collect::<Vec<_>>()).unwrap();
        assert_eq!(found, [None; 10]);
    });
}

/// Without a prefix, clearing would remove what is not this program's.
#[test]
fn without_a_prefix_a_key_too_many_is_lost_and_that_is_said() {
    let backend = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(backend.clone()).recover(1).build();
    backend.fail(true);
    cache.delete("a").unwrap_err();
    let error = cache.delete("b").unwrap_err();
    assert!(error.to_string().contains("not tried again"), "{error}");
    let stats = cache.recovery();
    assert_eq!((stats.waiting, stats.lost, stats.widened), (1, 1, 0), "{stats:?}");
    backend.fail(false);
    recovered(&cache);
}

#[test]
fn without_being_asked_nothing_is_kept() {
    for cache in [
        Cache::builder().backend(Faulty::new(SimpleCache::new())),
        Cache::builder().backend(Faulty::new(SimpleCache::new())).recover(0),
    ] {
        let (backend, cache) = (Faulty::new(SimpleCache::new()), cache);
        let cache = cache.backend(backend.clone()).build();
        backend.fail(true);
        let error = cache.delete("a").unwrap_err();
        assert!(!error.to_string().contains("recovery"), "{error}");
        assert_eq!(cache.recovery(), RecoveryStats::default());
    }
}

#[test]
fn it_is_a_setting() {
    let config = |text: &str| cachekit::Config::new().set("CACHE_RECOVERY", text);
    assert_eq!(config("100").unwrap().get_recovery(), Some(100));
    assert_eq!(config("0").unwrap().get_recovery(), None);
    assert!(config("many").unwrap_err().to_string().contains("a number of invalidations"));
    let by_url = cachekit::Config::from_url("simple://?recovery=7&recompute_limit=2").unwrap();
    assert_eq!((by_url.get_recovery(), by_url.get_recompute_limit()), (Some(7), Some(2)));
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
    let slow = deaf::Slow(backend);
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

/// Backends for this page only.
mod deaf {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::time::Duration;

    use cachekit::testing::Faulty;
    use cachekit::{Answer, Backend, Capability, Error, ErrorKind, Result, Seen, SimpleCache};

    /// Reads and fills, but refuses to forget: no deletion, no tombstone, no new stamp.
    #[derive(Debug)]
    pub(super) struct Deaf {
        pub(super) inner: SimpleCache,
        pub(super) refuses: Arc<AtomicBool>,
    }

    impl Deaf {
        fn check(&self) -> Result<()> {
            if self.refuses.load(SeqCst) {
                return Err(Error::new(ErrorKind::Backend, "told to refuse"));
            }
            Ok(())
        }
    }

    impl Backend for Deaf {
        fn name(&self) -> &'static str {
            "Deaf"
        }

        fn capability(&self) -> Capability {
            let mut capability = self.inner.capability();
            capability.in_process = false;
            capability
        }

        fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
            self.inner.get_many(keys)
        }

        fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
            // What a user sets is an integer here; a stamp has 8 bytes, a tombstone more.
            if items.iter().any(|(_, value)| value.len() >= 8) {
                self.check()?;
            }
            self.inner.set_many(items, lifetime)
        }

        fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
            self.inner.add(key, value, lifetime)
        }

        fn compare_and_set(
            &self,
            key: &str,
            seen: Option<Seen<'_>>,
            value: &[u8],
            lifetime: Option<Duration>,
        ) -> Result<bool> {
            self.inner.compare_and_set(key, seen, value, lifetime)
        }

        fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
            self.check()?;
            self.inner.delete_many(keys)
        }

        fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
            self.inner.increment(key, delta, lifetime)
        }

        fn clear(&self, prefix: &str) -> Result<()> {
            self.check()?;
            self.inner.clear(prefix)
        }
    }

    /// Takes for ever to delete where that need not block.
    #[derive(Debug)]
    pub(super) struct Slow(pub(super) Faulty);

    impl Backend for Slow {
        fn name(&self) -> &'static str {
            "Slow"
        }

        fn capability(&self) -> Capability {
            self.0.capability()
        }

        fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
            self.0.get_many(keys)
        }

        fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
            self.0.set_many(items, lifetime)
        }

        fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
            self.0.add(key, value, lifetime)
        }

        fn compare_and_set(
            &self,
            key: &str,
            seen: Option<Seen<'_>>,
            value: &[u8],
            lifetime: Option<Duration>,
        ) -> Result<bool> {
            self.0.compare_and_set(key, seen, value, lifetime)
        }

        fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
            self.0.delete_many(keys)
        }

        fn delete_many_async<'a>(&'a self, _keys: &'a [&'a str]) -> Answer<'a, Result<Vec<bool>>> {
            Answer::later(std::future::pending())
        }

        fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
            self.0.increment(key, delta, lifetime)
        }

        fn clear(&self, prefix: &str) -> Result<()> {
            self.0.clear(prefix)
        }
    }
}

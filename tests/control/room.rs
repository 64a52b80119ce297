//! How many invalidations wait to be tried again, and what becomes of those for which there is no room.

use cachekit::testing::Faulty;
use cachekit::{Cache, RecoveryStats, SimpleCache};

use crate::support::{in_cache, recovered, value};

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

//! A function of which only some calls are cached.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cachekit::testing::Scope;
use cachekit::{Cache, cached, memoize};

use crate::support::{in_each, warm};

static RUNS: AtomicU64 = AtomicU64::new(0);

/// The calls, out of a thousand, that are answered from the cache.
fn hits(call: impl Fn(u64) -> (u64, u64)) -> Vec<u64> {
    for n in 0..1000 {
        call(n);
    }
    (0..1000).filter(|n| call(*n) == call(*n)).collect()
}

macro_rules! value {
    ($name:ident) => {
        #[memoize]
        fn $name(n: u64) -> (u64, u64) {
            (n, RUNS.fetch_add(1, SeqCst))
        }
    };
}

value!(stable);

#[test]
fn so_many_percent_are_cached_and_more_include_fewer() {
    value!(value);
    in_each(|name, _| {
        let mut before = Vec::new();
        for percent in [0, 10, 50, 90, 100] {
            value::set_cache_ramp(percent);
            assert_eq!(value::stats().ramp, percent);
            let cached = hits(value);
            let share = u8::try_from(cached.len() / 10).unwrap();
            assert!(share.abs_diff(percent) <= 5, "{name}: {share} of {percent}");
            assert!(before.iter().all(|n| cached.contains(n)), "{name} {percent}");
            before = cached;
        }
        assert_eq!(before.len(), 1000);
    });
}

/// By a digest that is the same everywhere: another cache, another codec, another process.
#[test]
fn which_ones_is_the_same_everywhere() {
    stable::set_cache_ramp(30);
    // What this gives is promised: a fleet is ramped up together.
    in_each(|name, _| assert_eq!(hits(stable)[..6], [0, 4, 5, 6, 15, 17], "{name}"));
}

#[test]
fn what_is_left_out_is_neither_read_nor_stored_but_forgotten() {
    #[memoize]
    fn value(n: u64) -> (u64, u64) {
        (n, RUNS.fetch_add(1, SeqCst))
    }
    in_each(|name, _| {
        let old = [value(1), value(2)];
        value::set_cache_ramp(0);
        assert_ne!(value(1), old[0], "{name}");
        assert_eq!(value::peek(1), None, "{name}");
        value::refresh(3);
        value::delete_memoized_with(2).unwrap();
        value::set_cache_ramp(100);
        assert_eq!((value(1), value::peek(2), value::peek(3)), (old[0], None, None), "{name}");
        value::delete_memoized().unwrap();
    });
}

/// Outside any scope, where a hit is found the short way.
#[test]
fn it_holds_for_the_next_call() {
    value!(value);
    #[cached(key_prefix = "ramped")]
    fn list() -> u64 {
        RUNS.fetch_add(1, SeqCst)
    }
    for _ in 0..3 {
        let old = (value(1), list());
        warm(|| assert_eq!((value(1), list()), old));
        value::set_cache_ramp(0);
        list::set_cache_ramp(0);
        for _ in 0..3 {
            assert!(value(1) != old.0 && list() != old.1);
        }
        value::set_cache_ramp(255);
        list::set_cache_ramp(100);
    }
    assert_eq!(value::stats().ramp, 100);
    Scope::new(Cache::builder().build()).run(|| assert_eq!(value(1), value(1)));
}

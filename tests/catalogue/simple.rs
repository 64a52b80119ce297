//! 2C: `SimpleCache`.

use std::sync::Barrier;
use std::thread;

use cachekit::testing::ManualClock;
use cachekit::{Cache, SimpleCache};

fn of(threshold: usize) -> Cache {
    Cache::builder().backend(SimpleCache::builder().threshold(threshold).build()).build()
}

fn entries(cache: &Cache) -> usize {
    cache.backend().entries().expect("SimpleCache counts")
}

#[test]
fn case_238_the_threshold_is_never_passed() {
    let cache = of(5);
    let keys: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let items: Vec<(&str, i32)> = keys.iter().map(String::as_str).zip(0..).collect();
    cache.set_many(&items, 0).unwrap();
    assert_eq!(entries(&cache), 5);
    assert_eq!(cache.get::<i32>("9").unwrap(), Some(9), "the newest is there");
}

#[test]
fn case_240_a_threshold_of_zero_is_the_default() {
    let cache = of(0);
    for n in 0..600 {
        cache.set(&n.to_string(), &n, 0).unwrap();
    }
    assert_eq!(entries(&cache), 500);
}

fn with_clock() -> (Cache, ManualClock) {
    let clock = ManualClock::new();
    (Cache::builder().clock(clock.clock()).build(), clock)
}

#[test]
fn case_241_add_on_an_expired_key() {
    let (cache, clock) = with_clock();
    cache.set("k", "old", 1).unwrap();
    clock.advance(std::time::Duration::from_secs(1));
    assert!(cache.add("k", "new", 0).unwrap());
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("new"));
}

#[test]
fn case_242_has_on_an_expired_key() {
    let (cache, clock) = with_clock();
    cache.set("k", "old", 1).unwrap();
    clock.advance(std::time::Duration::from_secs(1));
    assert!(!cache.has("k").unwrap());
}

#[test]
fn case_243_delete_of_a_missing_key() {
    assert!(!of(500).delete("k").unwrap());
}

fn at_once(threads: usize, work: impl Fn(usize) + Sync) {
    let (barrier, work) = (Barrier::new(threads), &work);
    thread::scope(|scope| {
        for thread in 0..threads {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                work(thread);
            });
        }
    });
}

#[test]
fn case_244_ten_threads_write_fifty_keys_each() {
    let cache = of(500);
    let key = |thread: usize, n: usize| format!("{thread}/{n}");
    at_once(10, |thread| (0..50).for_each(|n| cache.set(&key(thread, n), &(thread * n), 0).unwrap()));
    assert_eq!(entries(&cache), 500);
    for (thread, n) in (0..10).flat_map(|thread| (0..50).map(move |n| (thread, n))) {
        assert_eq!(cache.get::<usize>(&key(thread, n)).unwrap(), Some(thread * n));
    }
}

#[test]
fn case_245_twenty_threads_count_to_a_thousand() {
    let cache = of(500);
    at_once(20, |_| (0..50).for_each(|_| assert!(cache.inc("n", 1).unwrap() > 0)));
    assert_eq!(cache.get::<i64>("n").unwrap(), Some(1000));
}

#[test]
fn case_247_readers_see_whole_values() {
    let cache = of(500);
    let value = |writer: usize| vec![writer; 1000 + writer];
    cache.set("k", &value(0), 0).unwrap();
    at_once(10, |thread| {
        for _ in 0..100 {
            if thread < 5 {
                cache.set("k", &value(thread), 0).unwrap();
            } else {
                let found = cache.get::<Vec<usize>>("k").unwrap().expect("the key is always there");
                assert_eq!(found, value(found[0]));
            }
        }
    });
    assert_eq!(entries(&cache), 1);
    let last = cache.get::<Vec<usize>>("k").unwrap().unwrap();
    assert!(last[0] < 5 && last == value(last[0]));
}

#[test]
fn case_330_the_immortal_are_not_thrown_away_together() {
    let cache = of(3);
    for key in ["a", "b", "c"] {
        cache.set(key, "immortal", 0).unwrap();
    }
    cache.set("d", "mortal", 60).unwrap();
    assert_eq!(entries(&cache), 3);
    assert!(cache.has("d").unwrap());
    let left = ["a", "b", "c"].iter().filter(|key| cache.has(key).unwrap()).count();
    assert_eq!(left, 2, "one had to go");
}

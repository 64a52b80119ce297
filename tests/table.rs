//! The in-process store: bounded, swept, fair to what never expires.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use cachekit::{
    Backend, Cache, Clock, ManualClock, SimpleCache, Table, TableConfig, memoize, testing::Scope,
};
use cachekit_backends::{Lifetimes, OwnedKey, Target};

fn table<V: Send + Sync + 'static>(capacity: usize) -> (Table<V>, ManualClock) {
    let clock = ManualClock::new();
    (Table::new(TableConfig { capacity, clock: clock.clock() }), clock)
}

fn key(key: &impl Hash) -> OwnedKey {
    OwnedKey::of(key)
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn expired_entries_are_reclaimed_without_being_asked_for() {
    let (table, clock) = table(10_000);
    for n in 0..5_000 {
        table.insert(&key(&n), n, Some(SECOND));
    }
    assert_eq!(table.len(), 5_000);
    clock.advance(2 * SECOND);
    // So many that it does not matter in which shards they fall: those may be all the same.
    for n in 5_000..6_000 {
        table.insert(&key(&n), n, Some(SECOND));
    }
    // Not by `len`, which sweeps: what is allocated.
    assert!(format!("{table:?}").contains("entries: 1000"), "{table:?}");
    assert_eq!(table.len(), 1_000);
}

#[test]
fn expired_calls_of_a_function_are_reclaimed() {
    #[memoize(timeout = 1)]
    fn call(n: u64) -> u64 {
        n
    }
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        for n in 0..5_000 {
            call(n);
        }
        clock.advance(2 * SECOND);
        for n in 5_000..5_100 {
            call(n);
        }
        assert_eq!(call::stats().entries, Some(100));
    });
}

#[test]
fn the_threshold_holds_under_eight_writing_threads() {
    for capacity in [100, 500, 5_000, 50_000] {
        let (table, _) = table(capacity);
        let most = AtomicU64::new(0);
        thread::scope(|scope| {
            for writer in 0..8_u64 {
                let (table, most) = (&table, &most);
                scope.spawn(move || {
                    for n in 0..20_000_u64 {
                        table.insert(&key(&(writer, n)), n, None);
                        if n % 512 == 0 {
                            most.fetch_max(table.len() as u64, SeqCst);
                        }
                    }
                });
            }
        });
        let limit = capacity as u64 + (capacity as u64 / 100).max(8);
        assert!(most.load(SeqCst) <= limit, "{} entries of {capacity}", most.load(SeqCst));
        assert_eq!(table.len(), capacity.min(160_000), "after all writes the table is just full");
    }
}

#[test]
fn a_table_holds_as_many_as_it_says() {
    for capacity in [1, 2, 10, 1_000, 5_000] {
        let (table, _) = table(capacity);
        (0..capacity).for_each(|n| table.insert(&key(&n), n, None));
        assert!((0..capacity).all(|n| table.get(&n) == Some(n)), "all of {capacity}");
        table.insert(&key(&capacity), capacity, None);
        assert_eq!(table.len(), capacity);
        assert_eq!(table.get(&capacity), Some(capacity), "the newest stays");
    }
}

#[test]
fn case_330_what_never_expires_is_not_evicted_first() {
    let (table, _) = table(1_000);
    for n in 0..500 {
        table.insert(&key(&("immortal", n)), n, None);
        table.insert(&key(&("timed", n)), n, Some(300 * SECOND));
    }
    (0..500).for_each(|n| table.insert(&key(&("new", n)), n, Some(300 * SECOND)));
    let alive = |kind: &str| (0..500).filter(|n| table.get(&(kind, *n)).is_some()).count();
    let (immortal, timed) = (alive("immortal"), alive("timed"));
    assert!(immortal > 100 && timed > 100, "{immortal} immortal and {timed} timed entries survived");
}

#[test]
fn used_entries_survive_unused_ones() {
    let (table, _) = table(1_000);
    (0..1_000).for_each(|n| table.insert(&key(&n), n, None));
    for n in 1_000..3_000 {
        // Used more than once, as what is in use is.
        for _ in 0..2 {
            (0..100).for_each(|hot| assert_eq!(table.get(&hot), Some(hot)));
        }
        table.insert(&key(&n), n, None);
    }
}

#[test]
fn lifetimes_end_at_their_very_moment() {
    let (table, clock) = table(10);
    table.insert(&key(&1), (), Some(Duration::from_millis(100)));
    clock.advance(Duration::from_millis(99));
    assert_eq!(table.get(&1), Some(()));
    clock.advance(Duration::from_millis(1));
    assert_eq!(table.get(&1), None);
}

#[test]
fn lifetimes_end_on_the_machines_clock() {
    let table = Table::new(TableConfig { capacity: 10, clock: Clock::SYSTEM });
    // Its life begins somewhere between these two.
    let before = std::time::Instant::now();
    table.insert(&key(&1), (), Some(Duration::from_millis(60)));
    let after = std::time::Instant::now();
    let (mut alive, mut asked) = (Duration::ZERO, after.elapsed());
    while table.get(&1).is_some() {
        (alive, asked) = (asked, after.elapsed());
    }
    let gone = before.elapsed();
    assert!(gone >= Duration::from_millis(60), "gone after {gone:?}");
    assert!(alive < Duration::from_millis(61), "still there when asked after {alive:?}");
}

#[test]
fn keys_are_compared_exactly() {
    let (table, _) = table(100);
    table.insert(&key(&("ab", "c")), 1, None);
    assert_eq!(table.get(&("a", "bc")), None);
    assert_eq!(table.get(&("ab", "c")), Some(1));
    table.insert(&key(&(1_u8, 2_u16)), 2, None);
    assert_eq!(table.get(&(1_u16, 2_u8)), None);
    assert_eq!(table.get(&(1_u8, 2_u16, ())), Some(2), "a unit feeds nothing");
    assert_eq!(table.get(&1_u8), None);
    assert_eq!(table.get(&[1_u8; 0]), None);
}

/// Streams of different writes have different bytes: 10^5 random ones, with parts moved between neighbours.
#[test]
fn encoded_keys_are_injective() {
    let mut seen = HashSet::new();
    let mut count = 0;
    for a in 0..40_u8 {
        for b in 0..40_usize {
            for c in 0..20_usize {
                let text = "x".repeat(60);
                for encoded in [
                    key(&(&text[..usize::from(a)], &text[..b], &text[..c])),
                    key(&(a, &text[..b], &text[..c])),
                    key(&(&text[..usize::from(a)], b as u64, c)),
                ] {
                    count += 1;
                    assert!(seen.insert(encoded.as_bytes().to_vec()), "({a}, {b}, {c}) collides");
                }
            }
        }
    }
    assert_eq!(count, seen.len());
}

#[test]
fn instances_are_forgotten_alone_and_their_floors_do_not_pile_up() {
    let (table, _) = table(100_000);
    let insert = |instance: u64, n: u64| {
        let ticket = table.fence().begin(Some(instance));
        assert!(table.insert_computed(&key(&(instance, n)), n, None, &ticket, &[]));
        table.fence().end(&ticket);
    };
    for instance in 1..=5_000_u64 {
        insert(instance, 1);
        insert(instance, 2);
    }
    for instance in 1..=4_999_u64 {
        table.invalidate(Target::Owner(instance));
        assert_eq!(table.get(&(instance, 1_u64)), None);
    }
    assert_eq!(table.get(&(5_000_u64, 1_u64)), Some(1));
    assert!(table.len() < 5_000, "{} entries, most of them dead", table.len());
}

/// Readers, writers, removers, clearers at once: readers only see values that belong to their keys.
#[test]
fn values_are_never_mixed_up() {
    let (table, clock) = table::<Arc<(u64, Vec<u8>)>>(2_000);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..2_u64 {
            let (table, stop) = (&table, &stop);
            scope.spawn(move || {
                let mut n = seed;
                while !stop.load(SeqCst) {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let k = (n >> 33) % 4_000;
                    if let Some(value) = table.get(&k) {
                        assert_eq!(value.0, k);
                        assert_eq!(value.1, k.to_le_bytes());
                    }
                }
            });
        }
        let writers: Vec<_> = (0..2_u64)
            .map(|seed| {
                let (table, clock) = (&table, &clock);
                scope.spawn(move || {
                    let mut n = seed + 77;
                    for step in 0..60_000_u64 {
                        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        let k = (n >> 33) % 4_000;
                        match step % 16 {
                            0 => drop(table.invalidate(Target::Key(&key(&k)))),
                            1 if step % 4_096 == 1 => drop(table.invalidate(Target::All)),
                            2 => clock.advance(Duration::from_millis(1)),
                            _ => {
                                let value = Arc::new((k, k.to_le_bytes().to_vec()));
                                let lifetime = (step % 3 == 0).then(|| Duration::from_millis(50));
                                table.insert(&key(&k), value, lifetime);
                            }
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stop.store(true, SeqCst);
    });
    assert!(table.len() <= 2_000);
}

/// Every value that goes in comes out of its destructor once.
#[test]
fn values_are_dropped_once() {
    #[derive(Clone)]
    struct Counted(Arc<AtomicU64>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let drops = Arc::new(AtomicU64::new(0));
    let (table, _) = table(100);
    for n in 0..1_000_u64 {
        table.insert(&key(&(n % 300)), Counted(Arc::clone(&drops)), None);
    }
    table.invalidate(Target::All);
    drop(table);
    // What was taken out is dropped in batches; other tables' garbage pushes them out.
    let (other, _) = self::table(1);
    for n in 0..10_000_u64 {
        other.insert(&key(&n), n, None);
    }
    assert_eq!(drops.load(SeqCst), 1_000);
}

/// A value whose destructor uses the same table must not meet a lock.
#[test]
fn destructors_may_use_the_cache() {
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    #[derive(Clone)]
    struct Meddling;
    impl Drop for Meddling {
        fn drop(&mut self) {
            if DROPPED.fetch_add(1, SeqCst) < 5_000 {
                count(DROPPED.load(SeqCst) % 7);
            }
        }
    }
    #[memoize(local, max_size = 3)]
    fn meddling(_n: u64) -> Arc<Meddling> {
        Arc::new(Meddling)
    }
    #[memoize(max_size = 3)]
    fn count(n: u64) -> u64 {
        n
    }
    (0..1_000).for_each(|n| drop(meddling(n)));
    assert!(DROPPED.load(SeqCst) > 0);
}

/// Nor one whose value was refused: it is dropped by who brought it, after all else.
#[test]
fn the_destructor_of_a_refused_value_may_use_the_table() {
    static TABLE: LazyLock<Table<Meddling>> = LazyLock::new(|| table(10).0);
    struct Meddling;
    impl Drop for Meddling {
        fn drop(&mut self) {
            TABLE.remove(&key(&1));
        }
    }
    let ticket = TABLE.fence().begin(None);
    TABLE.invalidate(Target::Key(&key(&1)));
    assert!(!TABLE.insert_computed(&key(&1), Meddling, None, &ticket, &[]));
    TABLE.fence().end(&ticket);
    assert!(TABLE.is_empty());
}

/// The others are dropped all the same, as those of a vector.
#[test]
fn a_destructor_that_panics_costs_no_other_value() {
    struct Angry(u64, Arc<AtomicU64>);
    impl Drop for Angry {
        fn drop(&mut self) {
            self.1.fetch_add(1, SeqCst);
            assert_ne!(self.0, 10, "as it should");
        }
    }
    let drops = Arc::new(AtomicU64::new(0));
    let (table, _) = table(100);
    for n in 0..50 {
        table.insert(&key(&n), Angry(n, Arc::clone(&drops)), None);
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(table))).is_err());
    assert_eq!(drops.load(SeqCst), 50);
}

#[test]
fn a_table_is_sent_shared_moved_and_met_after_a_panic() {
    fn is<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    is::<Table<String>>();
    is::<Table<PhantomPinned>>();
}

/// Of no size, with less and with more alignment than an entry, with and without a destructor; the key, the owners and the
/// life behind them.
#[test]
fn values_of_every_layout_are_kept() {
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(64))]
    struct Line(u8);
    #[derive(Clone, Debug, PartialEq)]
    #[repr(align(4096))]
    struct Page(String);

    fn are_kept<V: Clone + Debug + PartialEq + Send + Sync + 'static>(value: impl Fn(u8) -> V) {
        let (table, _) = table(32);
        for n in 0..200 {
            let stream = (n, "key ".repeat(usize::from(n % 11)));
            let (key, tags): (_, Vec<_>) = (key(&stream), (0..u64::from(n % 3)).collect());
            let ticket = table.fence().begin((n % 2 == 0).then_some(7));
            let stale = SECOND * u32::from(n % 5 == 0);
            let lifetimes = Lifetimes { stale, ..Some(SECOND).into() };
            assert!(table.insert_computed(&key, value(n), lifetimes, &ticket, &tags));
            table.fence().end(&ticket);

            let (found, ties) = table.look_with_ties(&key).unwrap();
            assert_eq!((&found.value, ties.left), (&value(n), Some(SECOND)));
            assert_eq!(found.age.map(|age| age.lifetimes), (n % 5 == 0).then_some(lifetimes));
            assert_eq!(ties.owners, [if n % 2 == 0 { vec![7] } else { vec![] }, tags.clone()].concat());
            assert_eq!(table.look(&stream), Some(found));
            let is_aligned =
                table.read(&stream, |found| *found == value(n) && ptr::from_ref(found).is_aligned());
            assert_eq!(is_aligned, Some(true));
            if let Some(tag) = tags.last() {
                table.invalidate(Target::Owner(*tag));
                assert_eq!(table.get(&stream), None);
            }
        }
        table.for_each(|key, found| {
            assert_eq!(table.look_owned(key).map(|look| look.value).as_ref(), Some(found));
        });
    }
    are_kept(|_| ());
    are_kept(|n| n % 2 == 0);
    are_kept(|n| [u64::from(n); 50]);
    are_kept(|n| format!("value {n}"));
    are_kept(Line);
    are_kept(|n| Page(format!("value {n}")));
}

#[test]
fn simple_cache_keeps_its_threshold() {
    let cache = SimpleCache::builder().threshold(50).build();
    for n in 0..500 {
        cache.set_many(&[(&format!("key {n}"), b"value")], None).unwrap();
    }
    assert_eq!(cache.entries(), Some(50));
}

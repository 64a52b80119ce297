//! No stale resurrection: after an invalidation has returned, no call that begins later is given a value whose
//! computation began before it.
//!
//! The model: a truth (a counter per instance and argument) that writers raise and then invalidate, by a random kind
//! of invalidation; only when that returned do they acknowledge what they wrote. A reader notes what was acknowledged,
//! calls, and must not be given less. Bodies read the truth and dawdle, so that invalidations happen while they run.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::{
    Backend, Cache, Capability, ManualClock, Result, Seen, SimpleCache, delete_memoized, memoize,
    testing::Faulty, testing::Scope,
};
use cachekit_tests::random::Random;

const INSTANCES: usize = 2;
const ARGUMENTS: usize = 3;

/// The truth of one schedule, found by the memoized method through the receiver's world.
#[derive(Default)]
struct World {
    truth: [[AtomicU64; ARGUMENTS]; INSTANCES],
    acknowledged: [[AtomicU64; ARGUMENTS]; INSTANCES],
}

struct Reader {
    world: Arc<World>,
    instance: usize,
}

impl std::hash::Hash for Reader {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.instance.hash(state);
    }
}

impl Reader {
    #[memoize]
    fn read(&self, argument: usize, dawdle: &Random) -> u64 {
        let value = self.world.truth[self.instance][argument].load(SeqCst);
        dawdle.dawdle();
        value
    }
}

/// Runs one schedule; returns how many reads there were.
fn run(seed: u64, cache: &Cache, kinds: &[usize]) -> u64 {
    let world = Arc::new(World::default());
    let scope = Scope::new(cache.clone());
    let reads = AtomicU64::new(0);
    thread::scope(|threads| {
        for reader in 0..3 {
            let (world, scope, reads) = (&world, &scope, &reads);
            threads.spawn(move || {
                let random = Random::new(seed * 31 + reader);
                for _ in 0..25 {
                    let (instance, argument) = (random.below(INSTANCES), random.below(ARGUMENTS));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let floor = world.acknowledged[instance][argument].load(SeqCst);
                    let value = scope.run(|| reader.read(argument, &random));
                    assert!(
                        value >= floor,
                        "seed {seed}: read {value} of ({instance}, {argument}) after {floor} was acknowledged"
                    );
                    reads.fetch_add(1, SeqCst);
                }
            });
        }
        for writer in 0..2 {
            let (world, scope) = (&world, &scope);
            threads.spawn(move || {
                let random = Random::new(seed * 17 + 1_000 + writer);
                for _ in 0..12 {
                    let (instance, argument) = (random.below(INSTANCES), random.below(ARGUMENTS));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let written = world.truth[instance][argument].fetch_add(1, SeqCst) + 1;
                    scope
                        .run(|| match kinds[random.below(kinds.len())] {
                            0 => delete_memoized!(Reader::read),
                            1 => delete_memoized!(reader.read),
                            2 => delete_memoized!(reader.read, argument, &random).map(drop),
                            3 => cache.clear(),
                            4 => Reader::read_delete_memoized_verhash_all(),
                            _ => cache.delete(&reader.read_make_cache_key(argument, &random)).map(drop),
                        })
                        .unwrap();
                    world.acknowledged[instance][argument].fetch_max(written, SeqCst);
                    random.dawdle();
                }
            });
        }
    });
    reads.into_inner()
}

fn schedules(count: u64, make: impl Fn() -> Cache, kinds: &[usize]) {
    let reads: u64 = (0..count).map(|seed| run(seed, &make(), kinds)).sum();
    assert_eq!(reads, count * 75);
}

#[test]
fn in_process_with_all_kinds_of_invalidation() {
    schedules(2_000, || Cache::builder().build(), &[0, 1, 2, 3, 4, 5]);
}

#[test]
fn in_process_with_single_calls_only() {
    schedules(1_000, || Cache::builder().build(), &[2]);
}

#[test]
fn in_process_with_instances_only() {
    schedules(1_000, || Cache::builder().build(), &[1]);
}

/// One cache for all schedules, so that floors and stamps of earlier ones are around.
#[test]
fn in_process_in_one_crowded_cache() {
    let cache = Cache::builder().max_size(4).clock(ManualClock::new().clock()).build();
    for seed in 0..500 {
        cache.clear().unwrap();
        run(seed, &cache, &[0, 1, 2]);
    }
}

/// The same values as bytes in a backend outside the process, as the runtime sees it.
#[test]
fn through_a_backend_with_compare_and_set() {
    let make = || Cache::builder().backend(Faulty::new(SimpleCache::new())).build();
    schedules(1_500, make, &[0, 1, 2, 3, 4, 5]);
    schedules(500, make, &[2]);
}

/// A backend that takes its time before and after it does what it is told, as one behind a network does.
#[derive(Debug, Clone)]
struct Slow(Arc<SimpleCache>);

impl Slow {
    fn slowly<T>(&self, operation: impl FnOnce(&SimpleCache) -> T) -> T {
        thread::sleep(Duration::from_micros(20));
        let result = operation(&self.0);
        thread::sleep(Duration::from_micros(60));
        result
    }
}

impl Backend for Slow {
    fn name(&self) -> &'static str {
        "Slow"
    }

    fn capability(&self) -> Capability {
        let mut capability = self.0.capability();
        capability.in_process = false;
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.slowly(|inner| inner.get_many(keys))
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        self.slowly(|inner| inner.set_many(items, lifetime))
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.slowly(|inner| inner.add(key, value, lifetime))
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        self.slowly(|inner| inner.compare_and_set(key, seen, value, lifetime))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.slowly(|inner| inner.delete_many(keys))
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.slowly(|inner| inner.increment(key, delta, lifetime))
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.slowly(|inner| inner.clear(prefix))
    }
}

/// Two caches over one backend stand for two processes.
#[test]
fn between_two_caches_over_one_backend() {
    (0..500).for_each(|seed| between_two_caches(seed, &Faulty::new(SimpleCache::new())));
}

#[test]
fn between_two_caches_over_a_slow_backend() {
    (0..150).for_each(|seed| between_two_caches(seed, &Slow(Arc::new(SimpleCache::new()))));
}

fn between_two_caches(seed: u64, backend: &(impl Backend + Clone)) {
    let caches = [(); 2].map(|()| Cache::builder().backend(backend.clone()).build());
    let world = Arc::new(World::default());
    thread::scope(|threads| {
        for reader in 0..3 {
            let (world, cache) = (&world, &caches[reader % 2]);
            threads.spawn(move || {
                let random = Random::new(seed * 7 + reader as u64);
                let scope = Scope::new(cache.clone());
                for _ in 0..20 {
                    let (instance, argument) = (random.below(INSTANCES), random.below(ARGUMENTS));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let floor = world.acknowledged[instance][argument].load(SeqCst);
                    let value = scope.run(|| reader.read(argument, &random));
                    assert!(value >= floor, "seed {seed}: read {value} after {floor} was acknowledged");
                }
            });
        }
        for (writer, cache) in caches.iter().enumerate() {
            let world = &world;
            threads.spawn(move || {
                let random = Random::new(seed * 13 + 500 + writer as u64);
                let scope = Scope::new(cache.clone());
                for _ in 0..10 {
                    let (instance, argument) = (random.below(INSTANCES), random.below(ARGUMENTS));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let written = world.truth[instance][argument].fetch_add(1, SeqCst) + 1;
                    scope
                        .run(|| match random.below(3) {
                            0 => delete_memoized!(Reader::read),
                            1 => delete_memoized!(reader.read),
                            _ => delete_memoized!(reader.read, argument, &random).map(drop),
                        })
                        .unwrap();
                    world.acknowledged[instance][argument].fetch_max(written, SeqCst);
                }
            });
        }
    });
}

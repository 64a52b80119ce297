//! No stale resurrection, of any id of a batch: after an invalidation has returned, no batch that begins later is given a
//! value whose computation began before it. The model is that of `tests/promise5.rs`, in small, with readers and
//! writers in several caches on one backend, as if each was a process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use cachekit::testing::{Faulty, Scope};
use cachekit::{Backend, Cache, FileSystemConfig, SimpleCache, delete_memoized, memoize};
use cachekit_tests::random::Random;
use cachekit_tests::servers::{Memcached, Redis};

use crate::support::{Gate, block_on, bytes, table};

const INSTANCES: usize = 2;
const IDS: usize = 6;

/// The truth of one schedule, and what of it was acknowledged.
#[derive(Default)]
struct World {
    truth: [[AtomicU64; IDS]; INSTANCES],
    acknowledged: [[AtomicU64; IDS]; INSTANCES],
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
    #[memoize(batch = ids, args_to_ignore = [dawdle])]
    fn read(&self, ids: &[usize], dawdle: &Random) -> HashMap<usize, u64> {
        self.values(ids, dawdle)
    }

    #[memoize(batch = ids, args_to_ignore = [dawdle])]
    async fn read_later(&self, ids: &[usize], dawdle: &Random) -> HashMap<usize, u64> {
        self.values(ids, dawdle)
    }

    fn values(&self, ids: &[usize], dawdle: &Random) -> HashMap<usize, u64> {
        let values = ids.iter().map(|id| (*id, self.world.truth[self.instance][*id].load(SeqCst))).collect();
        dawdle.dawdle();
        values
    }
}

/// Some ids, in some order, some of them twice.
fn some_ids(random: &Random) -> Vec<usize> {
    (0..=random.below(IDS)).map(|_| random.below(IDS)).collect()
}

/// Runs one schedule in these caches; returns how many values were read.
fn run(seed: u64, caches: &[Cache], kinds: &[usize]) -> u64 {
    let world = Arc::new(World::default());
    let scopes: Vec<_> = caches.iter().cloned().map(Scope::new).collect();
    let reads = AtomicU64::new(0);
    thread::scope(|threads| {
        for number in 0..5_usize {
            let (world, reads, scope) = (&world, &reads, &scopes[number % scopes.len()]);
            threads.spawn(move || {
                let random = Random::new(seed * 31 + number as u64);
                for _ in 0..15 {
                    let (instance, ids) = (random.below(INSTANCES), some_ids(&random));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let floors = world.acknowledged[instance].each_ref().map(|floor| floor.load(SeqCst));
                    let found = if number == 4 {
                        block_on(scope.run_async(reader.read_later(&ids, &random)))
                    } else {
                        scope.run(|| reader.read(&ids, &random))
                    };
                    for id in ids {
                        let (value, floor) = (found[&id], floors[id]);
                        assert!(
                            value >= floor,
                            "seed {seed}: read {value} of ({instance}, {id}) after {floor} was acknowledged"
                        );
                        reads.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        for number in 0..2_usize {
            let (world, scope, cache) =
                (&world, &scopes[number % scopes.len()], &caches[number % caches.len()]);
            threads.spawn(move || {
                let random = Random::new(seed * 17 + 1_000 + number as u64);
                for _ in 0..10 {
                    let (instance, id) = (random.below(INSTANCES), random.below(IDS));
                    let reader = Reader { world: Arc::clone(world), instance };
                    let written = world.truth[instance][id].fetch_add(1, SeqCst) + 1;
                    let kind = kinds[random.below(kinds.len())];
                    scope.run(|| forget(cache, &reader, id, kind)).unwrap();
                    world.acknowledged[instance][id].fetch_max(written, SeqCst);
                    random.dawdle();
                }
            });
        }
    });
    reads.into_inner()
}

/// Forgets an id of both functions.
fn forget(cache: &Cache, reader: &Reader, id: usize, kind: usize) -> cachekit::Result<()> {
    match kind {
        0 => {
            delete_memoized!(Reader::read)?;
            block_on(delete_memoized!(Reader::read_later))
        }
        1 => {
            delete_memoized!(reader.read)?;
            block_on(delete_memoized!(reader.read_later))
        }
        2 => {
            delete_memoized!(reader.read, id)?;
            block_on(delete_memoized!(reader.read_later, id)).map(drop)
        }
        3 => cache.clear(),
        _ => {
            Reader::read_delete_memoized_verhash_all()?;
            block_on(Reader::read_later_delete_memoized_verhash_all())
        }
    }
}

fn schedules(count: u64, make: impl Fn() -> Vec<Cache>, kinds: &[usize]) {
    let reads: u64 = (0..count).map(|seed| run(seed, &make(), kinds)).sum();
    assert!(reads >= count * 60, "{reads} reads");
}

#[test]
fn in_process() {
    schedules(300, || vec![table()], &[0, 1, 2, 3, 4]);
    schedules(200, || vec![table()], &[2]);
}

#[test]
fn as_bytes() {
    schedules(200, || vec![bytes()], &[0, 1, 2, 3, 4]);
    schedules(200, || vec![bytes()], &[2]);
}

/// Two caches on one backend, that know nothing of each other; what clears one does not clear the other's flights, so
/// that kind is left out.
#[test]
fn in_two_caches_on_one_backend() {
    let make = || {
        let backend: Arc<dyn Backend> =
            Arc::new(Faulty::new(SimpleCache::builder().threshold(100_000).build()));
        (0..2).map(|_| Cache::builder().shared_backend(backend.clone()).build()).collect()
    };
    schedules(200, make, &[0, 1, 2, 4]);
    schedules(200, make, &[2]);
}

#[test]
fn in_two_caches_on_one_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let make = || {
        let open = || FileSystemConfig::new(scratch.path()).threshold(100_000).build().unwrap();
        (0..2).map(|_| Cache::builder().backend(open()).build()).collect()
    };
    schedules(40, make, &[0, 1, 2, 4]);
    schedules(40, make, &[2]);
}

fn on_a_server(url: &str) {
    let url = format!("{url}?key_prefix=p5%3A&operation_timeout=10s&connect_timeout=10s");
    let make = || (0..2).map(|_| Cache::from_url(&url).unwrap()).collect();
    schedules(20, make, &[0, 1, 2, 4]);
    schedules(20, make, &[2]);
}

#[test]
fn in_two_caches_on_redis() {
    let Some(server) = Redis::start() else { return };
    on_a_server(&server.url());
}

#[test]
fn in_two_caches_on_memcached() {
    let Some(servers) = Memcached::start(2) else { return };
    on_a_server(&servers.url());
}

/// What is part of no key, as the body sees it.
struct Version(AtomicU64);

impl std::hash::Hash for Version {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

#[memoize(batch = ids)]
fn watched(ids: &[u64], version: &Version, gate: &Gate) -> HashMap<u64, u64> {
    let version = version.0.load(SeqCst);
    gate.pass();
    ids.iter().map(|id| (*id, version)).collect()
}

/// Of several ids that are being computed one is forgotten: the fills of the others hold, that one's fails, and whoever
/// came after it was forgotten is not given it.
fn one_of_several_is_forgotten(caches: &[Cache]) {
    let scopes: Vec<_> = caches.iter().cloned().map(Scope::new).collect();
    let (here, there) = (&scopes[0], &scopes[scopes.len() - 1]);
    let (gate, version) = (Gate::new(), Version(AtomicU64::new(1)));
    let (stored, rejected) = (watched::stats().stored, watched::stats().rejected);
    thread::scope(|threads| {
        let first = threads.spawn(|| here.run(|| watched(&[1, 2, 3], &version, &gate)));
        gate.await_arrivals(1);
        version.0.store(2, SeqCst);
        there.run(|| delete_memoized!(watched, 2, &version, &gate)).unwrap();
        // It waits for 3, and for 2 if it cannot know yet that it was forgotten.
        let second = threads.spawn(|| here.run(|| watched(&[3, 2, 4], &version, &gate)));
        gate.await_arrivals(2);
        gate.open();
        assert_eq!(first.join().unwrap(), HashMap::from([(1, 1), (2, 1), (3, 1)]), "it began before");
        assert_eq!(second.join().unwrap(), HashMap::from([(2, 2), (3, 1), (4, 2)]));
    });
    let peeked = there.run(|| [1, 2, 3].map(|id| watched::peek(id, &version, &gate)));
    assert_eq!(peeked, [Some(1), Some(2), Some(1)]);
    let stats = watched::stats();
    assert_eq!((stats.stored - stored, stats.rejected - rejected), (4, 1), "{stats:?}");
}

#[test]
fn an_invalidation_during_the_computation_makes_the_fill_fail() {
    let backend: Arc<dyn Backend> = Arc::new(Faulty::new(SimpleCache::new()));
    let on_it = || Cache::builder().shared_backend(backend.clone()).build();
    one_of_several_is_forgotten(&[table()]);
    one_of_several_is_forgotten(&[bytes()]);
    one_of_several_is_forgotten(&[on_it(), on_it()]);
}

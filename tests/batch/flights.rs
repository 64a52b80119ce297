//! Ids that several callers ask for at once: computed once, whatever becomes of who computes them.

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{Cache, memoize};

use crate::support::{Gate, PATIENCE, Runs, block_on, bytes, in_time, table};

static GATED: Runs<u64> = Runs::new();

/// Stops at the gate, if id 1 is among the ids.
#[memoize(batch = ids)]
fn gated(ids: &[u64], gate: &Gate) -> HashMap<u64, u64> {
    GATED.note(ids);
    if ids.contains(&1) {
        gate.pass();
    }
    ids.iter().filter(|id| **id != 9).map(|id| (*id, id * 10)).collect()
}

#[test]
fn what_others_compute_is_joined_and_the_rest_is_computed_first() {
    for cache in [table(), bytes()] {
        let (scope, gate) = (Scope::new(cache), Gate::new());
        GATED.take();
        thread::scope(|threads| {
            let first = threads.spawn(|| scope.run(|| gated(&[1, 2, 9], &gate)));
            gate.await_arrivals(1);
            let second = threads.spawn(|| scope.run(|| gated(&[9, 3, 2, 4, 2], &gate)));
            let third = threads.spawn(|| scope.run(|| gated(&[2], &gate)));
            while GATED.0.lock().unwrap().len() < 2 {
                thread::yield_now();
            }
            gate.open();
            assert_eq!(first.join().unwrap(), HashMap::from([(1, 10), (2, 20)]));
            assert_eq!(second.join().unwrap(), HashMap::from([(3, 30), (2, 20), (4, 40)]));
            assert_eq!(third.join().unwrap(), HashMap::from([(2, 20)]));
        });
        assert_eq!(GATED.take(), [vec![1, 2, 9], vec![3, 4]], "that 9 is left out is shared, too");
    }
}

/// Many callers of overlapping ids, in every order: each id is computed once, and nobody blocks anybody.
#[test]
fn overlapping_batches_end_and_compute_each_id_once() {
    static COMPUTED: AtomicU64 = AtomicU64::new(0);
    #[memoize(batch = ids)]
    fn slow(round: u64, ids: &[u64]) -> BTreeMap<u64, u64> {
        COMPUTED.fetch_add(ids.len() as u64, SeqCst);
        thread::sleep(Duration::from_micros(round % 7 * 50));
        ids.iter().map(|id| (*id, id + round)).collect()
    }
    const CALLERS: usize = 6;
    const IDS: u64 = 40;
    in_time(|| {
        for (name, cache) in [("table", table()), ("bytes", bytes())] {
            COMPUTED.store(0, SeqCst);
            let (scope, barrier) = (Scope::new(cache), Barrier::new(CALLERS));
            let rounds = 60;
            thread::scope(|threads| {
                for caller in 0..CALLERS {
                    let (scope, barrier) = (&scope, &barrier);
                    threads.spawn(move || {
                        for round in 0..rounds {
                            let mut ids: Vec<u64> = (0..IDS).collect();
                            ids.rotate_left(caller * 7);
                            if caller % 2 == 1 {
                                ids.reverse();
                            }
                            barrier.wait();
                            let found = scope.run(|| slow(round, &ids));
                            assert!(found.iter().all(|(id, value)| *value == id + round));
                            assert_eq!(found.len() as u64, IDS);
                        }
                    });
                }
            });
            assert_eq!(COMPUTED.load(SeqCst), rounds * IDS, "{name}");
        }
    });
}

#[test]
fn overlapping_async_batches_end_and_compute_each_id_once() {
    static COMPUTED: AtomicU64 = AtomicU64::new(0);
    #[memoize(batch = ids)]
    async fn slow(round: u64, ids: Vec<u64>) -> BTreeMap<u64, u64> {
        COMPUTED.fetch_add(ids.len() as u64, SeqCst);
        tokio::time::sleep(Duration::from_micros(round % 5 * 100)).await;
        ids.into_iter().map(|id| (id, id + round)).collect()
    }
    in_time(|| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap();
        for cache in [table(), bytes()] {
            COMPUTED.store(0, SeqCst);
            let scope = Scope::new(cache);
            runtime.block_on(async {
                for round in 0..40 {
                    let tasks: Vec<_> = (0..8)
                        .map(|caller| {
                            let mut ids: Vec<u64> = (0..30).collect();
                            ids.rotate_left(caller * 5 % 30);
                            let scope = scope.clone();
                            tokio::spawn(async move { scope.run_async(slow(round, ids)).await })
                        })
                        .collect();
                    for task in tasks {
                        assert_eq!(task.await.unwrap().len(), 30);
                    }
                }
            });
            assert_eq!(COMPUTED.load(SeqCst), 40 * 30);
        }
    });
}

static FRAGILE: Runs<u64> = Runs::new();

/// The first to come to the gate fails there.
#[memoize(batch = ids, args_to_ignore = [fails])]
fn fragile(ids: &[u64], gate: &Gate, fails: bool) -> Result<HashMap<u64, u64>, String> {
    FRAGILE.note(ids);
    if ids.contains(&1) {
        gate.pass();
        assert!(!fails || ids.contains(&2), "it panics");
        if fails {
            return Err("no".to_owned());
        }
    }
    Ok(ids.iter().map(|id| (*id, id * 10)).collect())
}

#[test]
fn whoever_waited_for_one_that_fails_computes_the_rest() {
    for cache in [table(), bytes()] {
        for ids in [&[1, 4][..], &[1, 2, 4]] {
            let (scope, gate, open) = (Scope::new(cache.clone()), Gate::new(), Gate::new());
            open.open();
            scope.run(fragile::delete_memoized).unwrap();
            FRAGILE.take();
            thread::scope(|threads| {
                let first = threads.spawn(|| {
                    scope.run(|| {
                        catch_unwind(AssertUnwindSafe(|| fragile(ids, &gate, true)))
                            .unwrap_or(Err("panic".into()))
                    })
                });
                gate.await_arrivals(1);
                let second = threads.spawn(|| scope.run(|| fragile(&[5, 4, 1], &open, false)));
                while FRAGILE.0.lock().unwrap().len() < 2 {
                    thread::yield_now();
                }
                gate.open();
                assert!(first.join().unwrap().is_err());
                assert_eq!(second.join().unwrap().unwrap(), HashMap::from([(1, 10), (4, 40), (5, 50)]));
            });
            let runs = FRAGILE.take();
            assert_eq!(runs, [ids.to_vec(), vec![5], vec![4, 1]], "what was missing, and then the rest");
            assert_eq!(scope.run(|| fragile::peek(4, &open)), Some(40), "which is cached");
        }
    }
}

#[test]
fn a_batch_that_is_dropped_hands_over() {
    static RUNS: Runs<u64> = Runs::new();
    static STUCK: AtomicUsize = AtomicUsize::new(1);
    #[memoize(batch)]
    async fn stuck(ids: &[u64]) -> HashMap<u64, u64> {
        RUNS.note(ids);
        if STUCK.fetch_sub(1, SeqCst) == 1 {
            pending::<()>().await;
        }
        ids.iter().map(|id| (*id, *id)).collect()
    }
    for cache in [table(), bytes()] {
        STUCK.store(1, SeqCst);
        let scope = Scope::new(cache);
        let mut cx = Context::from_waker(Waker::noop());
        let mut second = Box::pin(scope.run_async(stuck(&[2, 3])));
        {
            let mut first = pin!(scope.run_async(stuck(&[1, 2])));
            assert!(first.as_mut().poll(&mut cx).is_pending());
            assert!(second.as_mut().poll(&mut cx).is_pending(), "it waits for 2");
            assert_eq!(RUNS.take(), [vec![1, 2], vec![3]]);
        }
        assert_eq!(block_on(second), HashMap::from([(2, 2), (3, 3)]));
        assert_eq!(RUNS.take(), [[2]]);
        assert_eq!(block_on(scope.run_async(stuck(&[1, 2, 3]))).len(), 3);
        assert_eq!(RUNS.take(), [[1]]);
    }
}

/// A body that asks for what it is computing computes it, once more and for itself.
#[test]
fn recursion_ends() {
    #[memoize(batch = ids)]
    fn deep(ids: &[u64], depth: u64) -> HashMap<u64, u64> {
        let more = if depth == 0 { HashMap::new() } else { deep(ids, depth - 1) };
        ids.iter().map(|id| (*id, more.get(id).map_or(0, |n| n + 1))).collect()
    }
    static LEFT: AtomicUsize = AtomicUsize::new(0);
    #[memoize(batch)]
    fn same(ids: &[u64]) -> HashMap<u64, usize> {
        let left = LEFT.fetch_sub(1, SeqCst);
        if left > 1 {
            let mut all = vec![77];
            all.extend(ids);
            same(&all);
        }
        ids.iter().map(|id| (*id, left)).collect()
    }
    #[memoize(batch)]
    async fn same_later(ids: &[u64]) -> HashMap<u64, usize> {
        let left = LEFT.fetch_sub(1, SeqCst);
        if left > 1 {
            Box::pin(same_later(ids)).await;
        }
        ids.iter().map(|id| (*id, left)).collect()
    }
    in_time(|| {
        for cache in [table(), bytes()] {
            Scope::new(cache).run(|| {
                assert_eq!(deep(&[1, 2], 5)[&2], 5);
                LEFT.store(4, SeqCst);
                assert_eq!(same(&[1, 2]), HashMap::from([(1, 4), (2, 4)]));
                LEFT.store(3, SeqCst);
                assert_eq!(block_on(same_later(&[1, 2])), HashMap::from([(1, 3), (2, 3)]));
            });
        }
    });
}

/// Two bodies that each ask for what the other one computes.
#[test]
fn circles_among_threads_are_seen() {
    static BOTH: Gate = Gate::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize(batch)]
    fn crossed(ids: &[u64]) -> HashMap<u64, u64> {
        if RUNS.fetch_add(1, SeqCst) < 2 {
            BOTH.pass();
            let others: Vec<u64> = ids.iter().map(|id| (id + 10) % 20).collect();
            crossed(&others);
        }
        ids.iter().map(|id| (*id, *id)).collect()
    }
    in_time(|| {
        let scope = Scope::new(Cache::builder().flight_timeout(10 * PATIENCE).build());
        thread::scope(|threads| {
            let one = threads.spawn(|| scope.run(|| crossed(&[1, 2, 3])));
            let other = threads.spawn(|| scope.run(|| crossed(&[13, 12, 11])));
            BOTH.await_arrivals(2);
            BOTH.open();
            assert_eq!((one.join().unwrap().len(), other.join().unwrap().len()), (3, 3));
        });
        assert!(RUNS.load(SeqCst) <= 4, "{} runs", RUNS.load(SeqCst));
    });
}

#[test]
fn nobody_waits_longer_than_the_flight_timeout() {
    static RUNS: Runs<u64> = Runs::new();
    #[memoize(batch = ids)]
    fn hung(ids: &[u64], gate: &Gate) -> HashMap<u64, u64> {
        RUNS.note(ids);
        gate.pass();
        ids.iter().map(|id| (*id, *id)).collect()
    }
    let cache = Cache::builder().flight_timeout(Duration::from_millis(200)).build();
    let (scope, closed, open) = (Scope::new(cache), Gate::new(), Gate::new());
    open.open();
    thread::scope(|threads| {
        let first = threads.spawn(|| scope.run(|| hung(&[1, 2, 3], &closed)));
        closed.await_arrivals(1);
        assert_eq!(scope.run(|| hung(&[3, 2, 4], &open)).len(), 3);
        assert_eq!(RUNS.take(), [vec![1, 2, 3], vec![4], vec![3, 2]]);
        closed.open();
        assert_eq!(first.join().unwrap().len(), 3);
    });
}

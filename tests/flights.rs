//! One computation for all who ask at once; leaders that fail hand over; nobody hangs.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use cachekit::{Cache, memoize, testing::Scope};
use cachekit_tests::watch::Watch;

const CALLERS: usize = 64;

/// Runs a call on many threads at once and returns what each returned.
fn at_once<T: Send>(callers: usize, call: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(callers);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let (barrier, call) = (&barrier, &call);
                scope.spawn(move || {
                    barrier.wait();
                    call(caller)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn pause(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

/// Checks that something ends in time.
fn in_time<T: Send>(call: impl FnOnce() -> T + Send) -> T {
    let start = Watch::start();
    let result = call();
    assert!(start.elapsed() < Duration::from_secs(8), "took {:?}", start.elapsed());
    result
}

#[test]
fn case_309_many_threads_run_the_body_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn slow(n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        pause(100);
        n * 2
    }
    assert_eq!(at_once(CALLERS, |_| slow(4)), [8; CALLERS]);
    assert_eq!(RUNS.load(SeqCst), 1);
    let stats = slow::stats();
    assert_eq!(stats.misses, 1);
    assert_eq!(stats.hits + stats.coalesced, CALLERS as u64 - 1);
}

#[test]
fn many_tasks_run_the_body_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    async fn slow(n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        n * 2
    }
    runtime().block_on(async {
        let tasks: Vec<_> = (0..1000).map(|_| tokio::spawn(slow(4))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 8);
        }
    });
    assert_eq!(RUNS.load(SeqCst), 1);
}

#[test]
fn none_is_shared_by_those_who_wait() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn nothing(_n: u64) -> Option<u64> {
        RUNS.fetch_add(1, SeqCst);
        pause(100);
        None
    }
    assert_eq!(at_once(16, |_| nothing(1)), [None; 16]);
    assert!(RUNS.load(SeqCst) <= 2, "{} runs", RUNS.load(SeqCst));
}

#[test]
fn a_leader_that_panics_hands_over() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn fragile(n: u64) -> u64 {
        let run = RUNS.fetch_add(1, SeqCst);
        pause(50);
        assert!(run > 0, "the first one always fails");
        n
    }
    let results = in_time(|| at_once(16, |_| catch_unwind(AssertUnwindSafe(|| fragile(3)))));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert!(results.iter().flatten().all(|value| *value == 3));
    assert_eq!(RUNS.load(SeqCst), 2);
}

#[test]
fn a_leader_that_errs_hands_over_once_and_then_all_compute() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn failing(_n: u64) -> Result<u64, String> {
        RUNS.fetch_add(1, SeqCst);
        pause(100);
        Err("no".into())
    }
    let start = Watch::start();
    let results = at_once(32, |_| failing(3));
    assert!(results.iter().all(Result::is_err));
    // Two in a row, then everybody else at once: not one after the other.
    assert!(start.elapsed() < Duration::from_millis(1500), "took {:?}", start.elapsed());
    assert_eq!(RUNS.load(SeqCst), 32);
}

#[test]
fn an_err_is_followed_by_a_value() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn recovering(n: u64) -> Result<u64, String> {
        let run = RUNS.fetch_add(1, SeqCst);
        pause(50);
        if run == 0 { Err("not yet".into()) } else { Ok(n) }
    }
    let results = in_time(|| at_once(16, |_| recovering(3)));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert_eq!(RUNS.load(SeqCst), 2);
}

#[test]
fn a_leader_that_is_dropped_hands_over() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    async fn slow(n: u64) -> u64 {
        let first = RUNS.fetch_add(1, SeqCst) == 0;
        tokio::time::sleep(Duration::from_millis(if first { 60_000 } else { 50 })).await;
        n
    }
    runtime().block_on(async {
        let leader = tokio::spawn(slow(5));
        while RUNS.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let followers: Vec<_> = (0..100).map(|_| tokio::spawn(slow(5))).collect();
        tokio::time::sleep(Duration::from_millis(50)).await;
        leader.abort();
        for follower in followers {
            assert_eq!(follower.await.unwrap(), 5);
        }
    });
    assert_eq!(RUNS.load(SeqCst), 2);
}

#[test]
fn callers_cancelled_one_after_the_other_leave_nothing_behind() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    async fn slow(n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        n
    }
    runtime().block_on(async {
        for _ in 0..50 {
            let callers: Vec<_> = (0..20).map(|_| tokio::spawn(slow(6))).collect();
            tokio::time::sleep(Duration::from_millis(1)).await;
            for caller in callers {
                caller.abort();
            }
        }
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), slow(6)).await.unwrap(), 6);
    });
}

#[test]
fn recursion_computes_each_step_once() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn fibonacci(n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }
    assert_eq!(in_time(|| fibonacci(80)), 23_416_728_348_467_685);
    assert_eq!(RUNS.load(SeqCst), 81);
}

#[test]
fn recursion_on_the_same_key_computes_inline() {
    use std::cell::Cell;
    thread_local!(static DEPTH: Cell<u32> = const { Cell::new(0) });
    #[memoize]
    fn same(n: u64) -> u64 {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        if depth < 3 { same(n) + 1 } else { n }
    }
    assert_eq!(in_time(|| same(10)), 13);
    assert_eq!(same(10), 13);
}

#[test]
fn async_recursion_on_the_same_key_computes_inline() {
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    async fn same(n: u64) -> u64 {
        if DEPTH.fetch_add(1, SeqCst) < 3 { Box::pin(same(n)).await + 1 } else { n }
    }
    runtime().block_on(async {
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), same(10)).await.unwrap(), 13);
    });
}

/// `left` needs `right` and `right` needs `left`, from two threads at once: a circle of waits.
#[test]
fn two_functions_that_need_each_other_do_not_deadlock() {
    static MEET: std::sync::LazyLock<Barrier> = std::sync::LazyLock::new(|| Barrier::new(2));
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn left(n: u64) -> u64 {
        if DEPTH.fetch_add(1, SeqCst) < 2 {
            MEET.wait();
            right(n) + 1
        } else {
            n
        }
    }
    #[memoize]
    fn right(n: u64) -> u64 {
        if DEPTH.fetch_add(1, SeqCst) < 2 {
            MEET.wait();
            left(n) + 1
        } else {
            n
        }
    }
    let values = in_time(|| at_once(2, |caller| if caller == 0 { left(1) } else { right(1) }));
    assert!(values.iter().all(|value| (1..=4).contains(value)), "{values:?}");
}

#[test]
fn a_hit_does_not_wait_for_another_key() {
    #[memoize]
    fn slow_for_one(n: u64) -> u64 {
        if n == 1 {
            pause(500);
        }
        n
    }
    slow_for_one(2);
    thread::scope(|scope| {
        scope.spawn(|| slow_for_one(1));
        pause(50);
        let start = Watch::start();
        assert_eq!(slow_for_one(2), 2);
        assert_eq!(slow_for_one(3), 3);
        assert!(start.elapsed() < Duration::from_millis(200), "took {:?}", start.elapsed());
    });
}

#[test]
fn different_keys_compute_side_by_side() {
    #[memoize]
    fn slow(n: usize) -> usize {
        pause(100);
        n
    }
    let start = Watch::start();
    at_once(32, slow);
    assert!(start.elapsed() < Duration::from_millis(1000), "took {:?}", start.elapsed());
}

#[test]
fn a_follower_does_not_wait_for_ever() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn stuck(n: u64) -> u64 {
        if RUNS.fetch_add(1, SeqCst) == 0 {
            pause(1500);
        }
        n
    }
    let scope = Scope::new(Cache::builder().flight_timeout(Duration::from_millis(100)).build());
    thread::scope(|threads| {
        let (leader, follower) = (scope.clone(), scope);
        threads.spawn(move || leader.run(|| stuck(1)));
        threads.spawn(move || {
            pause(50);
            let start = Watch::start();
            assert_eq!(follower.run(|| stuck(1)), 1);
            assert!(start.elapsed() < Duration::from_millis(800), "took {:?}", start.elapsed());
        });
    });
    assert_eq!(RUNS.load(SeqCst), 2);
}

/// A leader whose future nobody polls any more must not stop the others.
#[test]
fn an_async_leader_that_is_not_polled_is_not_waited_for() {
    #[memoize]
    async fn slow(n: u64) -> u64 {
        tokio::task::yield_now().await;
        n
    }
    let cache = Cache::builder().flight_timeout(Duration::from_millis(100)).build();
    let scope = Scope::new(cache);
    runtime().block_on(async {
        let mut leader = Box::pin(scope.run_async(slow(1)));
        let polled =
            std::future::poll_fn(|cx| std::task::Poll::Ready(leader.as_mut().poll(cx).is_pending())).await;
        assert!(polled, "the leader began and waits");
        let follower = tokio::time::timeout(Duration::from_secs(3), scope.run_async(slow(1))).await;
        assert_eq!(follower.unwrap(), 1);
    });
}

#[test]
fn followers_of_an_invalidated_computation_compute_again() {
    static VERSION: AtomicUsize = AtomicUsize::new(1);
    #[memoize]
    fn version(_n: u64) -> usize {
        let seen = VERSION.load(SeqCst);
        pause(200);
        seen
    }
    thread::scope(|threads| {
        threads.spawn(|| version(1));
        pause(50);
        let early = threads.spawn(|| version(1));
        pause(50);
        VERSION.store(2, SeqCst);
        version::delete_memoized().unwrap();
        let late = threads.spawn(|| version(1));
        assert_eq!(late.join().unwrap(), 2);
        assert_eq!(
            early.join().unwrap(),
            2,
            "a value computed before the invalidation was handed out after it"
        );
    });
    assert_eq!(version(1), 2);
}

#[test]
fn values_are_dropped_with_their_cache() {
    #[memoize(local)]
    fn shared(n: u64) -> Arc<u64> {
        Arc::new(n)
    }
    let cache = Cache::builder().build();
    let weak = Scope::new(cache.clone()).run(|| Arc::downgrade(&shared(1)));
    assert!(weak.upgrade().is_some());
    drop(cache);
    assert!(weak.upgrade().is_none(), "the cache of a scope is gone, its values are not");
}

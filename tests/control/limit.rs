//! How many bodies of one function run at a time while its backend is down.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache, memoize};
use cachekit_tests::watch::Watch;

use crate::support::{runtime, until};

/// Counts the bodies that run, and the most that ran at a time.
#[derive(Default)]
struct Gauge {
    running: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Gauge {
    const fn new() -> Self {
        Self { running: AtomicUsize::new(0), most: AtomicUsize::new(0), all: AtomicUsize::new(0) }
    }

    fn enter(&self) -> Inside<'_> {
        self.most.fetch_max(self.running.fetch_add(1, SeqCst) + 1, SeqCst);
        self.all.fetch_add(1, SeqCst);
        Inside(self)
    }

    fn most(&self) -> usize {
        self.most.load(SeqCst)
    }

    fn all(&self) -> usize {
        self.all.load(SeqCst)
    }
}

struct Inside<'a>(&'a Gauge);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

fn limited(bodies: usize, patience: Duration) -> (Faulty, Cache) {
    let backend = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(backend.clone()).recompute_limit(bodies).flight_timeout(patience);
    (backend.clone(), cache.build())
}

const LONG: Duration = Duration::from_secs(60);

/// Calls from so many threads at once, each with another argument.
fn at_once(callers: u64, cache: &Cache, call: impl Fn(u64) + Sync) {
    let barrier = Barrier::new(usize::try_from(callers).unwrap());
    thread::scope(|scope| {
        for n in 0..callers {
            let (barrier, call) = (&barrier, &call);
            scope.spawn(move || {
                Scope::new(cache.clone()).run(|| {
                    barrier.wait();
                    call(n);
                });
            });
        }
    });
}

#[test]
fn few_bodies_run_while_the_backend_is_down() {
    static GAUGE: Gauge = Gauge::new();
    #[memoize]
    fn slow(n: u64) -> u64 {
        let _inside = GAUGE.enter();
        thread::sleep(Duration::from_millis(10));
        n
    }
    let (backend, cache) = limited(3, LONG);
    backend.fail(true);
    at_once(24, &cache, |n| assert_eq!(slow(n), n));
    assert_eq!((GAUGE.most(), GAUGE.all()), (3, 24));
    // A backend that is well has no limit.
    backend.fail(false);
    at_once(24, &cache, |n| assert_eq!(slow(100 + n), 100 + n));
    assert!(GAUGE.most() > 3, "{}", GAUGE.most());
}

#[test]
fn few_async_bodies_run_while_the_backend_is_down() {
    static GAUGE: Gauge = Gauge::new();
    #[memoize]
    async fn slow(n: u64) -> u64 {
        let _inside = GAUGE.enter();
        tokio::time::sleep(Duration::from_millis(2)).await;
        n
    }
    let (backend, cache) = limited(3, LONG);
    backend.fail(true);
    runtime().block_on(async {
        let call = |n: u64| {
            let cache = cache.clone();
            tokio::spawn(async move { Scope::new(cache).run_async(slow(n)).await })
        };
        let tasks: Vec<_> = (0..200).map(call).collect();
        for (n, task) in (0..).zip(tasks) {
            // Some go away while they wait, others while they run.
            if n % 5 == 0 {
                tokio::time::sleep(Duration::from_micros(500)).await;
                task.abort();
            } else {
                assert_eq!(task.await.unwrap(), n);
            }
        }
        let again: Vec<_> = (200..230).map(call).collect();
        for task in again {
            task.await.unwrap();
        }
    });
    assert_eq!(GAUGE.most(), 3);
}

#[test]
fn the_attribute_wins_and_each_function_has_its_own() {
    static F: Gauge = Gauge::new();
    static G: Gauge = Gauge::new();
    #[memoize(recompute_limit = 1)]
    fn f(n: u64) -> u64 {
        let _inside = F.enter();
        thread::sleep(Duration::from_millis(5));
        n
    }
    #[memoize]
    fn g(n: u64) -> u64 {
        let _inside = G.enter();
        thread::sleep(Duration::from_millis(30));
        n
    }
    let (backend, cache) = limited(4, LONG);
    backend.fail(true);
    at_once(16, &cache, |n| assert_eq!((f(n), g(n)), (n, n)));
    assert_eq!((F.most(), F.all(), G.all()), (1, 16, 16));
    assert!(G.most() <= 4);
    let (backend, unlimited) = limited(0, LONG);
    backend.fail(true);
    at_once(16, &unlimited, |n| assert_eq!(g(n), n));
    assert!(G.most() > 4, "{}", G.most());
}

/// Those in the queue are served once the backend is back.
#[test]
fn who_waited_looks_again() {
    static GAUGE: Gauge = Gauge::new();
    #[memoize(recompute_limit = 1)]
    fn slow(n: u64) -> u64 {
        let _inside = GAUGE.enter();
        thread::sleep(Duration::from_millis(100));
        n
    }
    let (backend, cache) = limited(1, LONG);
    Scope::new(cache.clone()).run(|| (1..9).for_each(|n| assert_eq!(slow(n), n)));
    let before = GAUGE.all();
    backend.fail(true);
    thread::scope(|scope| {
        scope.spawn(|| at_once(9, &cache, |n| assert_eq!(slow(n), n)));
        until(|| GAUGE.all() > before);
        backend.fail(false);
    });
    assert!(GAUGE.all() - before <= 2, "{} of 9 bodies ran", GAUGE.all() - before);
}

#[test]
fn nobody_waits_longer_than_the_flight_timeout() {
    static GAUGE: Gauge = Gauge::new();
    static RELEASED: AtomicUsize = AtomicUsize::new(0);
    #[memoize]
    fn stuck(n: u64) -> u64 {
        let _inside = GAUGE.enter();
        until(|| n > 0 || RELEASED.load(SeqCst) == 1);
        n
    }
    let (backend, cache) = limited(1, Duration::from_millis(150));
    backend.fail(true);
    thread::scope(|scope| {
        let cache = &cache;
        scope.spawn(|| Scope::new(cache.clone()).run(|| stuck(0)));
        until(|| GAUGE.all() == 1);
        let (start, watch) = (Instant::now(), Watch::start());
        at_once(8, cache, |n| assert_eq!(stuck(n + 1), n + 1));
        assert!(start.elapsed() >= Duration::from_millis(150), "{:?}", start.elapsed());
        assert!(watch.elapsed() < Duration::from_secs(5), "{:?}", watch.elapsed());
        assert_eq!(GAUGE.running.load(SeqCst), 1, "the first is still there");
        RELEASED.store(1, SeqCst);
    });
    assert_eq!(GAUGE.all(), 9);
}

/// Bodies that call their own function, through each other, on the same keys: nobody waits for himself.
#[test]
fn recursion_does_not_wait_for_itself() {
    #[memoize(recompute_limit = 1)]
    fn fibonacci(n: u64) -> u64 {
        if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
    }
    #[memoize(recompute_limit = 1)]
    fn even(n: u64) -> bool {
        thread::sleep(Duration::from_millis(1));
        n == 0 || odd(n - 1)
    }
    #[memoize(recompute_limit = 1)]
    fn odd(n: u64) -> bool {
        thread::sleep(Duration::from_millis(1));
        n != 0 && even(n - 1)
    }
    let (backend, cache) = limited(1, LONG);
    backend.fail(true);
    let start = Watch::start();
    at_once(8, &cache, |n| {
        assert_eq!(fibonacci(10), 55);
        assert!(even(10 + 2 * n) && odd(11 + 2 * n), "from both ends, so that they meet");
    });
    assert!(start.elapsed() < LONG / 3, "took {:?}", start.elapsed());
}

#[test]
fn async_recursion_does_not_wait_for_itself() {
    #[memoize(recompute_limit = 1)]
    async fn even(n: u64) -> bool {
        tokio::task::yield_now().await;
        n == 0 || Box::pin(odd(n - 1)).await
    }
    fn odd(n: u64) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send>> {
        #[memoize(recompute_limit = 1)]
        async fn odd(n: u64) -> bool {
            tokio::task::yield_now().await;
            n != 0 && even(n - 1).await
        }
        Box::pin(odd(n))
    }
    let (backend, cache) = limited(1, LONG);
    backend.fail(true);
    let start = Watch::start();
    runtime().block_on(async {
        let call = |n: u64| {
            let scope = Scope::new(cache.clone());
            let both = async move { even(10 + 2 * n).await && odd(11 + 2 * n).await };
            tokio::spawn(async move { assert!(scope.run_async(both).await) })
        };
        let tasks: Vec<_> = (0..16_u64).map(call).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(start.elapsed() < LONG / 3, "took {:?}", start.elapsed());
}

/// A leader that waits for a place, and the one in the place that waits for the leader.
#[test]
fn a_leader_in_the_queue_is_not_waited_for_by_whom_it_waits_for() {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    #[memoize(recompute_limit = 1)]
    fn nested(n: u64) -> u64 {
        if n == 0 {
            STARTED.store(1, SeqCst);
            // The other one leads the flight of 1 by now, and waits for this place.
            until(|| STARTED.load(SeqCst) == 2);
            thread::sleep(Duration::from_millis(100));
            return nested(1);
        }
        n
    }
    let (backend, cache) = limited(1, LONG);
    backend.fail(true);
    let start = Watch::start();
    thread::scope(|scope| {
        let cache = &cache;
        let first = scope.spawn(|| Scope::new(cache.clone()).run(|| nested(0)));
        until(|| STARTED.load(SeqCst) == 1);
        let second = scope.spawn(|| {
            Scope::new(cache.clone()).run(|| {
                STARTED.store(2, SeqCst);
                nested(1)
            })
        });
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 1));
    });
    assert!(start.elapsed() < LONG / 3, "took {:?}", start.elapsed());
}

#[test]
fn a_body_that_panics_gives_its_place_up() {
    #[memoize(recompute_limit = 1)]
    fn fails(n: u64) -> u64 {
        assert!(n > 3, "as it should");
        n
    }
    let (backend, cache) = limited(1, LONG);
    backend.fail(true);
    let start = Watch::start();
    Scope::new(cache).run(|| {
        for n in 0..6 {
            let result = std::panic::catch_unwind(|| fails(n));
            assert_eq!(result.is_ok(), n > 3);
        }
    });
    assert!(start.elapsed() < LONG / 3);
}

/// What waits to be forgotten is computed while the backend is down as everything else is.
#[test]
fn what_is_not_served_is_limited_too() {
    static GAUGE: Gauge = Gauge::new();
    #[memoize(recompute_limit = 1)]
    fn slow(n: u64) -> u64 {
        let _inside = GAUGE.enter();
        thread::sleep(Duration::from_millis(5));
        n
    }
    let backend = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(backend.clone()).recover(10).flight_timeout(LONG).build();
    backend.fail(true);
    Scope::new(cache.clone()).run(|| (0..4).for_each(|n| assert!(slow::delete_memoized_with(n).is_err())));
    at_once(8, &cache, |n| assert_eq!(slow(n), n));
    assert_eq!((GAUGE.most(), GAUGE.all()), (1, 8));
}

//! Servers that fail while they are in use: killed, restarted empty, stopped, slow, cut off, garbled, and those that answer
//! with a refusal. Whatever they do, values are right, nothing panics, no operation outlives its deadline, and hits come
//! back. Each test prints a table of what it saw. How long this machine kept a thread waiting for a processor meanwhile is
//! measured too, and forgiven: it is no deadline of ours.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::{Cache, memoize, testing::Scope};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Node, Redis, Sentinel, Uwsgi};

/// What an operation may take: connecting and one exchange, as configured below.
const CONNECT: Duration = Duration::from_millis(250);
const OPERATION: Duration = Duration::from_millis(100);
/// What a busy machine may add before a thread gets its turn.
const SLACK: Duration = Duration::from_millis(650);

/// How long hits may take to return, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

const KEYS: u64 = 32;

#[memoize(timeout = 600)]
fn square(n: u64) -> (u64, u64) {
    (n, n * n)
}

#[memoize(timeout = 600)]
async fn cube(n: u64) -> (u64, u64) {
    (n, n * n * n)
}

/// What was seen while a server failed.
#[derive(Default)]
struct Outcome {
    operations: AtomicU64,
    errors: AtomicU64,
    wrong: AtomicU64,
    longest_micros: AtomicU64,
    /// The longest that a thread which only sleeps was kept waiting for a processor.
    stall_micros: AtomicU64,
    stop: AtomicBool,
}

impl Outcome {
    /// Notes an operation on the cache: how long it took, and whether what it gave is right.
    fn note<T>(&self, start: Instant, result: cachekit::Result<T>, is_right: impl Fn(T) -> bool) {
        let took = start.elapsed();
        self.operations.fetch_add(1, Relaxed);
        self.longest_micros.fetch_max(u64::try_from(took.as_micros()).unwrap(), Relaxed);
        match result {
            Ok(value) => self.wrong.fetch_add(u64::from(!is_right(value)), Relaxed),
            Err(_) => self.errors.fetch_add(1, Relaxed),
        };
    }

    /// Watches how late a thread gets its turn, until it is told to stop.
    fn watch_the_machine(&self) {
        const NAP: Duration = Duration::from_millis(5);
        while !self.stop.load(Relaxed) {
            let start = Instant::now();
            thread::sleep(NAP);
            let stall = start.elapsed().saturating_sub(NAP);
            self.stall_micros.fetch_max(u64::try_from(stall.as_micros()).unwrap(), Relaxed);
        }
    }

    /// Whether an operation took longer than its deadline, with what the machine is forgiven.
    fn is_late(&self) -> bool {
        let stall = Duration::from_micros(self.stall_micros.load(Relaxed));
        // A call may be kept waiting at every step of it: to connect, to write, to read, to be woken.
        Duration::from_micros(self.longest_micros.load(Relaxed)) > CONNECT + OPERATION + SLACK + 4 * stall
    }

    /// Notes a call of a function, which has no error to show, and may read, store, and look once more.
    fn note_call(&self, right: bool) {
        self.operations.fetch_add(1, Relaxed);
        self.wrong.fetch_add(u64::from(!right), Relaxed);
    }
}

/// Threads and tasks that use a cache until they are told to stop.
fn load(cache: &Cache, outcome: &Outcome) {
    thread::scope(|threads| {
        threads.spawn(|| outcome.watch_the_machine());
        for number in 0..3_u64 {
            threads.spawn(move || {
                let scope = Scope::new(cache.clone());
                let mut n = number;
                while !outcome.stop.load(Relaxed) {
                    n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let k = (n >> 33) % KEYS;
                    outcome.note_call(scope.run(|| square(k)) == (k, k * k));
                    let (key, value) = (format!("own:{k}"), format!("value {k}"));
                    let start = Instant::now();
                    outcome.note(start, cache.get::<String>(&key), |found| {
                        found.is_none_or(|found| found == value)
                    });
                    let start = Instant::now();
                    outcome.note(start, cache.set(&key, &value, 600), |()| true);
                    // Not as fast as it can: failing fast would be all that is seen.
                    thread::sleep(Duration::from_micros(200));
                }
            });
        }
        threads.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let scope = Scope::new(cache.clone());
                while !outcome.stop.load(Relaxed) {
                    let round = (0..KEYS).map(|k| {
                        let (cache, scope) = (cache.clone(), scope.clone());
                        async move {
                            outcome.note_call(scope.run_async(cube(k)).await == (k, k * k * k));
                            let (key, value) = (format!("async:{k}"), format!("value {k}"));
                            let start = Instant::now();
                            let found = cache.get_async::<String>(&key).await;
                            outcome.note(start, found, |found| found.is_none_or(|found| found == value));
                            let start = Instant::now();
                            outcome.note(start, cache.set_async(&key, &value, 600).await, |()| true);
                        }
                    });
                    all(round.collect()).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        });
    });
}

/// Waits for all at once.
async fn all(futures: Vec<impl Future<Output = ()>>) {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|cx| {
        for place in &mut futures {
            if place.as_mut().is_some_and(|future| future.as_mut().poll(cx).is_ready()) {
                *place = None;
            }
        }
        if futures.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// A fault: its name, how it begins, how long it lasts, and how it ends.
struct Trouble<'a> {
    name: &'a str,
    begin: Box<dyn Fn() + 'a>,
    lasts: Duration,
    end: Box<dyn Fn() + 'a>,
}

fn trouble<'a>(name: &'a str, begin: impl Fn() + 'a, end: impl Fn() + 'a) -> Trouble<'a> {
    Trouble { name, begin: Box::new(begin), lasts: Duration::from_millis(700), end: Box::new(end) }
}

/// Brings trouble over a server in use, one after the other, and checks what comes of it.
fn endure(server: &str, url: &str, troubles: Vec<Trouble<'_>>) {
    let url =
        super::with(url, "key_prefix=faults%3A&connect_timeout=250ms&operation_timeout=100ms&pool_size=8");
    let cache = Cache::from_url(&url).unwrap();
    println!("{server}: deadline of an operation {} ms", (CONNECT + OPERATION).as_millis());
    println!("| fault | operations | errors | wrong | late | longest | machine's stall | hits back after |");
    for trouble in troubles {
        assert!(hits_return(&cache, PATIENCE).is_some(), "{server} works before {}", trouble.name);
        let outcome = Outcome::default();
        thread::scope(|threads| {
            let running = threads.spawn(|| load(&cache, &outcome));
            thread::sleep(Duration::from_millis(150));
            (trouble.begin)();
            thread::sleep(trouble.lasts);
            outcome.stop.store(true, Relaxed);
            running.join().expect("no panic");
        });
        (trouble.end)();
        let back = hits_return(&cache, PATIENCE);
        println!(
            "| {} | {} | {} | {} | {} | {} ms | {} ms | {} |",
            trouble.name,
            outcome.operations.load(Relaxed),
            outcome.errors.load(Relaxed),
            outcome.wrong.load(Relaxed),
            u8::from(outcome.is_late()),
            outcome.longest_micros.load(Relaxed) / 1000,
            outcome.stall_micros.load(Relaxed) / 1000,
            back.map_or("never".to_owned(), |back| format!("{} ms", back.as_millis())),
        );
        assert_eq!(outcome.wrong.load(Relaxed), 0, "wrong values on {server} under {}", trouble.name);
        assert!(!outcome.is_late(), "an operation outlived its deadline on {server} under {}", trouble.name);
        assert!(back.is_some(), "hits return on {server} after {}", trouble.name);
    }
}

/// How long it takes until every key is a hit again, sync and async.
fn hits_return(cache: &Cache, patience: Duration) -> Option<Duration> {
    let start = Instant::now();
    let scope = Scope::new(cache.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    while start.elapsed() < patience {
        let are_hits = scope.run(|| {
            (0..KEYS).all(|n| {
                square(n);
                square::peek(n).is_some()
            })
        });
        let are_async_hits = runtime.block_on(scope.run_async(async {
            for n in 0..KEYS {
                cube(n).await;
                if cube::peek(n).await.is_none() {
                    return false;
                }
            }
            true
        }));
        if are_hits && are_async_hits {
            return Some(start.elapsed());
        }
        thread::sleep(Duration::from_millis(2));
    }
    None
}

/// What can happen to any server with a proxy in front.
fn common<'a>(node: &'a Node, proxy: &'a Proxy) -> Vec<Trouble<'a>> {
    let pass = || proxy.set(Fault::Pass);
    vec![
        trouble("killed and restarted empty", || node.kill(), || node.restart()),
        Trouble {
            lasts: Duration::from_secs(5),
            ..trouble("stopped for 5 s", || node.pause(), || node.resume())
        },
        trouble("replies delayed by 5 s", || proxy.set(Fault::Delay(Duration::from_secs(5))), pass),
        trouble("replies delayed by 60 ms", || proxy.set(Fault::Delay(Duration::from_millis(60))), pass),
        trouble("replies byte by byte", || proxy.set(Fault::Dribble(Duration::from_millis(20))), pass),
        trouble("replies cut, left open", || proxy.set(Fault::CutAndHang(7)), pass),
        trouble("replies cut, closed", || proxy.set(Fault::CutAndClose(7)), pass),
        trouble("replies are garbage", || proxy.set(Fault::Garbage), pass),
        trouble("connections reset", || proxy.set(Fault::Reset), pass),
        trouble(
            "new connections refused",
            || {
                proxy.set(Fault::Refuse);
                proxy.reset_connections();
            },
            pass,
        ),
        trouble("no answer at all", || proxy.set(Fault::BlackHole), pass),
    ]
}

/// What Redis may say instead of an answer.
fn refusals(proxy: &Proxy) -> Vec<Trouble<'_>> {
    const REFUSALS: [(&str, &str); 5] = [
        ("READONLY", "-READONLY You can't write against a read only replica.\r\n"),
        ("LOADING", "-LOADING Redis is loading the dataset in memory\r\n"),
        ("OOM", "-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
        ("MOVED", "-MOVED 3999 127.0.0.1:1\r\n"),
        ("ASK", "-ASK 3999 127.0.0.1:1\r\n"),
    ];
    REFUSALS
        .iter()
        .map(|(name, text)| trouble(name, || proxy.set(Fault::answer(text)), || proxy.set(Fault::Pass)))
        .collect()
}

#[test]
fn redis() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let mut troubles = common(&server, &proxy);
    troubles.extend(refusals(&proxy));
    endure("redis", &format!("redis://127.0.0.1:{}", proxy.port()), troubles);
}

#[test]
fn memcached() {
    let Some(server) = Memcached::start(1) else { return };
    let proxy = Proxy::new(server.node(0).address());
    endure("memcached", &format!("memcached://127.0.0.1:{}", proxy.port()), common(server.node(0), &proxy));
}

#[test]
fn memcached_with_sasl_and_spread_values() {
    let Some(server) = MemcachedSasl::start() else { return };
    let proxy = Proxy::new(server.address());
    let url = format!("memcached+spread://alice:secret@127.0.0.1:{}?chunk_size=64", proxy.port());
    endure("memcached, SASL and spread", &url, common(&server, &proxy));
}

#[test]
fn uwsgi() {
    let Some(server) = Uwsgi::start() else { return };
    let proxy = Proxy::new(server.address());
    endure("uwsgi", &format!("uwsgi://mycache@127.0.0.1:{}", proxy.port()), common(&server, &proxy));
}

#[test]
fn a_sentinel_failover() {
    let Some(servers) = Sentinel::start() else { return };
    let long = |trouble| Trouble { lasts: Duration::from_secs(4), ..trouble };
    let master = servers.data(0);
    endure(
        "sentinel",
        &servers.url(),
        vec![
            long(trouble("master killed", || master.kill(), || master.restart())),
            trouble("one sentinel killed", || servers.sentinel(0).kill(), || ()),
        ],
    );
}

#[test]
fn a_cluster_node_killed() {
    let Some(servers) = Cluster::start() else { return };
    let restart = || {
        servers.node(1).restart();
        servers.wait_until_ok();
    };
    endure(
        "cluster",
        &servers.url(),
        vec![
            trouble("a node stopped", || servers.node(1).pause(), || servers.node(1).resume()),
            trouble("a node killed", || servers.node(1).kill(), restart),
        ],
    );
}

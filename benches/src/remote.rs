//! Hits on servers, beside what one would ask of them by hand. Server and client are on the same machine.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cachekit::{Cache, memoize};
use cachekit_tests::proxy::Proxy;
use cachekit_tests::servers::{Memcached, Redis};
use tokio::runtime::{Builder, Runtime};

use crate::contest::{Contest, Standings};
use crate::report::{Limit, Targets, figure, progress, table};

const CALLS: u32 = 1_000;
/// Many: on which processor a server wakes makes a round of one caller two or three times as long.
const ROUNDS: usize = 61;
const TASKS: u32 = 64;
const BULK: usize = 100;

#[memoize(timeout = 600, cache = "redis")]
fn in_redis(n: u64) -> String {
    value(n)
}

#[memoize(timeout = 600, cache = "redis")]
async fn in_redis_async(n: u64) -> String {
    value(n)
}

#[memoize(timeout = 600, cache = "memcached")]
fn in_memcached(n: u64) -> String {
    value(n)
}

/// 100 bytes.
fn value(n: u64) -> String {
    format!("{n:0100}")
}

/// Measures Redis and Memcached, where their programs are.
pub fn run() {
    println!(
        "Over loopback; wall-clock microseconds per call, medians of {ROUNDS} rounds in turns, values of 100 bytes.\n"
    );
    let mut targets = Targets::default();
    match Redis::start() {
        Some(server) => redis(&server, &mut targets),
        None => println!("Skipped: there is no redis-server; `cargo xtask servers` installs it.\n"),
    }
    match Memcached::start(1) {
        Some(server) => memcached(&server, &mut targets),
        None => println!("Skipped: there is no memcached; `cargo xtask servers` installs it.\n"),
    }
    targets.print();
}

fn redis(server: &Redis, targets: &mut Targets) {
    let cache = Cache::from_url(&server.url()).expect("the server's URL");
    cachekit::install_named("redis", cache.clone()).expect("nothing else of that name");
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let (client, mut connection) = (redis::Client::open(server.url()).expect("the URL"), server.connection());
    redis::cmd("SET").arg("k").arg(value(1)).exec(&mut connection).expect("a value");
    redis::cmd("SET").arg("stamp").arg(&value(1).as_bytes()[..8]).exec(&mut connection).expect("a stamp");

    progress("redis, sync");
    let mut raw = Raw::connect(server.address());
    let mut second = server.connection();
    let mut contest = Contest::default();
    contest.enter("**cachekit, memoized hit: value and stamps**", || per_call(|| drop(in_redis(1))));
    contest.enter("redis crate, GET", || {
        per_call(|| drop(redis::cmd("GET").arg("k").query::<Vec<u8>>(&mut connection).expect("the value")))
    });
    contest.enter("redis crate, MGET of two", || {
        per_call(|| {
            let found = redis::cmd("MGET").arg("k").arg("stamp").query::<Vec<Option<Vec<u8>>>>(&mut second);
            drop(found.expect("two values"));
        })
    });
    contest.enter("raw socket, GET", || per_call(|| raw.redis_get()));
    let sync = contest.run(ROUNDS);
    print("Redis, one caller, sync", "µs", &sync);
    targets.add(
        "remote memoized hit, sync, vs the raw redis crate's GET",
        sync.ratio("**cachekit, memoized hit: value and stamps**", "redis crate, GET"),
        Limit::AtMost { must: 1.25, aim: 1.1 },
    );

    progress("redis, async");
    let multiplexed = runtime.block_on(client.get_multiplexed_async_connection()).expect("a connection");
    let mut contest = Contest::default();
    contest
        .enter("**cachekit, memoized hits**", || rate(&runtime, || async { drop(in_redis_async(1).await) }));
    contest.enter("cachekit, memoized hits, a key for each task", || {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        rate(&runtime, || {
            let key = NEXT.fetch_add(1, Ordering::Relaxed) % u64::from(TASKS);
            async move { drop(in_redis_async(key).await) }
        })
    });
    let raw = |command: &'static [&'static str]| {
        let multiplexed = multiplexed.clone();
        let runtime = &runtime;
        move || {
            let multiplexed = multiplexed.clone();
            rate(runtime, move || {
                let mut connection = multiplexed.clone();
                let (mut request, keys) = (redis::cmd(command[0]), &command[1..]);
                request.arg(keys);
                async move {
                    let found = request.query_async::<redis::Value>(&mut connection).await;
                    drop(found.expect("what is there"));
                }
            })
        }
    };
    contest.enter("redis crate, GET on one MultiplexedConnection", raw(&["GET", "k"]));
    contest.enter("redis crate, MGET of two on it", raw(&["MGET", "k", "stamp"]));
    let many = contest.run(ROUNDS);
    print(&format!("Redis, {TASKS} tasks, one connection, async"), "ops/s", &many);
    targets.add(
        "remote hits, async, 64 tasks on one connection, vs raw MultiplexedConnection",
        many.ratio("**cachekit, memoized hits**", "redis crate, GET on one MultiplexedConnection"),
        Limit::AtLeast { must: 0.85, aim: 0.95 },
    );
    bulk(server, &cache);
    trips(server);
}

/// 100 keys.
fn bulk(server: &Redis, cache: &Cache) {
    progress("redis, bulk");
    let keys: Vec<String> = (0..BULK).map(|n| format!("bulk:{n}")).collect();
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, String)> = names.iter().map(|name| (*name, value(1))).collect();
    cache.set_many(&items, 600).expect("values");
    let mut connections: Vec<_> = (0..3).map(|_| server.connection()).collect();
    let [one, pipelined, mget] = &mut connections[..] else { unreachable!("three were made") };
    let few = |mut call: Box<dyn FnMut() + '_>| {
        let start = Instant::now();
        (0..10).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e6 / 10.0
    };
    let mut contest = Contest::default();
    contest.enter("**cachekit, `get_many`**", || {
        few(Box::new(|| drop(cache.get_many::<String>(&names).expect("values"))))
    });
    contest.enter("redis crate, 100 GET", || {
        few(Box::new(|| {
            for name in &names {
                drop(redis::cmd("GET").arg(name).query::<Vec<u8>>(one).expect("the value"));
            }
        }))
    });
    contest.enter("redis crate, pipeline of 100 GET", || {
        few(Box::new(|| {
            let mut pipe = redis::pipe();
            for name in &names {
                pipe.cmd("GET").arg(name);
            }
            drop(pipe.query::<Vec<Vec<u8>>>(pipelined).expect("the values"));
        }))
    });
    contest.enter("redis crate, MGET of 100", || {
        few(Box::new(|| {
            drop(redis::cmd("MGET").arg(&names).query::<Vec<Vec<u8>>>(mget).expect("the values"));
        }))
    });
    print("Redis, 100 keys", "µs", &contest.run(ROUNDS));
}

/// Round trips of hits and of first misses, counted by a proxy between.
fn trips(server: &Redis) {
    let proxy = Proxy::new(server.address());
    let cache = Cache::from_url(&format!("redis://127.0.0.1:{}?key_prefix=trips%3A", proxy.port()));
    let count = |keys: std::ops::Range<u64>| {
        let before = proxy.counts().round_trips;
        keys.for_each(|n| drop(in_redis(n)));
        proxy.counts().round_trips - before
    };
    let scope = cachekit::testing::Scope::new(cache.expect("the proxy's URL"));
    let (misses, hits) = scope.run(|| {
        in_redis(1_000);
        (count(2_000..2_100), count(2_000..2_100))
    });
    println!("Round trips, of 100 calls each: {hits} for hits, {misses} for first misses.\n");
}

fn memcached(server: &Memcached, targets: &mut Targets) {
    progress("memcached");
    let cache = Cache::from_url(&server.url()).expect("the server's URL");
    cachekit::install_named("memcached", cache).expect("nothing else of that name");
    let client = memcache::connect(format!("memcache://{}?protocol=ascii", server.node(0).address()));
    let client = client.expect("a connection");
    client.set("k", value(1).as_str(), 600).expect("a value");
    let mut raw = Raw::connect(server.node(0).address());
    let mut contest = Contest::default();
    contest.enter("**cachekit, memoized hit**", || per_call(|| drop(in_memcached(1))));
    contest.enter("raw socket, get", || per_call(|| raw.memcached_get()));
    contest.enter("memcache crate, ASCII", || {
        per_call(|| drop(client.get::<String>("k").expect("an answer").expect("the value")))
    });
    let standings = contest.run(ROUNDS);
    print("Memcached, one caller, sync", "µs", &standings);
    targets.add(
        "memcached hit vs a raw socket get",
        standings.ratio("**cachekit, memoized hit**", "raw socket, get"),
        Limit::AtMost { must: 1.5, aim: 1.2 },
    );
}

/// Wall-clock microseconds per call.
fn per_call(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

/// Calls per second of so many tasks, each of which calls one after the other.
fn rate<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    call: impl Fn() -> F + Clone + Send + 'static,
) -> f64 {
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let call = call.clone();
                tokio::spawn(async move {
                    for _ in 0..CALLS / 10 {
                        call().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task that ends");
        }
    });
    f64::from(TASKS * (CALLS / 10)) / start.elapsed().as_secs_f64()
}

fn print(what: &str, unit: &str, standings: &Standings) {
    println!("### {what}\n");
    let first = standings.names().next().unwrap_or_default();
    let rows: Vec<_> = standings
        .names()
        .map(|name| {
            let (low, high) = standings.spread(name);
            vec![
                name.to_owned(),
                figure(standings.median(name)),
                format!("{}–{}", figure(low), figure(high)),
                figure(standings.ratio(first, name)),
            ]
        })
        .collect();
    table(&["contestant", unit, "middle half", "cachekit by it"], &rows);
}

/// A socket, and the fewest bytes that get an answer.
struct Raw {
    stream: BufReader<TcpStream>,
}

impl Raw {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream: BufReader::new(stream) }
    }

    fn redis_get(&mut self) {
        self.ask(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 2);
    }

    fn memcached_get(&mut self) {
        self.ask(b"get k\r\n", 3);
    }

    /// Sends the question and reads so many lines; no value holds one.
    fn ask(&mut self, question: &[u8], lines: usize) {
        self.stream.get_mut().write_all(question).expect("a server that reads");
        let mut answer = Vec::new();
        for _ in 0..lines {
            self.stream.read_until(b'\n', &mut answer).expect("a server that answers");
        }
        assert!(answer.len() > 100, "the value: {:?}", String::from_utf8_lossy(&answer));
    }
}

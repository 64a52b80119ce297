//! How often memoized functions go to the server: once for a hit, at most twice for a miss. Counted on the wire by a proxy,
//! and by the servers' own statistics. The figures are printed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cachekit::{Cache, memoize, testing::Scope};
use cachekit_tests::proxy::Proxy;
use cachekit_tests::servers::{Cluster, Memcached, MemcachedSasl, Redis, Sentinel};

const CALLS: u64 = 50;

#[derive(Hash)]
struct Shop(u64);

impl Shop {
    /// A value with two stamps: that of the method and that of the shop.
    #[memoize(timeout = 600)]
    fn price(&self, item: u64) -> u64 {
        self.0 * item
    }

    #[memoize(timeout = 600)]
    async fn price_async(&self, item: u64) -> u64 {
        self.0 * item
    }
}

/// What the calls of one kind cost, all in all.
#[derive(Debug, PartialEq, Eq)]
struct Trips {
    misses: u64,
    hits: u64,
}

/// Counts what distinct misses and then as many hits cost; the first call, which also connects, is not counted.
fn count(cache: &Cache, trips: impl Fn() -> u64, call: impl Fn(u64)) -> Trips {
    Scope::new(cache.clone()).run(|| {
        call(0);
        let start = trips();
        (1..=CALLS).for_each(&call);
        let between = trips();
        (1..=CALLS).for_each(&call);
        Trips { misses: between - start, hits: trips() - between }
    })
}

/// Checks both flavours: a hit is at most `hit` round trips to any one server, a miss at most `miss`.
fn check(server: &str, url: &str, trips: impl Fn() -> u64, hit: u64, miss: u64) {
    let cache =
        Cache::from_url(&super::with(url, "key_prefix=trips%3A&operation_timeout=2s&connect_timeout=2s"))
            .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _alone = alone();
    let hits = Shop::price_stats().hits + Shop::price_async_stats().hits;
    let sync = count(&cache, &trips, |item| assert_eq!(Shop(7).price(item), 7 * item));
    let scope = Scope::new(cache.clone());
    let call = |item| assert_eq!(runtime.block_on(scope.run_async(Shop(7).price_async(item))), 7 * item);
    let asynchronous = count(&cache, &trips, call);
    for (flavour, found) in [("sync", sync), ("async", asynchronous)] {
        println!(
            "{server}, {flavour}: {:.2} round trips a hit, {:.2} a miss",
            per_call(found.hits),
            per_call(found.misses),
        );
        assert!(found.hits <= hit * CALLS, "{server}, {flavour}: {found:?}");
        assert!(found.misses <= miss * CALLS, "{server}, {flavour}: {found:?}");
    }
    assert_eq!(Shop::price_stats().hits + Shop::price_async_stats().hits - hits, 2 * CALLS, "all were hits");
}

/// The functions' statistics are those of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn per_call(trips: u64) -> f64 {
    Duration::from_secs(trips).as_secs_f64() / Duration::from_secs(CALLS).as_secs_f64()
}

#[test]
fn redis() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    check("redis", &format!("redis://127.0.0.1:{}", proxy.port()), || proxy.counts().round_trips, 1, 2);
}

/// What the server itself counts: one MGET for a hit; one MGET and one SET for a first miss.
#[test]
fn redis_commandstats() {
    let Some(server) = Redis::start() else { return };
    let cache = Cache::from_url(&server.url()).unwrap();
    let mut connection = server.connection();
    let mut stats = |what: &str| {
        let info: String = redis::cmd("INFO").arg("commandstats").query(&mut connection).unwrap();
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut connection).unwrap();
        let calls = info.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split_once(',')?.0.parse::<u64>().ok()?))
        });
        let calls: BTreeMap<String, u64> =
            calls.filter(|(name, _)| !name.starts_with("info") && !name.starts_with("config")).collect();
        println!("redis, {what}: {calls:?}");
        calls
    };
    let expected = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<BTreeMap<_, _>>()
    };
    let _alone = alone();
    Scope::new(cache).run(|| {
        Shop(3).price(0);
        stats("the first call");
        let all = || (1..=CALLS).for_each(|item| assert_eq!(Shop(3).price(item), 3 * item));
        all();
        assert_eq!(stats("misses"), expected(&[("mget", CALLS), ("set", CALLS)]));
        all();
        assert_eq!(stats("hits"), expected(&[("mget", CALLS)]));
    });
}

#[memoize(timeout = 600, cache = "asked together")]
async fn asked_together(n: u64) -> u64 {
    n
}

/// Many tasks that ask for one key together are served by one read, and nobody has to verify for them what it found.
#[test]
fn tasks_that_ask_together_share_a_round_trip() {
    const TASKS: u64 = 64;
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let url = format!("redis://127.0.0.1:{}?operation_timeout=5s&connect_timeout=5s", proxy.port());
    cachekit::install_named("asked together", Cache::from_url(&url).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let ask = || {
        let before = proxy.counts().round_trips;
        runtime.block_on(async {
            let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(asked_together(7))).collect();
            for task in tasks {
                assert_eq!(task.await.unwrap(), 7);
            }
        });
        proxy.counts().round_trips - before
    };
    let (computed, found, again) = (ask(), ask(), ask());
    println!(
        "redis: {TASKS} tasks, one key: {computed} round trips to compute it, {found} to find it, {again} again"
    );
    assert_eq!((found, again), (1, 1));
    assert_eq!(asked_together::stats().misses, 1);
}

#[test]
fn redis_behind_sentinels() {
    let Some(servers) = Sentinel::start() else { return };
    let mut connection = servers.connection(servers.master());
    // The master itself is asked: sentinels name its own address.
    let connection = std::cell::RefCell::new(&mut connection);
    let commands = || {
        let info: String =
            redis::cmd("INFO").arg("commandstats").query(&mut **connection.borrow_mut()).unwrap();
        let ours = ["cmdstat_mget:", "cmdstat_set:", "cmdstat_eval:"];
        info.lines()
            .filter(|line| ours.iter().any(|name| line.starts_with(name)))
            .filter_map(|line| line.split_once("calls=")?.1.split_once(',')?.0.parse::<u64>().ok())
            .sum()
    };
    check("redis behind sentinels", &servers.url(), commands, 1, 2);
}

/// Nodes are asked side by side: to no node goes more than one round trip for a hit.
#[test]
fn redis_cluster() {
    let Some(servers) = Cluster::builder().behind_proxies().start() else { return };
    let busiest = || (0..3).map(|node| servers.proxy(node).counts().round_trips).max().unwrap();
    check("redis cluster, the busiest node", &servers.url(), busiest, 1, 2);
}

#[test]
fn memcached() {
    let Some(server) = Memcached::start(1) else { return };
    let proxy = Proxy::new(server.node(0).address());
    check(
        "memcached",
        &format!("memcached://127.0.0.1:{}", proxy.port()),
        || proxy.counts().round_trips,
        1,
        2,
    );
    let gets = |name: &str| server.stats(0)[name].parse::<u64>().unwrap();
    println!("memcached says: {} keys read, {} writes", gets("cmd_get"), gets("cmd_set"));
}

/// Values that are spread need a second look for their chunks.
#[test]
fn memcached_with_sasl() {
    let Some(server) = MemcachedSasl::start() else { return };
    let proxy = Proxy::new(server.address());
    let trips = || proxy.counts().round_trips;
    let place = format!("alice:secret@127.0.0.1:{}", proxy.port());
    check("memcached with SASL", &format!("memcached+sasl://{place}"), trips, 1, 2);
    server.restart();
    check("memcached, spread, small values", &format!("memcached+spread://{place}"), trips, 1, 2);
}

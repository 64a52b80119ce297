//! A thousand ids, of which 900 are cached and 50 are being computed elsewhere: the other 50 are computed, in one run of
//! the body, and each server is asked once to read and once to write. Counted on the wire by proxies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{Cache, FileSystemConfig, memoize};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::{Cluster, Memcached, Redis};

use crate::counted::Counted;
use crate::support::{Gate, Runs, block_on, in_time, table};

const CACHED: u64 = 900;
const ELSEWHERE: u64 = 50;
const ALL: u64 = 1000;

/// So long a proxy holds replies back: whatever is sent before the first one comes is one round trip.
const DELAY: Duration = Duration::from_millis(40);

static RUNS: Runs<u64> = Runs::new();
static GATES: [Gate; 2] = [const { Gate::new() }; 2];
static ROUND: AtomicU64 = AtomicU64::new(0);

/// One id of a round: one test after the other has rounds of its own.
fn id(n: u64) -> u64 {
    ROUND.load(SeqCst) * 10_000 + n
}

/// What the body does: what others are waiting for stops at the first gate, what is new at the second.
fn values(ids: &[u64]) -> HashMap<u64, String> {
    RUNS.note(ids);
    if ids.contains(&id(CACHED)) {
        GATES[0].pass();
    } else if ids.contains(&id(ALL - 1)) {
        GATES[1].pass();
    }
    ids.iter().map(|id| (*id, format!("value {id}"))).collect()
}

#[memoize(batch, timeout = 600)]
fn now(ids: &[u64]) -> HashMap<u64, String> {
    values(ids)
}

#[memoize(batch, timeout = 600)]
async fn later(ids: &[u64]) -> HashMap<u64, String> {
    values(ids)
}

/// What the batch cost each server: to read, and to write.
struct Cost {
    read: Vec<u64>,
    write: Vec<u64>,
}

/// Runs the batch, and stops to count when it has read and when it has written.
fn measure(cache: &Cache, is_async: bool, trips: &dyn Fn() -> Vec<u64>, slow: &dyn Fn(bool)) -> Cost {
    let scope = Scope::new(cache.clone());
    let stored = || if is_async { later::stats().stored } else { now::stats().stored };
    let call = |ids: Vec<u64>| {
        let scope = scope.clone();
        move || {
            if is_async { block_on(scope.run_async(later(&ids))) } else { scope.run(|| now(&ids)) }
        }
    };
    ROUND.fetch_add(1, SeqCst);
    GATES.iter().for_each(Gate::close);
    call((0..CACHED).map(id).collect())();
    let elsewhere = thread::spawn(call((CACHED..CACHED + ELSEWHERE).map(id).collect()));
    GATES[0].await_arrivals(1);
    RUNS.take();
    slow(true);
    let since = |before: &[u64]| trips().iter().zip(before).map(|(now, then)| now - then).collect::<Vec<_>>();
    let start = trips();
    // Not in order, and some of them twice.
    let ids: Vec<u64> = (0..ALL).rev().map(id).chain([id(0), id(ALL - 1)]).collect();
    let batch = thread::spawn(call(ids));
    GATES[1].await_arrivals(1);
    let read = since(&start);
    let (between, stored_before) = (trips(), stored());
    GATES[1].open();
    let new = ALL - CACHED - ELSEWHERE;
    cachekit_tests::flavours::until(crate::support::PATIENCE, || stored() == stored_before + new);
    let write = since(&between);
    slow(false);
    GATES[0].open();
    assert_eq!(elsewhere.join().unwrap().len() as u64, ELSEWHERE);
    let found = batch.join().unwrap();
    assert_eq!(found.len() as u64, ALL);
    assert!(found.iter().all(|(id, value)| *value == format!("value {id}")));
    let runs = RUNS.take();
    assert_eq!(runs.len(), 1, "one run");
    assert_eq!(runs[0], (CACHED + ELSEWHERE..ALL).rev().map(id).collect::<Vec<_>>());
    Cost { read, write }
}

/// Checks both flavours: one round trip to read and one to write, with each server.
fn check(name: &str, cache: &Cache, trips: &dyn Fn() -> Vec<u64>, slow: &dyn Fn(bool)) {
    for (flavour, is_async) in [("sync", false), ("async", true)] {
        let Cost { read, write } = measure(cache, is_async, trips, slow);
        println!("{name}, {flavour}: 50 computed, round trips to read {read:?}, to write {write:?}");
        assert!(read.iter().all(|trips| *trips == 1), "{name}, {flavour}: read {read:?}");
        assert!(write.iter().all(|trips| *trips == 1), "{name}, {flavour}: write {write:?}");
    }
}

fn check_behind(name: &str, url: &str, proxies: &[&Proxy]) {
    let url = format!("{url}?key_prefix=trips%3A&operation_timeout=5s&connect_timeout=5s");
    let cache = Cache::from_url(&url).unwrap();
    let trips = || proxies.iter().map(|proxy| proxy.counts().round_trips).collect();
    let slow = |on| {
        let fault = if on { Fault::Delay(DELAY) } else { Fault::Pass };
        for proxy in proxies {
            proxy.set(fault.clone());
        }
    };
    check(name, &cache, &trips, &slow);
}

/// One at a time: they share their gates.
fn alone(case: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    case();
}

#[test]
fn a_table_is_asked_id_by_id() {
    alone(|| {
        let cache = table();
        for (flavour, is_async) in [("sync", false), ("async", true)] {
            let Cost { read, write } = measure(&cache, is_async, &Vec::new, &drop);
            println!("table, {flavour}: 50 computed, {} servers", read.len() + write.len());
        }
    });
}

#[test]
fn a_folder() {
    alone(|| {
        let scratch = tempfile::tempdir().unwrap();
        let (counted, cache) =
            Counted::new(FileSystemConfig::new(scratch.path()).threshold(10_000).build().unwrap());
        check("filesystem", &cache, &|| vec![counted.operations()], &drop);
    });
}

#[test]
fn redis() {
    alone(|| {
        let Some(server) = Redis::start() else { return };
        let proxy = Proxy::new(server.address());
        check_behind("redis", &format!("redis://127.0.0.1:{}", proxy.port()), &[&proxy]);
    });
}

#[test]
fn a_cluster() {
    alone(|| {
        let Some(servers) = Cluster::builder().behind_proxies().start() else { return };
        let proxies = [0, 1, 2].map(|node| servers.proxy(node));
        check_behind("redis cluster", &servers.url(), &proxies);
    });
}

#[test]
fn memcached() {
    alone(|| {
        let Some(servers) = Memcached::start(2) else { return };
        let proxies: Vec<_> = servers.nodes().iter().map(|node| Proxy::new(node.address())).collect();
        let url = |ports: &[String]| format!("memcached://{}", ports.join(","));
        let places: Vec<_> = proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port())).collect();
        check_behind("memcached", &url(&places[..1]), &[&proxies[0]]);
        check_behind("memcached, two servers", &url(&places), &[&proxies[0], &proxies[1]]);
    });
}

/// What it is to have a thousand hits: none of them takes an exchange of its own.
#[test]
fn a_thousand_hits_are_one_read() {
    #[memoize(batch)]
    fn all(ids: &[u64]) -> HashMap<u64, u64> {
        ids.iter().map(|id| (*id, *id)).collect()
    }
    in_time(|| {
        let scratch = tempfile::tempdir().unwrap();
        let (counted, cache) =
            Counted::new(FileSystemConfig::new(scratch.path()).threshold(10_000).build().unwrap());
        let ids: Vec<u64> = (0..1000).collect();
        Scope::new(cache).run(|| {
            all(&ids);
            assert_eq!(counted.operations(), 2);
            assert_eq!(all(&ids).len(), 1000);
            assert_eq!(counted.operations(), 3);
        });
    });
}

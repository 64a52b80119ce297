//! Promise 5 among processes: two of them read, write and invalidate through one server, 10,000 operations each. After an
//! invalidation returned in one, no call that begins later in any is given what was computed from before.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use cachekit::{Cache, delete_memoized, memoize};
use cachekit_tests::servers::shared;

use super::truth::{self, ARGUMENTS, INSTANCES, ask};

const PROCESSES: usize = 2;
const THREADS: usize = 4;
const OPERATIONS: usize = 10_000;

/// What a call gives: where it is from, and what was true when its body ran.
type Value = (usize, usize, u64);

#[derive(Hash)]
struct Reader {
    instance: usize,
}

impl Reader {
    #[memoize(timeout = 600)]
    fn read(&self, argument: usize) -> Value {
        let value = ask("truth", self.instance, argument, 0);
        dawdle();
        (self.instance, argument, value)
    }

    #[memoize(timeout = 600)]
    async fn read_async(&self, argument: usize) -> Value {
        let value = ask("truth", self.instance, argument, 0);
        tokio::time::sleep(Duration::from_micros(below(300) as u64)).await;
        (self.instance, argument, value)
    }
}

fn below(limit: usize) -> usize {
    static STATE: AtomicU64 = AtomicU64::new(0x9E37_79B9_7F4A_7C15);
    let step = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let state = STATE.fetch_update(Relaxed, Relaxed, |x| Some(step(x))).unwrap();
    usize::try_from(state >> 33).unwrap() % limit
}

fn dawdle() {
    match below(4) {
        0 => thread::yield_now(),
        1 => thread::sleep(Duration::from_micros(below(300) as u64)),
        _ => {}
    }
}

/// Which invalidations a backend promises to keep among processes.
#[derive(Clone, Copy)]
enum Kinds {
    /// All.
    All,
    /// Those by stamp: without compare-and-set, a call that another process is computing may be stored after it was
    /// forgotten by itself.
    Stamps,
}

fn invalidate(cache: &Cache, kinds: &str, reader: &Reader, argument: usize) -> cachekit::Result<()> {
    let choices: &[usize] = if kinds == "all" { &[0, 1, 2, 2, 2, 3, 4, 5] } else { &[0, 1, 1, 4] };
    match choices[below(choices.len())] {
        0 => delete_memoized!(Reader::read),
        1 => delete_memoized!(reader.read),
        2 => delete_memoized!(reader.read, argument).map(drop),
        3 => cache.clear(),
        4 => Reader::read_delete_memoized_verhash_all(),
        _ => cache.delete(&reader.read_make_cache_key(argument)).map(drop),
    }
}

async fn invalidate_async(
    cache: &Cache,
    kinds: &str,
    reader: &Reader,
    argument: usize,
) -> cachekit::Result<()> {
    let choices: &[usize] = if kinds == "all" { &[0, 1, 2, 2, 2, 3, 5] } else { &[0, 1] };
    match choices[below(choices.len())] {
        0 => delete_memoized!(Reader::read_async).await,
        1 => delete_memoized!(reader.read_async).await,
        2 => delete_memoized!(reader.read_async, argument).await.map(drop),
        3 => cache.clear_async().await,
        _ => cache.delete_async(&reader.read_async_make_cache_key(argument)).await.map(drop),
    }
}

fn check(found: Value, instance: usize, argument: usize, floor: u64) {
    assert_eq!((found.0, found.1), (instance, argument), "a value under a wrong key");
    assert!(found.2 >= floor, "read {} of ({instance}, {argument}) after {floor} was acknowledged", found.2);
}

/// The part of one process. Run by the tests below in processes of their own.
#[test]
fn part() {
    let Ok(url) = std::env::var("PROCESS_URL") else { return };
    let kinds = std::env::var("PROCESS_KINDS").unwrap();
    let seed: usize = std::env::var("PROCESS_SEED").unwrap().parse().unwrap();
    for _ in 0..seed * 7_919 {
        below(2);
    }
    let cache = Cache::from_url(&url).unwrap();
    cachekit::install(cache.clone()).unwrap();
    let invalidations = AtomicU64::new(0);
    thread::scope(|threads| {
        for thread in 0..THREADS {
            let (cache, kinds, invalidations) = (&cache, &kinds, &invalidations);
            threads.spawn(move || {
                if thread % 2 == 0 {
                    return (0..OPERATIONS / THREADS).for_each(|_| operate(cache, kinds, invalidations));
                }
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..OPERATIONS / THREADS {
                        operate_async(cache, kinds, invalidations).await;
                    }
                });
            });
        }
    });
    let stats = [Reader::read_stats(), Reader::read_async_stats()];
    let sum = |field: fn(&cachekit::SiteStats) -> u64| stats.iter().map(field).sum::<u64>();
    println!(
        "operations {OPERATIONS} invalidations {} hits {} misses {} errors {}",
        invalidations.load(Relaxed),
        sum(|s| s.hits),
        sum(|s| s.misses),
        sum(|s| s.errors),
    );
    assert!(sum(|s| s.hits) > 500, "enough hits to mean something");
    assert!(invalidations.load(Relaxed) > 500, "enough invalidations to mean something");
}

fn operate(cache: &Cache, kinds: &str, invalidations: &AtomicU64) {
    let (reader, argument) = (Reader { instance: below(INSTANCES / 2) }, below(ARGUMENTS));
    if below(8) > 0 {
        let floor = ask("acknowledged", reader.instance, argument, 0);
        return check(reader.read(argument), reader.instance, argument, floor);
    }
    let written = ask("raise", reader.instance, argument, 0);
    if invalidate(cache, kinds, &reader, argument).is_ok() {
        ask("acknowledge", reader.instance, argument, written);
        invalidations.fetch_add(1, Relaxed);
    }
}

async fn operate_async(cache: &Cache, kinds: &str, invalidations: &AtomicU64) {
    // The async function has instances of its own, for its invalidations leave the sync one alone.
    let (reader, argument) = (Reader { instance: INSTANCES / 2 + below(INSTANCES / 2) }, below(ARGUMENTS));
    if below(8) > 0 {
        let floor = ask("acknowledged", reader.instance, argument, 0);
        return check(reader.read_async(argument).await, reader.instance, argument, floor);
    }
    let written = ask("raise", reader.instance, argument, 0);
    if invalidate_async(cache, kinds, &reader, argument).await.is_ok() {
        ask("acknowledge", reader.instance, argument, written);
        invalidations.fetch_add(1, Relaxed);
    }
}

fn processes(url: &str, kinds: Kinds) {
    let truth = truth::keep();
    let kinds = match kinds {
        Kinds::All => "all",
        Kinds::Stamps => "stamps",
    };
    let url = super::with(url, "key_prefix=processes%3A");
    let children: Vec<_> = (0..PROCESSES)
        .map(|seed| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::part", "--nocapture"])
                .env("PROCESS_URL", &url)
                .env("PROCESS_KINDS", kinds)
                .env("PROCESS_SEED", seed.to_string())
                .env("TRUTH", truth.to_string())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        println!("{}", said.lines().find(|line| line.contains("operations")).unwrap_or_default());
    }
}

#[test]
fn on_redis() {
    if let Some(server) = shared::redis() {
        processes(&server.url(), Kinds::All);
    }
}

#[test]
fn on_a_redis_cluster() {
    if let Some(server) = shared::cluster() {
        processes(&server.url(), Kinds::All);
    }
}

#[test]
fn on_redis_behind_sentinels() {
    if let Some(server) = shared::sentinel() {
        processes(&server.url(), Kinds::All);
    }
}

#[test]
fn on_memcached() {
    if let Some(server) = shared::memcached() {
        processes(&server.url(), Kinds::All);
    }
}

#[test]
fn on_memcached_with_values_spread() {
    if let Some(server) = shared::memcached_sasl() {
        processes(&format!("{}?chunk_size=64", server.spread_url()), Kinds::All);
    }
}

#[test]
fn on_uwsgi() {
    if let Some(server) = shared::uwsgi() {
        processes(&server.url(), Kinds::Stamps);
    }
}

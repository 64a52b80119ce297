//! Recovery and the limit with real servers that are frozen, killed and started again.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::testing::Scope;
use cachekit::{Cache, delete_memoized, memoize};
use cachekit_tests::servers::{Memcached, Redis};

use crate::support::{Shop, later, runtime, until, value};

/// A cache that is patient enough for a busy machine.
fn cache(url: &str) -> Cache {
    let config = cachekit::Config::from_url(url).unwrap().key_prefix("app:").recover(100);
    let config =
        config.set("CACHE_OPERATION_TIMEOUT", "1s").unwrap().set("CACHE_CONNECT_TIMEOUT", "2s").unwrap();
    Cache::from_config(&config).unwrap()
}

/// A server that keeps what it holds while it does not answer: the old values are there when it goes on.
fn frozen(url: &str, pause: &dyn Fn(), resume: &dyn Fn()) {
    let (ours, theirs) = (cache(url), Scope::new(cache(url)));
    Scope::new(ours.clone()).run(|| {
        let old = (value(1), value(2), value(3), Shop(1).price(1), Shop(2).price(1));
        ours.set("k", "old", 600).unwrap();
        assert_eq!(theirs.run(|| value(1)), old.0, "another process shares the values");
        pause();
        assert!(delete_memoized!(value, 1).is_err());
        assert!(Shop(1).price_delete_memoized().is_err());
        assert!(ours.delete("k").is_err());
        // While it is away, and after it has come back, nothing of it is served.
        assert_ne!(value(1), old.0);
        resume();
        let mut served = 0;
        let time = until(|| {
            let found = (value(1), Shop(1).price(1), ours.get::<String>("k"));
            assert!(found.0 != old.0 && found.1 != old.3, "served what could not be forgotten");
            assert_ne!(found.2.ok().flatten().as_deref(), Some("old"));
            served += 1;
            ours.recovery().waiting == 0
        });
        println!(
            "{time:?} after it went on all is forgotten; {served} rounds meanwhile; {:?}",
            ours.recovery()
        );
        theirs.run(|| {
            assert_ne!(value(1), old.0, "forgotten for others, too");
            assert_ne!(Shop(1).price(1), old.3);
            assert_eq!((value(2), Shop(2).price(1)), (old.1, old.4), "the rest is there");
        });
        assert_eq!(ours.recovery().lost, 0);
        // The whole function, by its stamp.
        pause();
        assert!(value::delete_memoized().is_err());
        resume();
        until(|| {
            assert_ne!(value(3), old.2);
            ours.recovery().waiting == 0
        });
        theirs.run(|| assert_ne!(value(2), old.1));
    });
}

#[test]
fn a_frozen_redis() {
    let Some(server) = Redis::start() else { return };
    frozen(&server.url(), &|| server.pause(), &|| server.resume());
}

#[test]
fn a_frozen_memcached() {
    let Some(servers) = Memcached::start(1) else { return };
    frozen(&servers.url(), &|| servers.node(0).pause(), &|| servers.node(0).resume());
}

/// One of several servers: what the others hold is forgotten at once, and what waits for it does not hold up the rest.
#[test]
fn one_of_several_memcached_servers() {
    let Some(servers) = Memcached::start(2) else { return };
    let cache = cache(&servers.url());
    let keys: Vec<_> = (0..40).map(|n| format!("k{n}")).collect();
    for key in &keys {
        cache.set(key, "old", 600).unwrap();
    }
    servers.node(1).pause();
    let failed: Vec<_> = keys.iter().filter(|key| cache.delete(key).is_err()).collect();
    assert!(!failed.is_empty() && failed.len() < keys.len(), "{} of {}", failed.len(), keys.len());
    assert_eq!(cache.recovery().waiting, failed.len(), "a frozen server takes nothing");
    servers.node(1).resume();
    until(|| {
        for key in &keys {
            assert!(
                cache.get::<String>(key).is_ok_and(|found| found.is_none()) || cache.recovery().waiting > 0
            );
        }
        cache.recovery().waiting == 0
    });
    for key in &keys {
        until(|| cache.has(key).is_ok_and(|there| !there));
    }
}

#[test]
fn a_killed_redis_that_comes_back() {
    let Some(server) = Redis::start() else { return };
    let ours = cache(&server.url());
    runtime().block_on(Scope::new(ours.clone()).run_async(async {
        let old = later(1).await;
        server.kill();
        let start = Instant::now();
        later::delete_memoized_with(1).await.unwrap_err();
        for n in 0..50 {
            ours.delete_async(&format!("k{n}")).await.unwrap_err();
        }
        let waiting = ours.recovery().waiting;
        assert_eq!(waiting, 51);
        assert_ne!(later(1).await, old);
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| until(|| ours.recovery().failures > 0));
        // Three of a round, and a round after 37 ms at the soonest.
        let (failures, rounds) = (ours.recovery().failures, start.elapsed().as_millis() / 37 + 1);
        assert!(u128::from(failures) <= 3 * rounds, "{failures} attempts in {rounds} rounds");
        server.restart();
        let time = tokio::task::block_in_place(|| until(|| ours.recovery().waiting == 0));
        println!("{time:?} after it is back all is forgotten: {:?}", ours.recovery());
        assert_eq!(ours.recovery().recovered, 51);
        assert_eq!(later(1).await, later(1).await);
    }));
}

/// Calls of many threads on a server that dies: no more bodies at a time than are allowed, and all are answered.
#[test]
fn a_killed_redis_and_a_limit() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    #[memoize(recompute_limit = 2)]
    fn slow(n: u64) -> u64 {
        if n > 0 {
            MOST.fetch_max(RUNNING.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::sleep(Duration::from_millis(5));
            RUNNING.fetch_sub(1, SeqCst);
        }
        n
    }
    let Some(server) = Redis::start() else { return };
    let config = cachekit::Config::from_url(&server.url()).unwrap().flight_timeout(Duration::from_secs(60));
    let cache = Cache::from_config(&config).unwrap();
    Scope::new(cache.clone()).run(|| slow(0));
    server.kill();
    thread::scope(|scope| {
        for n in 1..=20 {
            let cache = cache.clone();
            scope.spawn(move || Scope::new(cache).run(|| assert_eq!(slow(n), n)));
        }
    });
    assert_eq!(MOST.load(SeqCst), 2);
}

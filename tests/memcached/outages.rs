//! Servers that are killed, restarted empty, or fall silent.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, BreakerState, Deadlines, MemcachedConfig, ServerHealth};
use cachekit_tests::servers::Memcached;
use cachekit_tests::watch::Watch;

use crate::support::{address, cache, flavours, until};

/// With patience: a busy machine is no outage.
fn caches(servers: &Memcached) -> [(&'static str, Arc<dyn Backend>); 2] {
    flavours(Arc::new(cache(servers)))
}

/// Keys of which some are on each of the servers.
fn keys() -> Vec<String> {
    (0..40).map(|n| format!("key:{n}")).collect()
}

#[test]
fn a_server_that_is_not_there_is_an_error_when_it_is_used() {
    let Some(servers) = Memcached::start(1) else { return };
    servers.node(0).kill();
    for (flavour, b) in caches(&servers) {
        assert!(b.get_many(&["k"]).is_err(), "{flavour}");
        assert!(b.set_many(&[("k", b"v")], None).is_err(), "{flavour}");
        assert!(b.delete_many(&["k"]).is_err(), "{flavour}");
        assert!(b.clear("k").is_err(), "{flavour}");
        // Nothing is spent on it once that is known.
        let start = Watch::start();
        for _ in 0..1000 {
            assert!(b.get_many(&["k"]).is_err());
        }
        println!("{flavour}: 1000 calls on a dead server took {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(5), "{flavour}: {:?}", start.elapsed());
    }
}

#[test]
fn restarted_empty_it_has_nothing_and_takes_everything() {
    let Some(servers) = Memcached::start(1) else { return };
    for (flavour, b) in caches(&servers) {
        until(Duration::from_secs(5), || b.set_many(&[("old", b"v"), ("n", b"5")], None).is_ok());
        b.clear("some").unwrap();
        servers.node(0).restart();
        let back = until(Duration::from_secs(5), || b.get_many(&["old"]).is_ok());
        assert_eq!(b.get_many(&["old", "n"]).unwrap(), [None, None], "{flavour}");
        assert!(b.add("old", b"new", None).unwrap(), "{flavour}");
        assert_eq!(b.increment("n", 1, None).unwrap(), 1, "{flavour}");
        assert_eq!(
            b.get_many(&["old", "n"]).unwrap(),
            [Some(b"new".to_vec()), Some(b"1".to_vec())],
            "{flavour}"
        );
        println!("{flavour}: back {back:?} after the restart");
        // What is conditional is done on a new connection, too, if the old one is known to be closed.
        servers.node(0).restart();
        thread::sleep(Duration::from_millis(50));
        assert!(b.add("old", b"newer", None).unwrap(), "{flavour}");
    }
}

/// One of two is dead: its keys are missing, the others are not, and none are moved.
#[test]
fn a_dead_server_costs_its_own_keys_only() {
    let Some(servers) = Memcached::start(2) else { return };
    let observer = cache(&servers);
    for (flavour, b) in caches(&servers) {
        let keys = keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
        until(Duration::from_secs(5), || b.set_many(&items, None).is_ok_and(|stored| stored == [true; 40]));
        servers.node(0).kill();
        let found = b.get_many(&keys).unwrap();
        let alive: Vec<bool> = found.iter().map(Option::is_some).collect();
        assert!(alive.contains(&true) && alive.contains(&false), "{flavour}");
        for (key, found) in keys.iter().zip(&found) {
            assert!(found.as_ref().is_none_or(|found| found == key.as_bytes()), "{flavour}");
        }
        assert_eq!(b.has_many(&keys).unwrap(), alive, "{flavour}");
        let new: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, &b"new"[..])).collect();
        assert_eq!(b.set_many(&new, None).unwrap(), alive, "{flavour}: nothing is moved to the other");
        // Invalidations report, and have reached whom they could.
        assert!(b.delete_many(&keys[..20]).is_err(), "{flavour}");
        assert!(b.clear("key:3").is_err(), "{flavour}");
        let gone = |key: &&str| keys[..20].contains(key) || key.starts_with("key:3");
        let found = b.has_many(&keys).unwrap();
        for ((key, was_alive), found) in keys.iter().zip(&alive).zip(found) {
            assert_eq!(found, *was_alive && !gone(key), "{flavour}, {key}");
        }
        for _ in 0..4 {
            observer.get_many(&keys).unwrap();
        }
        let health = observer.health();
        let trusted = |one: &&ServerHealth| one.breaker == BreakerState::Closed;
        assert_eq!((health.len(), health.iter().filter(trusted).count()), (2, 1), "{flavour}: {health:?}");
        servers.node(0).restart();
        until(Duration::from_secs(5), || {
            observer.set_many(&items, None).is_ok_and(|stored| stored == [true; 40])
        });
        let back = until(Duration::from_secs(5), || {
            b.get_many(&keys).is_ok_and(|found| found.iter().all(Option::is_some))
        });
        println!(
            "{flavour}: {} of 40 keys were there; back {back:?} after the restart",
            alive.iter().filter(|a| **a).count()
        );
    }
}

/// A server that is stopped holds nobody up for longer than the deadline.
#[test]
fn a_silent_server_costs_its_deadline() {
    let Some(servers) = Memcached::start(1) else { return };
    let as_configured = MemcachedConfig::new([address(servers.node(0).address())]).build().unwrap();
    for (flavour, b) in flavours(Arc::new(as_configured)) {
        until(Duration::from_secs(5), || b.set_many(&[("k", b"v")], None).is_ok());
        servers.node(0).pause();
        let mut slowest = Duration::ZERO;
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let start = Watch::start();
            assert!(b.get_many(&["k"]).is_err(), "{flavour}");
            slowest = slowest.max(start.elapsed());
        }
        servers.node(0).resume();
        let back = until(Duration::from_secs(5), || {
            b.get_many(&["k"]).is_ok_and(|found| found == [Some(b"v".to_vec())])
        });
        println!("{flavour}: the slowest of the calls took {slowest:?}; hits were back after {back:?}");
        assert!(slowest < Duration::from_millis(800), "{flavour}: {slowest:?}");
    }
}

/// So many callers as connections, and one more, who waits or is told.
#[test]
fn case_265_a_pool_is_bounded() {
    let Some(servers) = Memcached::start(1) else { return };
    let deadlines = Deadlines { operation: Duration::from_secs(5), ..Deadlines::default() };
    let cache = MemcachedConfig::new([address(servers.node(0).address())]).deadlines(deadlines).pool_size(2);
    let cache = cache.build().unwrap();
    thread::scope(|scope| {
        for n in 0..16 {
            let cache = &cache;
            scope.spawn(move || {
                for round in 0..50 {
                    let (key, value) = (format!("{n}"), format!("{n}/{round}").into_bytes());
                    assert_eq!(cache.set_many(&[(&key, &value)], None).unwrap(), [true]);
                    assert_eq!(cache.get_many(&[&key]).unwrap(), [Some(value)]);
                }
            });
        }
    });
    // The observer's is the third.
    assert!(servers.stats(0)["curr_connections"].parse::<u32>().unwrap() <= 4, "{:?}", servers.stats(0));
}

//! Clearing a prefix where keys cannot be listed, by several handles as by several processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, Seen};
use cachekit_tests::servers::Memcached;

use crate::support::{cache, flavours};

/// Which flavours they are, and the two caches.
type Pair = (String, Arc<dyn Backend>, Arc<dyn Backend>);

/// Two caches that know nothing of each other, in all flavours of both.
fn pairs(servers: &Memcached) -> Vec<Pair> {
    let (one, other) = (flavours(Arc::new(cache(servers))), flavours(Arc::new(cache(servers))));
    let pair = |(f, a): &(&str, Arc<dyn Backend>), (g, b): &(&str, Arc<dyn Backend>)| {
        (format!("{f} and {g}"), Arc::clone(a), Arc::clone(b))
    };
    one.iter().flat_map(|a| other.iter().map(move |b| pair(a, b))).collect()
}

#[test]
fn what_one_clears_is_gone_for_the_other_and_can_be_stored_again() {
    let Some(servers) = Memcached::start(2) else { return };
    for (who, a, b) in pairs(&servers) {
        let keys: Vec<String> = (0..30).map(|n| format!("p:{n}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, &b"v"[..])).collect();
        for _ in 0..3 {
            assert_eq!(a.set_many(&items, None).unwrap(), [true; 30], "{who}");
            b.set_many(&[("q:1", b"v")], None).unwrap();
            // `a` still knows the epoch before this.
            b.clear("p:").unwrap();
            assert_eq!(a.has_many(&keys).unwrap(), [false; 30], "{who}");
            assert_eq!(a.has_many(&["q:1"]).unwrap(), [true], "{who}");
            b.clear("p:").unwrap();
            assert_eq!(a.set_many(&items, None).unwrap(), [true; 30], "{who}");
            assert_eq!(b.has_many(&keys).unwrap(), [true; 30], "{who}: stored after the clear");
            b.clear("p:").unwrap();
            assert!(a.add("p:1", b"again", None).unwrap(), "{who}");
            assert_eq!(b.get_many(&["p:1"]).unwrap(), [Some(b"again".to_vec())], "{who}");
            b.clear("p:").unwrap();
            assert!(a.compare_and_set("p:1", None, b"cas", None).unwrap(), "{who}");
            assert_eq!(b.get_many(&["p:1"]).unwrap(), [Some(b"cas".to_vec())], "{who}");
            b.set_many(&[("p:n", b"5")], None).unwrap();
            b.clear("p:").unwrap();
            assert_eq!(a.increment("p:n", 1, None).unwrap(), 1, "{who}");
            assert_eq!(b.get_many(&["p:n"]).unwrap(), [Some(b"1".to_vec())], "{who}");
            b.clear("p:").unwrap();
            let found = a.add_and_read(&[("p:s", b"stamp", None)], &["p:s", "p:n", "q:1"]).unwrap();
            let found: Vec<_> = found.into_iter().map(|read| read.map(|read| read.value)).collect();
            assert_eq!(found, [Some(b"stamp".to_vec()), None, Some(b"v".to_vec())], "{who}");
            assert_eq!(b.has_many(&["p:s"]).unwrap(), [true], "{who}");
        }
    }
}

/// What was read before a clear is not what is there after it, though the server has not touched it.
#[test]
fn a_token_from_before_a_clear_is_of_no_use_after_it() {
    let Some(servers) = Memcached::start(1) else { return };
    for (who, a, b) in pairs(&servers) {
        a.set_many(&[("p:k", b"old"), ("q:k", b"old")], None).unwrap();
        let token = |key: &str| a.read_many(&[key]).unwrap()[0].as_ref().unwrap().token;
        let (cleared, kept) = (token("p:k"), token("q:k"));
        b.clear("p:").unwrap();
        let compare = |key: &str, token| {
            a.compare_and_set(key, Some(Seen::new(b"old").token(token)), b"computed before", None).unwrap()
        };
        assert!(!compare("p:k", cleared), "{who}, not having heard of it");
        assert_eq!(a.get_many(&["p:k"]).unwrap(), [None], "{who}");
        assert!(!compare("p:k", cleared), "{who}, having heard of it");
        assert!(
            !a.compare_and_set("p:k", Some(Seen::new(b"old")), b"x", None).unwrap(),
            "{who}, by the head"
        );
        assert!(compare("q:k", kept), "{who}: what was not cleared is what it was");
        assert_eq!(b.get_many(&["p:k", "q:k"]).unwrap(), [None, Some(b"computed before".to_vec())], "{who}");
        b.clear("").unwrap();
    }
}

/// What is stored while others clear is either there or gone, and what was cleared before it began does not matter.
#[test]
fn a_store_that_began_after_a_clear_ended_is_not_undone_by_it() {
    let Some(servers) = Memcached::start(2) else { return };
    let end = Instant::now() + Duration::from_secs(3);
    let caches: Vec<_> = (0..4).map(|_| cache(&servers)).collect();
    let (clears, stores) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for clearer in &caches[..2] {
            let clears = &clears;
            scope.spawn(move || {
                while Instant::now() < end {
                    clearer.clear("others:").unwrap();
                    clears.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (n, storer) in caches[2..].iter().enumerate() {
            let (stores, other) = (&stores, &caches[0]);
            scope.spawn(move || {
                for round in 0.. {
                    if Instant::now() >= end {
                        break;
                    }
                    let (prefix, value) = (format!("own {n}:"), format!("{round}").into_bytes());
                    let key = format!("{prefix}key");
                    // Nobody clears this but this thread.
                    assert_eq!(storer.set_many(&[(&key, &value)], None).unwrap(), [true]);
                    assert_eq!(other.get_many(&[&key]).unwrap(), [Some(value)], "lost in round {round}");
                    storer.clear(&prefix).unwrap();
                    assert_eq!(other.get_many(&[&key]).unwrap(), [None], "stale in round {round}");
                    stores.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{clears:?} clears beside {stores:?} stores, none lost, none stale");
}

/// Ten handles clear different prefixes of one server at once: no clear is lost.
#[test]
fn clears_at_the_same_time_are_all_done() {
    let Some(servers) = Memcached::start(2) else { return };
    let caches: Vec<_> = (0..8).map(|_| cache(&servers)).collect();
    for _ in 0..20 {
        let keys: Vec<String> = (0..8).flat_map(|p| (0..4).map(move |n| format!("p{p}:{n}"))).collect();
        let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"v"[..])).collect();
        caches[0].set_many(&items, None).unwrap();
        thread::scope(|scope| {
            for (p, cache) in caches.iter().enumerate() {
                scope.spawn(move || cache.clear(&format!("p{p}:")).unwrap());
            }
        });
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(caches[3].has_many(&keys).unwrap(), [false; 32]);
    }
}

/// More prefixes than a registry lists: what was cleared stays cleared, and more may be gone, but never less.
#[test]
fn a_thousand_prefixes() {
    let Some(servers) = Memcached::start(1) else { return };
    let b = cache(&servers);
    let keys: Vec<String> = (0..1000).map(|n| format!("prefix {n:04}: key")).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"v"[..])).collect();
    b.set_many(&items, None).unwrap();
    for key in &keys {
        b.clear(&key[..11]).unwrap();
    }
    let all: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(b.has_many(&all).unwrap(), [false; 1000]);
    b.set_many(&items, None).unwrap();
    assert_eq!(b.has_many(&all).unwrap(), [true; 1000]);
}

/// A registry that is lost takes everything with it, and nothing that was cleared comes back.
#[test]
fn without_its_registry_a_server_has_nothing() {
    let Some(servers) = Memcached::start(1) else { return };
    let url = format!("memcache://{}?timeout=5", servers.node(0).address());
    let other = memcache::Client::with_pool_size(url, 1).unwrap();
    for (who, a, b) in pairs(&servers) {
        a.set_many(&[("cleared", b"v")], None).unwrap();
        b.clear("cl").unwrap();
        a.set_many(&[("k", b"v")], None).unwrap();
        assert!(other.delete("cachekit:epochs").unwrap());
        assert_eq!(a.get_many(&["k", "cleared"]).unwrap(), [None, None], "{who}");
        // `b` does not know yet; nor does it have to.
        assert!(b.add("k", b"new", None).unwrap(), "{who}");
        assert_eq!(a.get_many(&["k", "cleared"]).unwrap(), [Some(b"new".to_vec()), None], "{who}");
        assert!(other.delete("cachekit:epochs").unwrap());
        assert_eq!(b.set_many(&[("k", b"set")], None).unwrap(), [true], "{who}");
        assert_eq!(a.get_many(&["k"]).unwrap(), [Some(b"set".to_vec())], "{who}");
        assert!(other.delete("cachekit:epochs").unwrap());
        assert_eq!(b.increment("n", 3, None).unwrap(), 3, "{who}");
        assert_eq!(a.increment("n", 3, None).unwrap(), 6, "{who}");
        assert!(other.delete("cachekit:epochs").unwrap());
        a.clear("nothing").unwrap();
        assert_eq!(b.get_many(&["k", "n"]).unwrap(), [None, None], "{who}");
        b.delete_many(&["k", "n"]).unwrap();
    }
}

/// Only this cache's keys are cleared; all of them, and others' too, only where exactly that is asked for.
#[test]
fn others_entries_stay_unless_the_servers_are_flushed() {
    let Some(servers) = Memcached::start(2) else { return };
    let cache = cache(&servers);
    let clients: Vec<_> = servers
        .nodes()
        .iter()
        .map(|node| {
            memcache::Client::with_pool_size(format!("memcache://{}?timeout=5", node.address()), 1).unwrap()
        })
        .collect();
    let others = || clients.iter().map(|client| client.get::<String>("p:other").unwrap()).collect::<Vec<_>>();
    for blocking in [true, false] {
        for client in &clients {
            client.set("p:other", "theirs", 0).unwrap();
        }
        cache.set_many(&[("p:k", b"v"), ("p:l", b"v")], None).unwrap();
        cache.clear("p:").unwrap();
        cache.clear("").unwrap();
        assert_eq!(others(), [Some("theirs".to_owned()), Some("theirs".to_owned())]);
        cache.set_many(&[("p:k", b"v"), ("p:l", b"v")], None).unwrap();
        if blocking {
            cache.flush_servers().unwrap();
        } else {
            crate::support::poll_by_hand(cache.flush_servers_async()).unwrap();
        }
        assert_eq!(others(), [None, None]);
        assert_eq!(cache.has_many(&["p:k", "p:l"]).unwrap(), [false, false]);
        assert_eq!(cache.set_many(&[("p:k", b"v")], None).unwrap(), [true]);
        assert_eq!(cache.has_many(&["p:k"]).unwrap(), [true]);
    }
}

/// What is asked for with each exchange is the last that a server without room gives up.
#[test]
fn a_server_that_evicts_entries_keeps_its_registry() {
    let Some(servers) = Memcached::builder().memory_mb(4).start() else { return };
    let b = cache(&servers);
    b.set_many(&[("cleared:k", b"v")], None).unwrap();
    b.clear("cleared:").unwrap();
    for size in [5, 100, 2000] {
        let value = vec![b'v'; size];
        for batch in 0..60 {
            let keys: Vec<String> = (0..500).map(|n| format!("key:{size}:{batch}:{n}")).collect();
            let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &value[..])).collect();
            b.set_many(&items, None).unwrap();
            let last = b.get_many(&[&keys[499]]).unwrap();
            assert_eq!(last, [Some(value.clone())], "batch {batch} of {size} bytes");
        }
    }
    let evictions: u64 = servers.stats(0)["evictions"].parse().unwrap();
    println!("{evictions} entries were evicted, the registry was not");
    assert!(evictions > 10_000);
    let url = format!("memcache://{}?timeout=5", servers.node(0).address());
    let registry: Vec<u8> =
        memcache::Client::with_pool_size(url, 1).unwrap().get("cachekit:epochs").unwrap().unwrap();
    assert!(registry.ends_with(b"cleared:"), "it is the one that was there at the beginning");
}

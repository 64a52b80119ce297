//! How often the servers are asked: once for each operation, however many keys; several servers side by side.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Backend, Read, Result, Seen, Swap};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::Memcached;
use cachekit_tests::watch::Watch;

use crate::support::{cache, config, flavours};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

/// So few that a request passes the proxy in one piece: it takes what comes after an answer for another trip.
const KEYS: usize = 100;

type Operation = fn(&dyn Backend) -> Result<()>;

/// Every operation, and how many round trips it takes.
const OPERATIONS: [(&str, u64, Operation); 15] = [
    ("get_many", 1, |b| b.get_many(&["a", "b", "c"]).map(drop)),
    ("read_many", 1, |b| b.read_many(&["a", "b", "c"]).map(drop)),
    ("add_and_read", 1, |b| {
        b.add_and_read(&[("a", b"1", None), ("b", b"2", HOUR)], &["a", "b", "c"]).map(drop)
    }),
    ("set_many", 1, |b| b.set_many(&[("a", b"1"), ("b", b"2"), ("c", b"3")], HOUR).map(drop)),
    ("add", 1, |b| b.add("d", b"1", HOUR).map(drop)),
    ("add, refused", 1, |b| b.add("a", b"1", HOUR).map(drop)),
    ("compare_and_set, new", 1, |b| b.compare_and_set("new", None, b"2", HOUR).map(drop)),
    ("compare_and_set by head", 2, |b| b.compare_and_set("a", Some(Seen::new(b"1")), b"2", HOUR).map(drop)),
    ("read and compare_and_set by token", 2, |b| {
        let token = b.read_many(&["a"])?[0].as_ref().and_then(|read| read.token);
        assert!(token.is_some() && b.compare_and_set("a", Some(Seen::new(b"").token(token)), b"3", HOUR)?);
        Ok(())
    }),
    ("read_many and compare_and_set_many", 2, |b| {
        let read = b.read_many(&["a", "b"])?;
        let seen = |place: usize| {
            let read: &Option<Read> = &read[place];
            read.as_ref().map(|read| Seen::new(b"").token(read.token))
        };
        let swaps = [
            Swap::new("a", b"4").seen(seen(0)),
            Swap::new("b", b"4").seen(seen(1)),
            Swap::new("new 2", b"4"),
        ];
        assert_eq!(b.compare_and_set_many(&swaps)?, [true; 3]);
        Ok(())
    }),
    ("delete_many", 1, |b| b.delete_many(&["a", "b", "c", "new 2"]).map(drop)),
    ("has_many", 1, |b| b.has_many(&["a", "b", "c"]).map(drop)),
    ("increment", 2, |b| b.increment("n", 1, None).map(drop)),
    ("clear", 2, |b| b.clear("none")),
    ("clear again", 2, |b| b.clear("none")),
];

#[test]
fn an_operation_is_one_round_trip_unless_it_has_to_read_first() {
    let Some(servers) = Memcached::start(1) else { return };
    let proxy = Proxy::new(servers.node(0).address());
    for (flavour, backend) in flavours(Arc::new(config([proxy.address()]).build().unwrap())) {
        backend.get_many(&["warm"]).unwrap();
        for (name, trips, operation) in OPERATIONS {
            proxy.reset_counts();
            operation(&*backend).unwrap();
            let counts = proxy.counts();
            println!(
                "{flavour}, {name}: {} round trip(s), {} command(s)",
                counts.round_trips, counts.requests
            );
            assert_eq!((counts.round_trips, counts.connections), (trips, 0), "{flavour}, {name}");
        }
    }
}

/// The very first calls on an empty server: nothing has to be asked before them.
#[test]
fn the_first_miss_is_two_round_trips() {
    let Some(servers) = Memcached::start(1) else { return };
    for blocking in [true, false] {
        servers.flush();
        let proxy = Proxy::new(servers.node(0).address());
        let [one, other] = flavours(Arc::new(config([proxy.address()]).build().unwrap()));
        let (flavour, backend) = if blocking { one } else { other };
        let found = backend.add_and_read(&[("stamp", b"s", None)], &["value", "stamp"]).unwrap();
        assert!(found[0].is_none() && found[1].as_ref().is_some_and(|stamp| stamp.value == b"s"));
        assert!(backend.compare_and_set("value", None, b"computed", None).unwrap());
        let counts = proxy.counts();
        println!("{flavour}, first miss: {} round trips", counts.round_trips);
        assert_eq!(counts.round_trips, 2, "{flavour}");
        assert!(backend.read_many(&["value", "stamp"]).unwrap().iter().all(Option::is_some));
        assert_eq!(proxy.counts().round_trips, 3, "{flavour}: the hit");
    }
}

/// What the server itself says of a value that is read with its stamps: they and the registry are asked for, no more.
#[test]
fn a_hit_is_one_multi_get() {
    let Some(servers) = Memcached::start(1) else { return };
    for (flavour, backend) in flavours(Arc::new(cache(&servers))) {
        backend.set_many(&[("value", b"v"), ("stamp", b"s")], None).unwrap();
        let stat = |name: &str| servers.stats(0)[name].parse::<u64>().unwrap();
        let names = ["cmd_get", "cmd_set", "cmd_touch", "get_hits", "delete_misses", "total_connections"];
        let before = names.map(stat);
        for _ in 0..100 {
            assert!(backend.read_many(&["value", "stamp"]).unwrap().iter().all(Option::is_some));
        }
        let after = names.map(stat);
        let difference: Vec<_> =
            names.iter().zip(after.iter().zip(before)).map(|(n, (a, b))| (n, a - b)).collect();
        println!("{flavour}: 100 reads of a value and a stamp: {difference:?}");
        // The observer's own connections are the last.
        assert_eq!(
            difference.iter().map(|(_, d)| *d).collect::<Vec<_>>()[..5],
            [300, 0, 0, 300, 0],
            "{flavour}"
        );
    }
}

#[test]
fn many_keys_are_one_round_trip_for_each_server() {
    let Some(servers) = Memcached::start(2) else { return };
    let proxies: Vec<_> = servers.nodes().iter().map(|node| Proxy::new(node.address())).collect();
    let keys: Vec<String> = (0..KEYS).map(|n| format!("key {n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    let cache = Arc::new(config(proxies.iter().map(Proxy::address)).build().unwrap());
    for (flavour, backend) in flavours(cache.clone()) {
        backend.get_many(&["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"]).unwrap();
        let count = |name: &str, operation: &dyn Fn()| {
            proxies.iter().for_each(Proxy::reset_counts);
            operation();
            let trips: Vec<_> = proxies.iter().map(|proxy| proxy.counts().round_trips).collect();
            println!("{flavour}, {name} of {KEYS} on two servers: round trips {trips:?}");
            assert_eq!(trips, [1, 1], "{flavour}, {name}");
        };
        count("set_many", &|| assert_eq!(backend.set_many(&items, HOUR).unwrap(), [true; KEYS]));
        count("get_many", &|| assert!(backend.get_many(&keys).unwrap().iter().all(Option::is_some)));
        count("has_many", &|| assert_eq!(backend.has_many(&keys).unwrap(), [true; KEYS]));
        count("delete_many", &|| assert_eq!(backend.delete_many(&keys).unwrap(), [true; KEYS]));
    }
}

/// Two servers that each take a while take that while once.
#[test]
fn servers_are_asked_side_by_side() {
    let Some(servers) = Memcached::start(2) else { return };
    let proxies: Vec<_> = servers.nodes().iter().map(|node| Proxy::new(node.address())).collect();
    let keys: Vec<String> = (0..16).map(|n| format!("key {n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let cache = Arc::new(config(proxies.iter().map(Proxy::address)).build().unwrap());
    for (flavour, backend) in flavours(cache.clone()) {
        backend.get_many(&keys).unwrap();
        for proxy in &proxies {
            proxy.set(Fault::Delay(Duration::from_millis(400)));
        }
        let start = Watch::start();
        backend.get_many(&keys).unwrap();
        let took = start.elapsed();
        for proxy in &proxies {
            proxy.set(Fault::Pass);
        }
        println!("{flavour}: two servers that take 400 ms each took {took:?}");
        assert!(took < Duration::from_millis(780), "{flavour}: {took:?}");
    }
}

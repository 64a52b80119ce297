//! How often the server is asked: once for each operation, however many keys; on a cluster once for each node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Backend, RedisConfig, Result, Seen, Swap};
use cachekit_tests::proxy::Proxy;
use cachekit_tests::servers::{Cluster, Redis};

use crate::support::{PATIENT, address, flavours, patient};

const HOUR: Option<Duration> = Some(Duration::from_secs(3600));

type Operation = fn(&dyn Backend) -> Result<()>;

/// Every operation on several keys, or with everything that it can do.
const OPERATIONS: [(&str, Operation); 13] = [
    ("get_many", |b| b.get_many(&["a", "b", "c"]).map(drop)),
    ("read_many", |b| b.read_many(&["a", "b", "c"]).map(drop)),
    ("add_and_read", |b| b.add_and_read(&[("a", b"1", None), ("b", b"2", HOUR)], &["a", "b", "c"]).map(drop)),
    ("set_many", |b| b.set_many(&[("a", b"1"), ("b", b"2"), ("c", b"3")], HOUR).map(drop)),
    ("add", |b| b.add("d", b"1", HOUR).map(drop)),
    ("compare_and_set", |b| b.compare_and_set("a", Some(Seen::new(b"1")), b"2", HOUR).map(drop)),
    ("compare_and_set, new", |b| b.compare_and_set("new", None, b"2", HOUR).map(drop)),
    ("compare_and_set_many", |b| {
        let seen = Some(Seen::new(b"2"));
        let swaps =
            [Swap::new("a", b"3").seen(seen).lifetime(HOUR), Swap::new("new 2", b"2"), Swap::new("a", b"4")];
        assert_eq!(b.compare_and_set_many(&swaps)?, [true, true, false]);
        Ok(())
    }),
    ("delete_many", |b| b.delete_many(&["a", "b", "c", "new 2"]).map(drop)),
    ("has_many", |b| b.has_many(&["a", "b", "c"]).map(drop)),
    ("increment", |b| b.increment("n", 1, None).map(drop)),
    ("increment, mortal", |b| b.increment("n2", 1, HOUR).map(drop)),
    ("clear of few keys", |b| b.clear("none").map(drop)),
];

#[test]
fn every_operation_is_one_round_trip() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    for (flavour, backend) in flavours(Arc::new(patient(proxy.address()))) {
        backend.get_many(&["warm"]).unwrap();
        for (name, operation) in OPERATIONS {
            proxy.reset_counts();
            operation(&*backend).unwrap();
            let counts = proxy.counts();
            println!(
                "{flavour}, {name}: {} round trip(s), {} command(s)",
                counts.round_trips, counts.requests
            );
            assert_eq!((counts.round_trips, counts.connections), (1, 0), "{flavour}, {name}");
        }
    }
}

/// What the server itself says of a value that is read with its stamps.
#[test]
fn a_hit_is_one_mget() {
    let Some(server) = Redis::start() else { return };
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        backend.set_many(&[("value", b"v"), ("stamp", b"s")], None).unwrap();
        let mut observer = server.connection();
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut observer).unwrap();
        for _ in 0..100 {
            assert!(backend.read_many(&["value", "stamp"]).unwrap().iter().all(Option::is_some));
        }
        let calls = calls(&mut observer);
        println!("{flavour}: {calls:?}");
        assert_eq!(calls.get("mget"), Some(&100), "{flavour}");
        let others: Vec<&String> =
            calls.keys().filter(|name| !["mget", "config|resetstat"].contains(&name.as_str())).collect();
        // Where several callers share a connection, each exchange ends with a tag.
        let expected: &[&str] = if flavour == "async" { &["echo"] } else { &[] };
        assert_eq!(others, expected, "{flavour}");
    }
}

#[test]
fn a_cluster_is_asked_node_by_node_side_by_side() {
    let Some(cluster) = Cluster::builder().behind_proxies().start() else { return };
    let keys: Vec<String> = (0..60).map(|n| format!("key {n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    let nodes = (0..3).map(|node| address(cluster.proxy(node).address()));
    let cache = RedisConfig::cluster(nodes).deadlines(PATIENT).build().unwrap();
    for (flavour, backend) in flavours(Arc::new(cache)) {
        backend.set_many(&items, None).unwrap();
        let operations: [(&str, &dyn Fn()); 5] = [
            ("get_many", &|| {
                let found = backend.get_many(&keys).unwrap();
                assert!(found.iter().zip(&keys).all(|(found, key)| found.as_deref() == Some(key.as_bytes())));
            }),
            ("set_many", &|| assert_eq!(backend.set_many(&items, HOUR).unwrap(), vec![true; 60])),
            ("compare_and_set_many", &|| {
                let swaps: Vec<_> = items
                    .iter()
                    .map(|(key, value)| Swap::new(key, value).seen(Some(Seen::new(value))))
                    .collect();
                assert_eq!(backend.compare_and_set_many(&swaps).unwrap(), vec![true; 60]);
            }),
            ("has_many", &|| assert_eq!(backend.has_many(&keys).unwrap(), vec![true; 60])),
            ("one key", &|| assert!(backend.get_many(&keys[..1]).unwrap()[0].is_some())),
        ];
        for (name, operation) in operations {
            (0..3).for_each(|node| cluster.proxy(node).reset_counts());
            operation();
            let trips: Vec<u64> = (0..3).map(|node| cluster.proxy(node).counts().round_trips).collect();
            println!("{flavour}, {name}: {trips:?} round trips to the three nodes");
            let all = if name == "one key" { 1 } else { 3 };
            assert!(trips.iter().all(|trips| *trips <= 1), "{flavour}, {name}: {trips:?}");
            assert_eq!(trips.iter().sum::<u64>(), all, "{flavour}, {name}");
        }
    }
}

/// How often each command was called.
fn calls(connection: &mut redis::Connection) -> BTreeMap<String, u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query(connection).unwrap();
    let call = |line: &str| {
        let (name, figures) = line.trim().strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
    };
    info.lines().filter_map(call).collect()
}

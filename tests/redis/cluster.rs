//! Keys over several nodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use cachekit_backends::{Backend, BreakerState, RedisCache, RedisConfig, ServerHealth};
use cachekit_tests::proxy::Fault;
use cachekit_tests::servers::Cluster;
use cachekit_tests::watch::Watch;

use crate::support::{PATIENT, address, flavours, until};

const LIMIT: Duration = Duration::from_secs(20);

fn config(cluster: &Cluster) -> RedisConfig {
    RedisConfig::cluster((0..3).map(|node| address(cluster.node(node).address())))
}

fn patient(cluster: &Cluster) -> Arc<RedisCache> {
    Arc::new(config(cluster).deadlines(PATIENT).build().unwrap())
}

fn keys(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n}")).collect()
}

fn texts(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

fn store(backend: &dyn Backend, keys: &[String]) {
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), key.as_bytes())).collect();
    assert_eq!(backend.set_many(&items, None).unwrap(), vec![true; keys.len()]);
}

/// How many keys each node has.
fn sizes(cluster: &Cluster) -> Vec<usize> {
    let size = |node| redis::cmd("DBSIZE").query(&mut cluster.connection(node)).unwrap();
    (0..3).map(size).collect()
}

#[test]
fn case_324_several_slots_are_read_at_once() {
    let Some(cluster) = Cluster::start() else { return };
    let cache = patient(&cluster);
    for (flavour, backend) in flavours(cache.clone()) {
        let keys = keys("several:", 100);
        store(&*backend, &keys);
        assert!(sizes(&cluster).iter().all(|size| *size > 0));
        let mut wanted = texts(&keys);
        wanted.insert(50, "missing");
        wanted.push(wanted[3]);
        let found = backend.get_many(&wanted).unwrap();
        for (key, found) in wanted.iter().zip(found) {
            assert_eq!(found, (*key != "missing").then(|| key.as_bytes().to_vec()), "{flavour}, {key}");
        }
        assert_eq!(backend.delete_many(&texts(&keys)).unwrap(), vec![true; 100], "{flavour}");
    }
    let health = cache.health();
    let fine = |one: &ServerHealth| one.breaker == BreakerState::Closed && one.failures == 0;
    assert!(health.len() == 3 && health.iter().all(fine), "all its nodes do well: {health:?}");
}

/// Thirty keys over three nodes, none of which survives, next to others, which do.
#[test]
fn case_325_clear_reaches_every_node_and_only_its_keys() {
    let Some(cluster) = Cluster::start() else { return };
    let cache = patient(&cluster);
    for (flavour, backend) in flavours(cache.clone()) {
        for prefix in ["a?", "a*", "[ab]", "a\\", "{tag}", "a-[^b]"] {
            let (own, others) = (keys(prefix, 30), [keys("ab", 30), keys("a1", 30), keys("b", 30)].concat());
            store(&*backend, &own);
            store(&*backend, &others);
            backend.clear(prefix).unwrap();
            assert_eq!(backend.has_many(&texts(&own)).unwrap(), vec![false; 30], "{flavour}, {prefix}");
            assert_eq!(backend.has_many(&texts(&others)).unwrap(), vec![true; 90], "{flavour}, {prefix}");
        }
        println!("{flavour}: {:?} keys of others are left on the nodes", sizes(&cluster));
        // More keys than one step of a scan looks at.
        let many = keys("many:", 5000);
        store(&*backend, &many);
        backend.clear("many:").unwrap();
        assert_eq!(sizes(&cluster).iter().sum::<usize>(), 90, "{flavour}");
        if flavour == "blocking" {
            cache.flush_database().unwrap();
        } else {
            crate::support::poll_by_hand(cache.flush_database_async()).unwrap();
        }
        assert_eq!(sizes(&cluster), [0; 3], "{flavour}");
    }
}

/// A dead node takes its own keys with it, and no others.
#[test]
fn a_dead_node_costs_only_its_own_keys() {
    let Some(cluster) = Cluster::start() else { return };
    let backends = flavours(Arc::new(config(&cluster).build().unwrap()));
    let keys = keys("key:", 60);
    until(LIMIT, || backends[0].1.get_many(&["warm"]).is_ok());
    store(&*backends[0].1, &keys);
    let dead = cluster.owner(b"key:0").port();
    let (lost, kept): (Vec<String>, Vec<String>) =
        keys.iter().cloned().partition(|key| cluster.owner(key.as_bytes()).port() == dead);
    // Slots that nobody serves are no reason for the other nodes to refuse theirs.
    for node in 0..3 {
        let mut connection = cluster.connection(node);
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("cluster-require-full-coverage")
            .arg("no")
            .exec(&mut connection)
            .unwrap();
    }
    cluster.owner(b"key:0").kill();
    for (flavour, backend) in &backends {
        for round in 0..30 {
            let start = Watch::start();
            assert_eq!(
                backend.has_many(&texts(&kept)).unwrap(),
                vec![true; kept.len()],
                "{flavour}, {round}"
            );
            assert!(start.elapsed() < Duration::from_secs(1), "{flavour}: {:?}", start.elapsed());
            let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), key.as_bytes())).collect();
            let stored = backend.set_many(&items, None).unwrap();
            let expected: Vec<bool> = keys.iter().map(|key| kept.contains(key)).collect();
            assert_eq!(stored, expected, "{flavour}, {round}: an item is stored where its node is there");
            assert!(backend.get_many(&texts(&keys)).is_err(), "{flavour}: part of the answer is no answer");
            assert!(backend.get_many(&[&lost[0]]).is_err(), "{flavour}");
            assert!(
                backend.delete_many(&[&lost[0]]).is_err(),
                "{flavour}: an invalidation that failed says so"
            );
            assert!(
                backend.clear("none").is_err(),
                "{flavour}: so does a clear that did not reach every node"
            );
        }
        println!("{flavour}: {} keys are served, {} are not", kept.len(), lost.len());
    }
}

#[test]
fn a_replica_that_takes_over_is_found() {
    let Some(cluster) = Cluster::builder().replicas(1).start() else { return };
    let backends = flavours(Arc::new(config(&cluster).build().unwrap()));
    for (_, backend) in &backends {
        until(LIMIT, || backend.set_many(&[("k", b"before")], None).is_ok());
    }
    cluster.owner(b"k").kill();
    for (flavour, backend) in &backends {
        let back = until(LIMIT, || {
            backend.set_many(&[("k", b"after")], None).is_ok()
                && backend.get_many(&["k"]).is_ok_and(|found| found == [Some(b"after".to_vec())])
        });
        println!("{flavour}: works again {back:?} after the master was killed (or after the line above)");
    }
}

/// While a slot with many keys moves from one node to another, key by key, everything goes on: `ASK`, `TRYAGAIN` and
/// `MOVED` are followed.
#[test]
fn slots_may_move_while_they_are_used() {
    let Some(cluster) = Cluster::start() else { return };
    let cache = patient(&cluster);
    let keys = keys("{moving}:", 300);
    store(&*cache, &keys);
    let (over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for (flavour, backend) in flavours(cache.clone()) {
            let (keys, over, reads) = (&keys, &over, &reads);
            scope.spawn(move || {
                let mut n = 0;
                while !over.load(Ordering::Relaxed) {
                    let found = backend.get_many(&texts(keys)).unwrap();
                    let is_right =
                        |(key, found): (&String, &Option<Vec<u8>>)| found.as_deref() == Some(key.as_bytes());
                    assert!(keys.iter().zip(&found).all(is_right), "{flavour}: every key is found");
                    let counter = format!("{{moving}}:{flavour}");
                    n += 1;
                    assert_eq!(
                        backend.increment(&counter, 1, Some(Duration::from_secs(60))).unwrap(),
                        n,
                        "{flavour}"
                    );
                    let own = format!("{{moving}}:{flavour}:{n}");
                    assert!(backend.add(&own, b"v", None).unwrap(), "{flavour}");
                    assert_eq!(backend.delete_many(&[&own]).unwrap(), [true], "{flavour}");
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..3 {
            let from =
                (0..3).find(|node| cluster.node(*node).port() == cluster.owner(b"{moving}").port()).unwrap();
            let moved = cluster.move_slot("moving", from, (from + 1) % 3);
            println!("round {round}: {moved} keys moved from node {from}, {reads:?} rounds of reads so far");
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(reads.into_inner() > 3);
    // Also what was on its way when somebody else began is cleared.
    cache.clear("{moving}").unwrap();
    assert_eq!(cache.has_many(&texts(&keys)).unwrap(), vec![false; 300]);
}

/// Redirections without end, or to nowhere, come to an end.
#[test]
fn redirections_that_lead_nowhere_are_errors() {
    let Some(cluster) = Cluster::builder().behind_proxies().start() else { return };
    let nodes = (0..3).map(|node| address(cluster.proxy(node).address()));
    for (flavour, backend) in flavours(Arc::new(RedisConfig::cluster(nodes).build().unwrap())) {
        until(LIMIT, || backend.set_many(&[("k", b"v")], None).is_ok());
        let (slot, own) = (12_629, cluster.proxy(0).port());
        let in_circles = format!("-MOVED {slot} 127.0.0.1:{own}\r\n");
        for answer in [
            in_circles.clone(),
            in_circles.replace("MOVED", "ASK"),
            format!("-MOVED {slot} 127.0.0.1:1\r\n"),
            format!("-MOVED {slot}\r\n"),
            "-MOVED nonsense\r\n".to_owned(),
            "-CLUSTERDOWN The cluster is down\r\n".to_owned(),
            "-TRYAGAIN Multiple keys request during rehashing of slot\r\n".to_owned(),
        ] {
            (0..3)
                .for_each(|node| cluster.proxy(node).set(Fault::Answer(answer.clone().into_bytes().into())));
            for _ in 0..3 {
                let start = Watch::start();
                assert!(backend.get_many(&["k", "{k}2"]).is_err(), "{flavour}, {answer}");
                assert!(backend.add("k2", b"v", None).is_err(), "{flavour}, {answer}");
                assert!(
                    start.elapsed() < Duration::from_millis(2500),
                    "{flavour}, {answer}: {:?}",
                    start.elapsed()
                );
            }
            (0..3).for_each(|node| cluster.proxy(node).set(Fault::Pass));
            let back = until(LIMIT, || backend.get_many(&["k"]).is_ok());
            println!("{flavour}, {}: hits {back:?} after the end", answer.trim());
            assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
        }
    }
}

//! Many keys, many callers, and what they may do to each other.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cachekit_backends::{Address, Backend, RedisConfig};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::{Cluster, Redis};
use cachekit_tests::watch::Watch;

use crate::support::{PATIENT, address, flavours, patient, poll_by_hand, until};

const LIMIT: Duration = Duration::from_secs(20);

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("crowd:{n}")).collect()
}

/// The commands that a server carried out, from its own statistics.
fn calls(server: &Redis, command: &str) -> String {
    let info: String = redis::cmd("INFO").arg("commandstats").query(&mut server.connection()).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()).unwrap_or("0").to_owned()
}

/// What does not fit one exchange takes several, each with a deadline of its own.
#[test]
fn many_keys_are_asked_for_in_parts() {
    let Some(server) = Redis::start() else { return };
    let keys = keys(10_000);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        redis::cmd("CONFIG").arg("RESETSTAT").exec(&mut server.connection()).unwrap();
        assert_eq!(backend.set_many(&items, None).unwrap(), vec![true; keys.len()], "{flavour}");
        let found = backend.get_many(&keys).unwrap();
        let is_right = |(key, found): (&&str, &Option<Vec<u8>>)| found.as_deref() == Some(key.as_bytes());
        assert!(keys.iter().zip(&found).all(is_right), "{flavour}");
        assert_eq!(calls(&server, "mget"), "3", "{flavour}");
        assert_eq!(backend.has_many(&keys).unwrap(), vec![true; keys.len()], "{flavour}");
        assert_eq!(backend.delete_many(&keys).unwrap(), vec![true; keys.len()], "{flavour}");
    }
}

/// Several small values and a large one: more than one exchange is meant to carry.
#[test]
fn large_values_are_stored_in_parts() {
    let Some(server) = Redis::start() else { return };
    let large = vec![b'v'; 3 << 20];
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        let items: [(&str, &[u8]); 4] = [("a", &large), ("b", b"small"), ("c", &large), ("d", &large)];
        assert_eq!(backend.set_many(&items, None).unwrap(), [true; 4], "{flavour}");
        for (key, value) in items {
            assert_eq!(backend.get_many(&[key]).unwrap(), [Some(value.to_vec())], "{flavour}, {key}");
        }
    }
}

/// Two callers that need places on the same servers do not each have the one that the other waits for.
#[test]
fn callers_with_one_connection_to_each_node_do_not_block_each_other() {
    let Some(cluster) = Cluster::start() else { return };
    let cache = RedisConfig::cluster([address(cluster.node(0).address())]).pool_size(1);
    let cache = cache.deadlines(PATIENT).build().unwrap();
    let keys = keys(9);
    cache.get_many(&["warm"]).unwrap();
    let start = Watch::start();
    thread::scope(|scope| {
        for caller in 0..16 {
            let (cache, keys) = (&cache, &keys);
            scope.spawn(move || {
                for round in 0..20 {
                    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    // Everybody names the nodes in another order.
                    keys.rotate_left((caller + round) % 9);
                    assert_eq!(cache.get_many(&keys).unwrap(), vec![None; 9]);
                }
            });
        }
    });
    assert!(start.elapsed() < PATIENT.operation, "{:?}", start.elapsed());
}

/// A node that does not answer takes its own keys with it: what others answered meanwhile is there to be read.
#[test]
fn a_frozen_node_costs_only_its_own_keys() {
    let Some(cluster) = Cluster::builder().password("s3cret").start() else { return };
    let seeds: Vec<Address> = (0..3).map(|node| address(cluster.node(node).address())).collect();
    let keys = keys(30);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let owners: Vec<u16> = keys.iter().map(|key| cluster.owner(key.as_bytes()).port()).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, key.as_bytes())).collect();
    let config = RedisConfig::cluster(seeds).password("s3cret");
    for (flavour, backend) in flavours(Arc::new(config.build().unwrap())) {
        for frozen in 0..3 {
            until(LIMIT, || backend.set_many(&items, None).is_ok_and(|stored| !stored.contains(&false)));
            let port = cluster.node(frozen).port();
            let expected: Vec<bool> = owners.iter().map(|owner| *owner != port).collect();
            cluster.node(frozen).pause();
            for round in 0..5 {
                let start = Watch::start();
                let stored = backend.set_many(&items, None).unwrap();
                assert_eq!(stored, expected, "{flavour}, {frozen}, {round}");
                assert!(start.elapsed() < Duration::from_millis(1200), "{flavour}: {:?}", start.elapsed());
            }
            cluster.node(frozen).resume();
        }
    }
}

/// Servers that are slow to connect to are waited for together, not one after the other.
#[test]
fn three_frozen_nodes_cost_no_more_than_one() {
    let Some(cluster) = Cluster::builder().password("s3cret").start() else { return };
    let config = RedisConfig::cluster([address(cluster.node(0).address())]).password("s3cret");
    let cache = config.build().unwrap();
    let keys = keys(30);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    // The nodes are known, and no connection of a blocking caller waits in a pool.
    until(LIMIT, || poll_by_hand(cache.get_many_async(&keys)).is_ok());
    (0..3).for_each(|node| cluster.node(node).pause());
    let start = Watch::start();
    assert!(cache.get_many(&keys).is_err());
    assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());
    (0..3).for_each(|node| cluster.node(node).resume());
}

/// Whoever asks where the slots are asks every node before giving up, however many ask at the same time.
#[test]
fn a_dead_seed_is_no_failure() {
    let Some(cluster) = Cluster::start() else { return };
    let dead = address(std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for _ in 0..10 {
        let seeds = [dead.clone(), address(cluster.node(0).address())];
        let cache = RedisConfig::cluster(seeds).deadlines(PATIENT).build().unwrap();
        thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(|| cache.get_many(&["k"]).unwrap())));
        });
    }
}

/// One connection that is lost is one failure, however many exchanges were on it: the server is not left alone.
#[test]
fn a_lost_connection_is_one_failure() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    let config = RedisConfig::new(address(proxy.address())).deadlines(PATIENT);
    let cache = Arc::new(config.build().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    poll_by_hand(cache.increment_async("n", 1, None)).unwrap();
    proxy.set(Fault::BlackHole);
    proxy.reset_counts();
    let increments: Vec<_> = (0..20)
        .map(|_| {
            let cache = Arc::clone(&cache);
            runtime.spawn(async move { cache.increment_async("n", 1, None).await })
        })
        .collect();
    until(LIMIT, || proxy.counts().requests >= 20);
    proxy.set(Fault::Pass);
    proxy.reset_connections();
    for increment in increments {
        assert!(poll_by_hand(increment).unwrap().is_err(), "nobody knows whether it was carried out");
    }
    assert!(poll_by_hand(cache.get_many_async(&["n"])).is_ok());
}

/// A cursor means nothing to another server: a clear whose connection leads elsewhere begins again there.
#[test]
fn a_clear_that_is_led_elsewhere_misses_nothing() {
    let Some((first, second)) = Redis::start().zip(Redis::start()) else { return };
    let fill = "for n = 1, 40000 do redis.call('SET', 'app:' .. n, 'v') end";
    for start in [Duration::from_millis(5), Duration::from_millis(30)] {
        for server in [&first, &second] {
            redis::cmd("EVAL").arg(fill).arg(0).exec(&mut server.connection()).unwrap();
        }
        let proxy = Proxy::new(first.address());
        for (flavour, backend) in flavours(Arc::new(patient(proxy.address()))) {
            proxy.set_target(first.address());
            backend.get_many(&["warm"]).unwrap();
            thread::scope(|scope| {
                let clear = scope.spawn(|| backend.clear("app:"));
                thread::sleep(start);
                proxy.set_target(second.address());
                proxy.reset_connections();
                clear.join().unwrap().unwrap();
            });
            let left: u64 = redis::cmd("DBSIZE").query(&mut second.connection()).unwrap();
            let was_over = redis::cmd("DBSIZE").query::<u64>(&mut first.connection()).unwrap() == 0;
            assert!(was_over || left == 0, "{flavour}: {left} keys are left where the connection leads to");
            redis::cmd("EVAL").arg(fill).arg(0).exec(&mut first.connection()).unwrap();
            redis::cmd("EVAL").arg(fill).arg(0).exec(&mut second.connection()).unwrap();
        }
    }
}

/// A unix socket whose server accepts nobody has no timeout of its own.
#[test]
fn a_unix_socket_that_accepts_nobody_is_an_error_at_once() {
    let Some(server) = Redis::builder().unix_socket().config("tcp-backlog", "2").start() else { return };
    let path = server.socket().unwrap();
    let cache = Arc::new(RedisConfig::new(Address::Unix(path.clone())).build().unwrap());
    for (flavour, backend) in flavours(cache) {
        server.pause();
        // Those who wait to be accepted.
        let mut crowd = Vec::new();
        loop {
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            if socket.connect(&socket2::SockAddr::unix(path).unwrap()).is_err() {
                break;
            }
            crowd.push(socket);
        }
        let start = Watch::start();
        assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
        assert!(start.elapsed() < Duration::from_millis(600), "{flavour}: {:?}", start.elapsed());
        server.resume();
        drop(crowd);
        until(LIMIT, || backend.get_many(&["k"]).is_ok());
    }
}

//! The kinds of several processes: Sentinel and Cluster.

use std::time::{Duration, Instant};

use cachekit_tests::servers::{Cluster, Node, Sentinel};
use redis::{Connection, RedisError, RedisResult, cmd};

fn set(mut connection: Connection, key: &str) -> RedisResult<()> {
    cmd("SET").arg(key).arg("v").query(&mut connection)
}

/// Asks again until it succeeds.
fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !ask() {
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_same(one: &Node, other: &Node) -> bool {
    one.port() == other.port()
}

#[test]
fn sentinels_fail_over() {
    let Some(servers) = Sentinel::start() else { return };
    let addresses: Vec<String> = servers.sentinel_addresses().iter().map(ToString::to_string).collect();
    assert_eq!(servers.url(), format!("redis+sentinel://{}/mymaster", addresses.join(",")));
    let first = servers.master();
    assert!(is_same(first, servers.data(0)));
    set(servers.connection(first), "k").expect("a master takes writes");
    let replica = servers.replicas()[0];
    assert_eq!(
        set(servers.connection(replica), "k").expect_err("a replica does not").code(),
        Some("READONLY")
    );

    first.kill();
    let start = Instant::now();
    let second = servers.master();
    println!("a new master after {:.1} s", start.elapsed().as_secs_f32());
    assert!(!is_same(first, second));
    set(servers.connection(second), "k").expect("the new master takes writes");

    first.restart();
    servers.wait_until_settled();
    assert!(is_same(servers.master(), second), "the old one follows the new one");
    assert_eq!(servers.replicas().len(), 2);

    servers.sentinel(0).kill();
    assert!(is_same(servers.master(), second), "two sentinels are enough");
    servers.sentinel(0).restart();
    servers.wait_until_settled();
}

#[test]
fn sentinels_have_passwords() {
    let Some(servers) = Sentinel::builder().password("secret").sentinel_password("other").start() else {
        return;
    };
    assert!(servers.url().starts_with("redis+sentinel://:secret@127.0.0.1:"));
    set(servers.connection(servers.master()), "k").expect("the password of the data");
    for node in [servers.data(0), servers.sentinel(0)] {
        let client = redis::Client::open(format!("redis://{}", node.address())).expect("a client");
        let refused: RedisResult<()> =
            client.get_connection().and_then(|mut connection| cmd("INFO").query(&mut connection));
        assert_eq!(refused.expect_err("no password was given").code(), Some("NOAUTH"));
    }
}

#[test]
fn a_cluster_shares_the_keys_and_sends_on() {
    let Some(cluster) = Cluster::builder().password("secret").start() else { return };
    assert!(cluster.url().starts_with("redis+cluster://:secret@127.0.0.1:"));
    let owners: Vec<&Node> = (0..30).map(|n| cluster.owner(format!("key{n}").as_bytes())).collect();
    for node in cluster.nodes() {
        assert!(owners.iter().any(|owner| is_same(owner, node)), "{node:?} has none of 30 keys");
    }
    let moved = (0..3).map(|index| set(cluster.connection(index), "k")).filter_map(Result::err);
    let moved: Vec<String> = moved.map(|error: RedisError| error.to_string()).collect();
    assert_eq!(moved.len(), 2, "{moved:?}");
    let owner = cluster.owner(b"k").address().to_string();
    assert!(moved.iter().all(|error| error.contains(&owner)), "{owner} is not in {moved:?}");

    let lost = cluster.owner(b"k");
    lost.kill();
    let left = cluster.nodes().iter().position(|node| !is_same(node, lost)).expect("another");
    let state = || -> String {
        cmd("CLUSTER").arg("INFO").query(&mut cluster.connection(left)).expect("the cluster's state")
    };
    eventually("the end of the cluster", || state().contains("cluster_state:fail"));
    lost.restart();
    cluster.wait_until_ok();
    let index = cluster.nodes().iter().position(|node| is_same(node, lost)).expect("its index");
    set(cluster.connection(index), "k").expect("it has its slots again");
}

#[test]
fn a_replica_of_a_cluster_takes_over() {
    let Some(cluster) = Cluster::builder().replicas(1).start() else { return };
    let first = cluster.owner(b"k");
    first.kill();
    let port = first.port();
    eventually("another owner", || cluster.owner(b"k").port() != port);
    let second =
        cluster.nodes().iter().position(|node| is_same(node, cluster.owner(b"k"))).expect("its index");
    eventually("a write", || set(cluster.connection(second), "k").is_ok());
    first.restart();
    cluster.wait_until_ok();
    assert!(!is_same(cluster.owner(b"k"), first), "it comes back as a replica");
}

#[test]
fn a_cluster_behind_proxies_sends_on_to_them() {
    let Some(cluster) = Cluster::builder().behind_proxies().start() else { return };
    let proxies: Vec<String> = (0..3).map(|index| cluster.proxy(index).address().to_string()).collect();
    assert_eq!(cluster.url(), format!("redis+cluster://{}", proxies.join(",")));
    let owner =
        cluster.nodes().iter().position(|node| is_same(node, cluster.owner(b"k"))).expect("its index");
    let other = (owner + 1) % 3;
    let error = set(cluster.connection(other), "k").expect_err("another has the key").to_string();
    assert!(error.contains(&proxies[owner]), "{error}");
    let client = redis::Client::open(format!("redis://{}", proxies[owner])).expect("a client");
    cluster.proxy(owner).reset_counts();
    set(client.get_connection().expect("a connection through the proxy"), "k").expect("a write");
    assert!(cluster.proxy(owner).counts().round_trips >= 1);
}

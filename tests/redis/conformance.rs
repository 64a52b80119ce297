//! The whole conformance kit on every kind of Redis, blocking, async by hand and async inside a runtime.

use std::sync::Arc;

use cachekit_backends::testkit::{self, Target};
use cachekit_backends::{Address, Backend, RedisCache, RedisConfig, Tls};
use cachekit_tests::servers::{Cluster, Redis, RedisTls, Sentinel, shared};

use crate::support::{DRIVERS, OnlyAsync, PATIENT, address, addresses};

/// Runs the kit in all flavours; one cache of each serves all trials.
fn run(name: &str, config: RedisConfig) {
    let cache: Arc<RedisCache> = Arc::new(config.deadlines(PATIENT).build().unwrap());
    assert_eq!(cache.name(), name);
    let mut targets: Vec<(String, Arc<dyn Backend>)> = vec![(format!("{name}, blocking"), cache.clone())];
    for (how, driver) in DRIVERS {
        targets.push((format!("{name}, async {how}"), Arc::new(OnlyAsync { inner: cache.clone(), driver })));
    }
    for (label, backend) in targets {
        let target = Target::new(&label, move |_| Ok(Arc::clone(&backend)));
        println!("{label}: {} trials", testkit::trials(&target).len());
        testkit::run(&target);
    }
}

#[test]
fn on_one_server() {
    let Some(server) = shared::redis() else { return };
    run("RedisCache", RedisConfig::new(address(server.address())));
}

#[test]
fn through_a_unix_socket() {
    let Some(server) = shared::redis() else { return };
    run("RedisCache", RedisConfig::new(Address::Unix(server.socket().unwrap().clone())).database(3));
}

#[test]
fn with_a_password_in_another_database() {
    let Some(server) = Redis::builder().password("s3cret").start() else { return };
    run("RedisCache", RedisConfig::new(address(server.address())).password("s3cret").database(7));
}

#[test]
fn over_tls_with_a_certificate() {
    let Some(server) = RedisTls::builder().require_client_certificate().start() else { return };
    let tls = Tls::trusting(server.ca()).unwrap();
    let tls = tls.identity(server.client_certificate(), server.client_key()).unwrap();
    run("RedisCache", RedisConfig::new(address(server.address())).tls(tls));
}

#[test]
fn with_sentinels() {
    let Some(sentinel) = Sentinel::builder().password("s3cret").sentinel_password("s3ntinel").start() else {
        return;
    };
    let config = RedisConfig::sentinel(addresses(sentinel.sentinel_addresses()), Sentinel::SERVICE);
    run("RedisSentinelCache", config.password("s3cret").sentinel_password("s3ntinel"));
}

#[test]
fn on_a_cluster() {
    let Some(cluster) = Cluster::builder().password("s3cret").start() else { return };
    // One node is enough to find the others.
    let config = RedisConfig::cluster([address(cluster.node(0).address())]);
    run("RedisClusterCache", config.password("s3cret"));
}

#[test]
fn through_a_client_of_the_users() {
    let Some(server) = Redis::builder().password("s3cret").start() else { return };
    run("RedisCache", RedisConfig::from_client(redis::Client::open(server.url()).unwrap()));
}

#[test]
fn through_connections_of_the_users() {
    let Some(server) = Redis::builder().password("s3cret").start() else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let pool = crate::given::Pool::new(client);
    run("RedisCache", RedisConfig::from_connections(move || pool.take()));
}

//! Callers that go away in the middle of an operation: nobody else gets their replies.

use cachekit_backends::RedisConfig;
use cachekit_tests::dropping::drop_everywhere;
use cachekit_tests::servers::{Cluster, Redis, Sentinel};

use crate::support::{PATIENT, address, addresses, patient};

#[test]
fn on_one_server() {
    let Some(server) = Redis::start() else { return };
    drop_everywhere("RedisCache", &patient(server.address()));
}

#[test]
fn through_what_the_user_hands_in() {
    let Some(server) = Redis::start() else { return };
    let client = redis::Client::open(server.url()).unwrap();
    let cache = RedisConfig::from_client(client.clone()).deadlines(PATIENT).build().unwrap();
    drop_everywhere("a client", &cache);
    let pool = crate::given::Pool::new(client);
    let cache = RedisConfig::from_connections(move || pool.take()).deadlines(PATIENT).build().unwrap();
    drop_everywhere("connections", &cache);
}

#[test]
fn with_sentinels() {
    let Some(sentinel) = Sentinel::start() else { return };
    let config = RedisConfig::sentinel(addresses(sentinel.sentinel_addresses()), Sentinel::SERVICE);
    let cache = config.deadlines(PATIENT).build().unwrap();
    drop_everywhere("RedisSentinelCache", &cache);
}

#[test]
fn on_a_cluster() {
    let Some(cluster) = Cluster::start() else { return };
    let config = RedisConfig::cluster([address(cluster.node(0).address())]);
    let cache = config.deadlines(PATIENT).build().unwrap();
    drop_everywhere("RedisClusterCache", &cache);
}

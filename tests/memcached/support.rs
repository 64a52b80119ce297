//! Caches and servers for the tests.

use std::net::SocketAddr;

use cachekit_backends::{MemcachedCache, MemcachedConfig};
use cachekit_tests::servers::{Memcached, MemcachedSasl, Node};

pub(crate) use cachekit_tests::flavours::{
    DRIVERS, Driver, OnlyAsync, PATIENT, address, flavours, poll_by_hand, until,
};

/// The settings of a cache on these servers, with patience.
pub(crate) fn config(servers: impl IntoIterator<Item = SocketAddr>) -> MemcachedConfig {
    MemcachedConfig::new(servers.into_iter().map(address)).deadlines(PATIENT)
}

/// A cache on all of some servers.
pub(crate) fn cache(servers: &Memcached) -> MemcachedCache {
    config(servers.nodes().iter().map(Node::address)).build().unwrap()
}

/// The settings of a cache on a server that wants a login.
pub(crate) fn sasl_config(server: &MemcachedSasl) -> MemcachedConfig {
    config([server.address()]).credentials("alice", "secret")
}

//! What these tests share: addresses, and a cache with patience.

use std::net::SocketAddr;

use cachekit_backends::{Address, RedisCache, RedisConfig};

pub(crate) use cachekit_tests::flavours::{
    DRIVERS, OnlyAsync, PATIENT, address, flavours, poll_by_hand, until,
};

pub(crate) fn addresses(sockets: impl IntoIterator<Item = SocketAddr>) -> Vec<Address> {
    sockets.into_iter().map(address).collect()
}

/// A cache on one server, with patience.
pub(crate) fn patient(socket: SocketAddr) -> RedisCache {
    RedisConfig::new(address(socket)).deadlines(PATIENT).build().unwrap()
}

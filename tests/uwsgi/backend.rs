//! Stores on servers of this machine.

use std::net::SocketAddr;

use cachekit::{UwsgiCache, UwsgiConfig};
use cachekit_tests::flavours::address;
use cachekit_tests::servers::Uwsgi;

pub(crate) use cachekit_tests::flavours::PATIENT;

pub(crate) fn config(socket: SocketAddr) -> UwsgiConfig {
    UwsgiConfig::new(address(socket)).cache(Uwsgi::CACHE)
}

/// A store on `mycache` with blocks of this size.
pub(crate) fn store(server: &Uwsgi, blocksize: usize) -> UwsgiCache {
    config(server.address()).max_value_size(blocksize).deadlines(PATIENT).build().unwrap()
}

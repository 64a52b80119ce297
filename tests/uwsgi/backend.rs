//! Stores on servers of this machine.

use std::net::SocketAddr;
use std::time::Duration;

use cachekit::{Address, Deadlines, UwsgiCache, UwsgiConfig};
use cachekit_tests::servers::Uwsgi;

/// So long that a busy machine is no failure.
pub(crate) fn patient() -> Deadlines {
    let mut deadlines = Deadlines::default();
    (deadlines.connect, deadlines.operation) = (Duration::from_secs(5), Duration::from_secs(5));
    deadlines
}

pub(crate) fn config(address: SocketAddr) -> UwsgiConfig {
    UwsgiConfig::new(Address::tcp(address.ip().to_string(), address.port())).cache(Uwsgi::CACHE)
}

/// A store on `mycache` with blocks of this size.
pub(crate) fn store(server: &Uwsgi, blocksize: usize) -> UwsgiCache {
    config(server.address()).max_value_size(blocksize).deadlines(patient()).build().unwrap()
}

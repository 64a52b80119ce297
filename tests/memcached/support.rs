//! Caches and servers for the tests.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

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

/// What a server says of the items that it has, a line each, as another client sees it. An item that is moved from one of
/// its lists to another may be passed over, so it is asked a few times.
pub(crate) fn listing(node: &Node) -> BTreeSet<String> {
    (0..3).flat_map(|_| listing_once(node)).collect()
}

/// Now and then its crawler is on a walk of its own, and the server says that it is busy.
fn listing_once(node: &Node) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let mut stream = node.connect();
        stream.write_all(b"lru_crawler metadump all\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        match lines.next().expect("a reply") {
            line if line == "END" => return Vec::new(),
            line if line.starts_with("key=") => {
                return std::iter::once(line).chain(lines.take_while(|line| line != "END")).collect();
            }
            line => assert!(line.starts_with("BUSY") && Instant::now() < end, "{line}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The name in a line of a [`listing`]. Its colons are percent-encoded there.
pub(crate) fn name_in(line: &str) -> String {
    line.strip_prefix("key=").unwrap().split(' ').next().unwrap().replace("%3A", ":")
}

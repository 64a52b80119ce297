//! Callers that go away in the middle of an operation: nobody else gets their replies.

use cachekit_backends::{Backend as _, Spread};
use cachekit_tests::dropping::drop_everywhere;
use cachekit_tests::servers::{Memcached, MemcachedSasl};

use crate::support::{cache, sasl_config};

#[test]
fn on_two_servers() {
    let Some(servers) = Memcached::start(2) else { return };
    let cache = cache(&servers);
    drop_everywhere(cache.name(), &cache);
}

#[test]
fn spread_and_with_a_login() {
    let Some(server) = MemcachedSasl::start() else { return };
    let spread = Spread { chunk_size: 100, max_chunks: 32 };
    let cache = sasl_config(&server).spread(spread).build().unwrap();
    drop_everywhere(cache.name(), &cache);
}

//! One server of each kind for the whole test process, started at first use.
//!
//! Others use it, too: keep to a prefix of your own, and leave its process alone.

use std::sync::OnceLock;

use super::programs::UWSGI;
use super::{Cluster, Memcached, MemcachedSasl, Redis, RedisTls, Sentinel, Uwsgi, available};

/// A function that starts a server once; a missing program is said each time, for each test that is left out.
macro_rules! shared {
    ($($(#[doc = $what:literal])* $name:ident: $kind:ty = $start:expr, of $programs:expr;)*) => {$(
        $(#[doc = $what])*
        /// `None` where a program is missing.
        pub fn $name() -> Option<&'static $kind> {
            static SERVER: OnceLock<Option<$kind>> = OnceLock::new();
            available(&$programs)?;
            SERVER.get_or_init(|| $start).as_ref()
        }
    )*};
}

shared! {
    /// Redis without a password, with a unix socket.
    redis: Redis = Redis::builder().unix_socket().start(), of ["redis-server"];
    /// Redis that speaks TLS.
    redis_tls: RedisTls = RedisTls::start(), of ["redis-server", "redis-cli", "openssl"];
    /// A master with two replicas and three sentinels.
    sentinel: Sentinel = Sentinel::start(), of ["redis-server", "redis-sentinel"];
    /// Three masters.
    cluster: Cluster = Cluster::start(), of ["redis-server"];
    /// Two Memcached servers.
    memcached: Memcached = Memcached::start(2), of ["memcached"];
    /// Memcached that wants a user name and a password.
    memcached_sasl: MemcachedSasl = MemcachedSasl::start(), of ["memcached", "saslpasswd2"];
    /// uWSGI with the cache `mycache`.
    uwsgi: Uwsgi = Uwsgi::start(), of [UWSGI];
}

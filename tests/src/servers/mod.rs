//! Real servers for tests: each on free loopback ports, in a folder of its own, without privileges.
//!
//! A server lives as long as its handle, and never longer than the test process: a shell beside it ([`Node`]) holds one
//! end of a pipe, and when the other end is gone, kills the server and removes its folder.
//!
//! ```no_run
//! use cachekit_tests::servers::Redis;
//!
//! // Without the program the test is left out, and that is printed. With CACHEKIT_SERVERS=required it fails.
//! let Some(redis) = Redis::start() else { return };
//! let cache = redis.url(); // redis://127.0.0.1:P
//! redis.kill();
//! redis.restart(); // empty, on the same port
//! ```

mod certificates;
mod cluster;
mod files;
mod memcached;
mod memcached_sasl;
mod node;
mod ports;
mod programs;
mod redis;
mod redis_tls;
mod sentinel;
pub mod shared;
mod url;
mod uwsgi;
mod waiting;

pub use cluster::{Cluster, ClusterBuilder};
pub use memcached::{Memcached, MemcachedBuilder};
pub use memcached_sasl::{MemcachedSasl, MemcachedSaslBuilder};
pub use node::Node;
pub use programs::{Missing, available, missing, required};
pub use redis::{Redis, RedisBuilder};
pub use redis_tls::{RedisTls, RedisTlsBuilder};
pub use sentinel::{Sentinel, SentinelBuilder};
pub use uwsgi::{Uwsgi, UwsgiBuilder};

pub(crate) use ports::Port;

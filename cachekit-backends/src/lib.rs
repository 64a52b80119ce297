//! The backend contract of cachekit and the stores that keep it.
//!
//! A backend keeps bytes under string keys for a while. Everything typed (values, codecs, memoized functions) is
//! above it, in the `cachekit` crate; this crate stands alone, so that a backend can be written and tested without it.
//!
//! | store | feature | where the bytes are |
//! |---|---|---|
//! | [`NullCache`] | – | nowhere: every read is a miss |
//! | [`SimpleCache`] | – | this process, in a [`Table`] |
//! | `FileSystemCache` | `filesystem` | one file per entry, shared safely among processes |
//! | `MemcachedCache` | `memcached`, `memcached-sasl` | memcached servers, each of which has a part |
//! | `RedisCache` | `redis`, `redis-sentinel`, `redis-cluster` | Redis: one server, the master that sentinels name, a cluster |
//! | `UwsgiCache` | `uwsgi` | the cache of a uWSGI server |
//!
//! Authors of backends run the conformance kit (feature `testkit`) on theirs.

mod answer;
mod backend;
mod capability;
mod clock;
mod error;
mod flavour;
#[cfg(any(feature = "memcached", feature = "uwsgi"))]
mod framed;
mod health;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(miri)))]
mod linux;
#[cfg(feature = "memcached")]
mod memcached;
#[cfg(feature = "network")]
mod net;
mod null;
mod simple;
mod sync;
mod table;
mod ticks;
mod timeout;
mod watch;

#[cfg(feature = "filesystem")]
mod filesystem;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "testkit")]
pub mod testkit;
#[cfg(feature = "uwsgi")]
mod uwsgi;

/// What the crate above shares with the stores; no part of what users may rely on.
#[doc(hidden)]
pub mod __private {
    pub use crate::flavour::{Flavour, now};
    pub use crate::table::{AtOnce, Front, Seed, hinder, thread_number};
}

pub use self::answer::Answer;
pub use self::backend::{Backend, Read, Seen, Swap};
pub use self::capability::Capability;
pub use self::clock::{Clock, ManualClock, Moment};
pub use self::error::{Error, ErrorKind, Result};
#[cfg(feature = "filesystem")]
pub use self::filesystem::{FileSystemCache, FileSystemConfig};
pub use self::health::{BreakerState, ServerHealth};
#[cfg(feature = "memcached")]
pub use self::memcached::{MemcachedCache, MemcachedConfig, Spread};
#[cfg(feature = "redis-tls")]
pub use self::net::Tls;
#[cfg(feature = "network")]
pub use self::net::{Address, Deadlines};
pub use self::null::NullCache;
#[cfg(feature = "redis")]
pub use self::redis::{RedisCache, RedisConfig};
pub use self::simple::{SimpleCache, SimpleCacheBuilder};
pub use self::table::{
    Age, Fence, Found, KeyStream, Lifetimes, OwnedKey, State, Table, TableConfig, Target, Ticket, Ties,
};
pub use self::timeout::Timeout;
#[cfg(feature = "uwsgi")]
pub use self::uwsgi::{UwsgiCache, UwsgiConfig};
pub use self::watch::{Listener, Watch};

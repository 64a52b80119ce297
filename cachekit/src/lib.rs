//! Annotate a function, and its results are cached.
//!
//! ```
//! use cachekit::{delete_memoized, memoize};
//!
//! #[memoize(timeout = 50)]
//! fn big_foo(a: i64, b: i64) -> i64 {
//!     a + b // imagine something expensive
//! }
//!
//! big_foo(5, 2); // computed
//! big_foo(5, 2); // cached
//! delete_memoized!(big_foo, 5, 2)?; // forgotten
//! # assert_eq!(big_foo::peek(5, 2), None);
//! # Ok::<(), cachekit::Error>(())
//! ```
//!
//! # Where to look
//!
//! - [`#[memoize]`](macro@memoize) caches by the arguments, [`#[cached]`](macro@cached) by the request or by a name;
//!   [`#[methods]`](macro@methods) helps both on trait impls. Their pages say what each option does.
//! - [`delete_memoized!`] forgets: a call, an instance, a function. [`SiteStats`], [`sites`] and [`events`] tell what
//!   happened.
//! - [`Cache`] is a cache to hold in one's hand, with typed operations, each sync and async. [`Config`] makes one from
//!   code, a map, the environment or a URL; [`install`] makes it the one that functions use.
//! - [`CacheMode`], [`Record`] and [`set_enabled`] control caching while a program runs; [`AfterCommit`] ties deletions to a
//!   transaction; [`CacheBuilder::recover`] tries those that failed again.
//! - [`testing`] is for the tests of code that uses cachekit. [`Backend`] and [`Codec`] are for those who bring their own.
//!
//! # Promises
//!
//! The cache never breaks the function: where it fails, the failure is counted and logged, and the body runs. Only what
//! could not be *forgotten* is an error to the caller. Once a deletion has returned, no value is served whose
//! computation began before it. Concurrent callers of a missing key run the body once; no lock is held meanwhile. Memory
//! is bounded. A hit in this process allocates nothing.
//!
//! # Features
//!
//! None is on by default, and none changes what another does.
//!
//! | feature | what it adds |
//! |---|---|
//! | `filesystem` | `FileSystemCache`: files that several processes share |
//! | `redis`, `redis-sentinel`, `redis-cluster` | `RedisCache` on one server, on the master that sentinels name, on a cluster |
//! | `redis-tls` | TLS for them: `rediss://` |
//! | `memcached`, `memcached-sasl` | `MemcachedCache`; with a login, and with large values over several entries |
//! | `uwsgi` | `UwsgiCache`: the cache of a uWSGI server |
//! | `network` | what those share; they switch it on |
//! | `json` | the codec `Json`, for other programs and types of any shape |
//! | `msgpack` | the codec `MessagePack`, compact and for types of any shape |
//! | `sha1`, `sha2`, `blake3` | digests for keys, beside md5: `hash_method = "sha256"` |
//! | `lz4`, `zstd` | [`Compression`] of large values |
//! | `hmac`, `aead` | a [`Seal`]: entries that outsiders cannot forge (HMAC-SHA256) or read (XChaCha20-Poly1305) |
//! | `toml` | `ConfigFile`: configuration from a TOML file |
//! | `tokio` | what async functions compute behind their callers goes to the tokio runtime these are on |
//! | `tower`, `axum`, `actix` | whole responses and cached handlers on tower, with axum's types, on actix-web: `http` |
//! | `http` | what those share; they switch it on |
//! | `stats-page` | `stats_page`: figures for an operator |
//! | `testkit` | the conformance kit, for the authors of backends |

#[doc(hidden)]
pub mod __private;
mod behind;
mod bytes;
mod cache;
mod call;
mod codec;
mod complaints;
mod config;
mod control;
pub mod events;
mod flight;
mod fragment;
mod fresh;
#[cfg(feature = "http")]
pub mod http;
mod io;
mod key;
mod listing;
mod near;
mod registry;
mod request;
mod site;
#[cfg(feature = "stats-page")]
pub mod stats_page;
mod store;
mod sync;
pub mod testing;
mod value;
mod values;
mod view;

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

#[doc = include_str!("docs/cache_key.md")]
pub use cachekit_macros::CacheKey;
#[doc = include_str!("docs/cached.md")]
pub use cachekit_macros::cached;
#[doc = include_str!("docs/delete_memoized.md")]
pub use cachekit_macros::delete_memoized;
#[doc = include_str!("docs/delete_memoized_verhash.md")]
pub use cachekit_macros::delete_memoized_verhash;
#[doc = include_str!("docs/memoize.md")]
pub use cachekit_macros::memoize;
#[doc = include_str!("docs/methods.md")]
pub use cachekit_macros::methods;

#[doc(hidden)]
pub use self::__private as p;
pub use self::behind::{BoxFuture, set_spawner};
#[doc = include_str!("docs/delete_cached.md")]
#[macro_export]
macro_rules! delete_cached {
    ($($what:tt)*) => { $crate::__private::delete_cached_of!($crate; $($what)*) };
}

pub use self::bytes::pack::Compression;
pub use self::bytes::refusal::Refusals;
pub use self::bytes::seal::Seal;
pub use self::cache::{Cache, CacheBuilder, Loadable, Storable};
#[cfg(feature = "json")]
pub use self::codec::Json;
#[cfg(feature = "msgpack")]
pub use self::codec::MessagePack;
pub use self::codec::{Bincode, Codec, erased_serde};
#[cfg(feature = "toml")]
pub use self::config::ConfigFile;
pub use self::config::{BackendFactory, Config, register_backend};
pub use self::control::{AfterCommit, Asked, CacheMode, CommitError, Outcome, Record, RecoveryStats};
pub use self::fragment::{
    delete_fragment, delete_fragment_async, fragment, fragment_async, fragment_key, try_fragment,
};
pub use self::key::CacheKey;
pub use self::key::digest::HashMethod;
pub use self::registry::{InstallError, current, install, install_named, is_enabled, named, set_enabled};
pub use self::request::RequestContext;
pub use self::site::sites;
pub use self::site::stats::{SiteStats, VerifyStats};
pub use self::value::{CacheValue, LocalValue};
pub use self::view::View;
#[cfg(feature = "memcached-sasl")]
pub use cachekit_backends::Spread;
#[cfg(feature = "redis-tls")]
pub use cachekit_backends::Tls;
#[cfg(feature = "testkit")]
pub use cachekit_backends::testkit;
#[cfg(feature = "network")]
pub use cachekit_backends::{Address, Deadlines};
pub use cachekit_backends::{
    Answer, Backend, BreakerState, Capability, Clock, Error, ErrorKind, Listener, ManualClock, NullCache,
    Read, Result, Seen, ServerHealth, SimpleCache, SimpleCacheBuilder, Swap, Table, TableConfig, Timeout,
    Watch,
};
#[cfg(feature = "filesystem")]
pub use cachekit_backends::{FileSystemCache, FileSystemConfig};
#[cfg(feature = "memcached")]
pub use cachekit_backends::{MemcachedCache, MemcachedConfig};
#[cfg(feature = "redis")]
pub use cachekit_backends::{RedisCache, RedisConfig};
#[cfg(feature = "uwsgi")]
pub use cachekit_backends::{UwsgiCache, UwsgiConfig};

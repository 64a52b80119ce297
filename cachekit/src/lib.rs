//! Annotate a function, and its results are cached.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
mod ambient;
mod bytes;
mod cache;
mod call;
mod codec;
mod config;
mod digest;
mod envelope;
pub mod events;
mod flight;
mod forget;
mod io;
mod key;
mod keys;
mod registry;
mod request;
mod site;
mod stats;
mod store;
mod sync;
pub mod testing;
mod value;
mod waits;

pub use cachekit_macros::{CacheKey, cached, delete_memoized, delete_memoized_verhash, memoize, methods};

pub use self::cache::{Cache, CacheBuilder, Loadable, Storable};
#[cfg(feature = "json")]
pub use self::codec::Json;
#[cfg(feature = "msgpack")]
pub use self::codec::MessagePack;
pub use self::codec::{Bincode, Codec, erased_serde};
pub use self::config::{BackendFactory, Config, register_backend};
#[cfg(feature = "toml")]
pub use self::config::ConfigFile;
pub use self::digest::HashMethod;
pub use self::key::CacheKey;
pub use self::registry::{InstallError, current, install, install_named, named};
pub use self::request::RequestContext;
pub use self::site::sites;
pub use self::stats::SiteStats;
pub use self::value::{CacheValue, LocalValue};
#[cfg(feature = "testkit")]
pub use cachekit_backends::testkit;
pub use cachekit_backends::{
    Answer, Backend, Capability, Clock, Error, ErrorKind, ManualClock, NullCache, Result, SimpleCache,
    SimpleCacheBuilder, Table, TableConfig, Timeout,
};
#[cfg(feature = "filesystem")]
pub use cachekit_backends::{FileSystemCache, FileSystemConfig};

//! The backends that `CACHE_TYPE` can name: those that come with cachekit, and those a program registers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use cachekit_backends::{Backend, Clock, Error, ErrorKind, NullCache, Result, SimpleCache};

use super::Config;
use super::keys::nearest;
#[cfg(feature = "memcached")]
use super::network::memcached;
#[cfg(feature = "redis")]
use super::network::redis;
#[cfg(feature = "uwsgi")]
use super::network::uwsgi;

/// Makes a backend from a configuration.
pub type BackendFactory = fn(&Config) -> Result<Arc<dyn Backend>>;

/// The backend where nothing is configured.
pub(super) const DEFAULT: &str = "SimpleCache";

/// What comes with cachekit, and the feature that it needs.
const BUILT_IN: [(&str, &str); 10] = [
    ("NullCache", ""),
    ("SimpleCache", ""),
    ("FileSystemCache", "filesystem"),
    ("RedisCache", "redis"),
    ("RedisSentinelCache", "redis-sentinel"),
    ("RedisClusterCache", "redis-cluster"),
    ("MemcachedCache", "memcached"),
    ("SASLMemcachedCache", "memcached-sasl"),
    ("SpreadSASLMemcachedCache", "memcached-sasl"),
    ("UWSGICache", "uwsgi"),
];

static REGISTERED: RwLock<BTreeMap<&'static str, BackendFactory>> = RwLock::new(BTreeMap::new());

/// Gives a backend a name, so that `CACHE_TYPE` can choose it. Do it before the configuration is read.
///
/// Keys that begin with `CACHE_`, the name in capitals and `_` are its options; it reads them with
/// [`Config::get_option`].
///
/// ```
/// use cachekit::{Config, SimpleCache, register_backend};
/// use std::sync::Arc;
///
/// register_backend("BigCache", |config| {
///     let entries = config.get_option("CACHE_BIGCACHE_ENTRIES").and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
///     Ok(Arc::new(SimpleCache::builder().threshold(entries).build()))
/// })?;
/// let config = Config::from_map([("CACHE_TYPE", "BigCache"), ("CACHE_BIGCACHE_ENTRIES", "5000000")])?;
/// assert_eq!(config.get_backend(), "BigCache");
/// # Ok::<(), cachekit::Error>(())
/// ```
///
/// # Errors
///
/// [`Conflict`](ErrorKind::Conflict) if the name is taken, [`Config`](ErrorKind::Config) if it is not made of ASCII
/// letters, digits and `_`.
pub fn register_backend(name: &'static str, factory: BackendFactory) -> Result<()> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        let message = format!("a backend's name is made of ASCII letters, digits and `_`, not {name:?}");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let mut registered = REGISTERED.write().unwrap_or_else(PoisonError::into_inner);
    if BUILT_IN.iter().any(|(known, _)| *known == name) || registered.contains_key(name) {
        return Err(Error::new(ErrorKind::Conflict, format!("the backend name {name} is taken")));
    }
    registered.insert(name, factory);
    Ok(())
}

/// Whether the key is an option of a registered backend.
pub(super) fn is_option(key: &str) -> bool {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    registered.keys().any(|name| {
        let rest =
            key.strip_prefix("CACHE_").and_then(|rest| rest.strip_prefix(name.to_ascii_uppercase().as_str()));
        rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('_'))
    })
}

/// Checks that the name is one that can be built.
pub(super) fn check(name: &str) -> Result<()> {
    maker(name).map(drop)
}

/// The feature that a backend of cachekit needs, if it is not compiled in.
pub(super) fn missing_feature(name: &str) -> Option<&'static str> {
    let (_, feature) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    compiled(name).is_none().then_some(*feature)
}

/// Builds the backend that a configuration names.
pub(super) fn build(config: &Config, clock: &Clock) -> Result<Arc<dyn Backend>> {
    match maker(config.get_backend())? {
        Maker::Null => Ok(null(config)),
        Maker::Simple => Ok(simple(config, clock)),
        #[cfg(feature = "filesystem")]
        Maker::FileSystem => files(config, clock),
        Maker::Other(factory) => factory(config),
    }
}

enum Maker {
    Null,
    Simple,
    #[cfg(feature = "filesystem")]
    FileSystem,
    /// One that has a clock of its own.
    Other(BackendFactory),
}

fn maker(name: &str) -> Result<Maker> {
    if let Some(maker) = compiled(name) {
        return Ok(maker);
    }
    if let Some(feature) = missing_feature(name) {
        let message = format!("CACHE_TYPE {name} needs the feature `{feature}` of cachekit");
        return Err(Error::new(ErrorKind::Config, message));
    }
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(factory) = registered.get(name) {
        return Ok(Maker::Other(*factory));
    }
    let known: Vec<&str> =
        BUILT_IN.iter().map(|(known, _)| *known).chain(registered.keys().copied()).collect();
    // A dotted path, as Flask takes them, is shown by its last part, and a URL not at all: it may hold a password.
    let name =
        if name.contains("://") || name.contains('@') { "a URL (those go to CACHE_URL)" } else { name };
    let part = name.rsplit('.').next().unwrap_or(name);
    let hint = nearest(part, known.iter().copied()).map(|near| format!(" (did you mean {near}?)"));
    let message =
        format!("CACHE_TYPE is one of {}, not {name}{}", known.join(", "), hint.unwrap_or_default());
    Err(Error::new(ErrorKind::Config, message))
}

/// What makes a backend that comes with cachekit, if it is compiled in.
fn compiled(name: &str) -> Option<Maker> {
    Some(match name {
        "NullCache" => Maker::Null,
        "SimpleCache" => Maker::Simple,
        #[cfg(feature = "filesystem")]
        "FileSystemCache" => Maker::FileSystem,
        #[cfg(feature = "redis")]
        "RedisCache" => Maker::Other(redis::single),
        #[cfg(feature = "redis-sentinel")]
        "RedisSentinelCache" => Maker::Other(redis::sentinel),
        #[cfg(feature = "redis-cluster")]
        "RedisClusterCache" => Maker::Other(redis::cluster),
        #[cfg(feature = "memcached")]
        "MemcachedCache" => Maker::Other(memcached::plain),
        #[cfg(feature = "memcached-sasl")]
        "SASLMemcachedCache" => Maker::Other(memcached::sasl),
        #[cfg(feature = "memcached-sasl")]
        "SpreadSASLMemcachedCache" => Maker::Other(memcached::spread),
        #[cfg(feature = "uwsgi")]
        "UWSGICache" => Maker::Other(uwsgi::build),
        _ => return None,
    })
}

fn null(config: &Config) -> Arc<dyn Backend> {
    if !config.get_no_null_warning() {
        log::warn!(
            "CACHE_TYPE is NullCache: caching is switched off (CACHE_NO_NULL_WARNING=true silences this)"
        );
    }
    Arc::new(NullCache)
}

fn simple(config: &Config, clock: &Clock) -> Arc<dyn Backend> {
    let mut cache = SimpleCache::builder().clock(clock.clone());
    if let Some(entries) = config.get_threshold() {
        cache = cache.threshold(entries);
    }
    Arc::new(cache.build())
}

#[cfg(feature = "filesystem")]
fn files(config: &Config, clock: &Clock) -> Result<Arc<dyn Backend>> {
    let directory = config.get_directory().ok_or_else(|| {
        let message = "FileSystemCache needs CACHE_DIR, the folder to keep its files in";
        Error::new(ErrorKind::Config, message)
    })?;
    let mut cache = cachekit_backends::FileSystemConfig::new(directory).clock(clock.clone());
    if let Some(entries) = config.get_threshold() {
        cache = cache.threshold(entries);
    }
    if let Some(mode) = config.get_mode() {
        cache = cache.mode(mode);
    }
    Ok(Arc::new(cache.build()?))
}

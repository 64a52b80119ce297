//! The backends that `CACHE_TYPE` can name: those that come with cachekit, and those a program registers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use cachekit_backends::{Backend, Clock, Error, ErrorKind, NullCache, Result, SimpleCache};

use super::Config;
use super::keys::nearest;

/// Makes a backend from a configuration.
pub type BackendFactory = fn(&Config) -> Result<Arc<dyn Backend>>;

/// The backend where nothing is configured.
pub(super) const DEFAULT: &str = "SimpleCache";

const BUILT_IN: [&str; 3] = ["NullCache", "SimpleCache", "FileSystemCache"];

/// Names that later versions will give a meaning.
const LATER: [&str; 7] = [
    "RedisCache",
    "RedisSentinelCache",
    "RedisClusterCache",
    "MemcachedCache",
    "SASLMemcachedCache",
    "SpreadSASLMemcachedCache",
    "UWSGICache",
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
    if BUILT_IN.contains(&name) || LATER.contains(&name) || registered.contains_key(name) {
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

/// Builds the backend that a configuration names.
pub(super) fn build(config: &Config, clock: &Clock) -> Result<Arc<dyn Backend>> {
    match maker(config.get_backend())? {
        Maker::Null => {
            if !config.get_no_null_warning() {
                log::warn!(
                    "CACHE_TYPE is NullCache: caching is switched off (CACHE_NO_NULL_WARNING=true silences this)"
                );
            }
            Ok(Arc::new(NullCache))
        }
        Maker::Simple => {
            let mut cache = SimpleCache::builder().clock(clock.clone());
            if let Some(entries) = config.get_threshold() {
                cache = cache.threshold(entries);
            }
            Ok(Arc::new(cache.build()))
        }
        #[cfg(feature = "filesystem")]
        Maker::FileSystem => {
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
        Maker::Registered(factory) => factory(config),
    }
}

enum Maker {
    Null,
    Simple,
    #[cfg(feature = "filesystem")]
    FileSystem,
    Registered(BackendFactory),
}

fn maker(name: &str) -> Result<Maker> {
    match name {
        "NullCache" => return Ok(Maker::Null),
        "SimpleCache" => return Ok(Maker::Simple),
        #[cfg(feature = "filesystem")]
        "FileSystemCache" => return Ok(Maker::FileSystem),
        #[cfg(not(feature = "filesystem"))]
        "FileSystemCache" => {
            let message = "CACHE_TYPE FileSystemCache needs the feature `filesystem` of cachekit";
            return Err(Error::new(ErrorKind::Config, message));
        }
        _ => {}
    }
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(factory) = registered.get(name) {
        return Ok(Maker::Registered(*factory));
    }
    let known: Vec<&str> = BUILT_IN.into_iter().chain(registered.keys().copied()).collect();
    let list = known.join(", ");
    if LATER.contains(&name) {
        let message = format!("this version of cachekit has no {name} yet; CACHE_TYPE is one of {list}");
        return Err(Error::new(ErrorKind::Config, message));
    }
    // A dotted path, as Flask takes them, is shown by its last part, and a URL not at all: it may hold a password.
    let name = if name.contains("://") { "a URL (those go to CACHE_URL)" } else { name };
    let part = name.rsplit('.').next().unwrap_or(name);
    let hint = nearest(part, known.iter().copied()).map(|near| format!(" (did you mean {near}?)"));
    let message = format!("CACHE_TYPE is one of {list}, not {name}{}", hint.unwrap_or_default());
    Err(Error::new(ErrorKind::Config, message))
}

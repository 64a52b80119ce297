//! The settings of one cache, typed, and where they come from.
//!
//! [`keys`] knows every `CACHE_*` key ([`entries`] those of what entries look like), [`sources`] reads pairs, the
//! environment and URLs, [`file`] TOML, and [`backends`] the values of `CACHE_TYPE`. All of them end in [`Config`], where
//! the later setting wins.

mod backends;
pub(crate) mod duration;
mod entries;
#[cfg(feature = "toml")]
mod file;
mod keys;
#[cfg(feature = "network")]
mod network;
mod sources;
mod url;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Backend, Clock, Result, Timeout};

pub use self::backends::{BackendFactory, register_backend};
#[cfg(feature = "toml")]
pub use self::file::ConfigFile;
use crate::bytes::pack::Compression;
use crate::bytes::seal::Sealing;
use crate::bytes::seal::keys::Keys;
use crate::codec::{Bincode, Codec};
use crate::key::digest::{self, HashMethod};

#[doc = include_str!("../docs/config.md")]
#[derive(Clone, Default)]
#[must_use]
pub struct Config {
    backend: Option<String>,
    default_timeout: Option<Timeout>,
    threshold: Option<usize>,
    max_size: Option<usize>,
    key_prefix: Option<String>,
    source_check: Option<bool>,
    hash_method: Option<HashMethod>,
    codec: Option<Arc<dyn Codec>>,
    compression: Compression,
    sealing: Option<Sealing>,
    seal_keys: Option<Keys>,
    directory: Option<PathBuf>,
    mode: Option<u32>,
    flight_timeout: Option<Duration>,
    recovery: Option<usize>,
    recompute_limit: Option<usize>,
    no_null_warning: Option<bool>,
    #[cfg(feature = "network")]
    network: network::Network,
    #[cfg(feature = "redis")]
    redis: network::redis::Redis,
    #[cfg(feature = "memcached")]
    memcached: network::memcached::Memcached,
    #[cfg(feature = "uwsgi")]
    uwsgi: network::uwsgi::Uwsgi,
    options: BTreeMap<String, String>,
    /// A URL says where the cache is: what was known of another place, its password first of all, is not for this one.
    is_by_url: bool,
}

/// How long a caller waits for another's computation where nothing is set.
const FLIGHT_TIMEOUT: Duration = Duration::from_secs(10);

impl Config {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the backend by its name: `CACHE_TYPE`. An unknown name is an error when the cache is built.
    pub fn backend(mut self, name: impl Into<String>) -> Self {
        self.backend = Some(name.into());
        self
    }

    /// Sets how long entries live whose own timeout is not given, 300 seconds by default: `CACHE_DEFAULT_TIMEOUT`.
    pub fn default_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.default_timeout = Some(timeout.into());
        self
    }

    /// Sets the most entries that the backend keeps, 500 by default: `CACHE_THRESHOLD`.
    ///
    /// With `0`, `SimpleCache` keeps its default and `FileSystemCache` has no bound.
    pub fn threshold(mut self, entries: usize) -> Self {
        self.threshold = Some(entries);
        self
    }

    /// Sets the most entries that each memoized function keeps in this process: `CACHE_MAX_SIZE`. `0` keeps the
    /// default.
    pub fn max_size(mut self, entries: usize) -> Self {
        self.max_size = Some(entries).filter(|entries| *entries > 0);
        self
    }

    /// Sets what every key in the backend begins with, nothing by default: `CACHE_KEY_PREFIX`.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = Some(prefix.into());
        self
    }

    /// Sets whether a changed function forgets what it had cached, off by default: `CACHE_SOURCE_CHECK`.
    pub fn source_check(mut self, on: bool) -> Self {
        self.source_check = Some(on);
        self
    }

    /// Sets the digest of keys, md5 by default: `CACHE_HASH_METHOD`.
    pub fn hash_method(mut self, method: HashMethod) -> Self {
        self.hash_method = Some(method);
        self
    }

    /// Sets how values become bytes, [`Bincode`] by default: `CACHE_SERIALIZER`.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.codec = Some(Arc::new(codec));
        self
    }

    /// Sets the folder of `FileSystemCache`: `CACHE_DIR`.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Sets the mode of the files of `FileSystemCache`, 0600 by default: `CACHE_MODE`.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets how long a caller waits for another's computation before it computes itself, 10 seconds by default:
    /// `CACHE_FLIGHT_TIMEOUT`.
    pub fn flight_timeout(mut self, timeout: Duration) -> Self {
        self.flight_timeout = Some(timeout);
        self
    }

    /// Sets how many failed invalidations are kept and tried again, none by default: `CACHE_RECOVERY`. See
    /// [`CacheBuilder::recover`](crate::CacheBuilder::recover).
    pub fn recover(mut self, invalidations: usize) -> Self {
        self.recovery = Some(invalidations);
        self
    }

    /// Sets how many bodies of one function run at a time while the backend fails, no limit by default:
    /// `CACHE_RECOMPUTE_LIMIT`. See [`CacheBuilder::recompute_limit`](crate::CacheBuilder::recompute_limit).
    pub fn recompute_limit(mut self, bodies: usize) -> Self {
        self.recompute_limit = Some(bodies);
        self
    }

    /// Sets whether `NullCache` may be used without a warning, off by default: `CACHE_NO_NULL_WARNING`.
    pub fn no_null_warning(mut self, on: bool) -> Self {
        self.no_null_warning = Some(on);
        self
    }

    /// Adds the settings of another configuration, which win over these.
    pub fn merge(mut self, later: Self) -> Self {
        self.merge_from(later);
        self
    }

    /// Forgets where the cache is and how to log in there; what holds anywhere stays.
    fn leave_place(&mut self) {
        (self.directory, self.is_by_url) = (None, true);
        #[cfg(feature = "redis")]
        {
            self.redis = network::redis::Redis::default();
        }
        #[cfg(feature = "memcached")]
        {
            self.memcached = network::memcached::Memcached::default();
        }
        #[cfg(feature = "uwsgi")]
        {
            self.uwsgi = network::uwsgi::Uwsgi::default();
        }
    }

    fn merge_from(&mut self, later: Self) {
        fn win<T>(here: &mut Option<T>, later: Option<T>) {
            if later.is_some() {
                *here = later;
            }
        }
        let Self {
            backend,
            default_timeout,
            threshold,
            max_size,
            key_prefix,
            source_check,
            hash_method,
            codec,
            compression,
            sealing,
            seal_keys,
            directory,
            mode,
            flight_timeout,
            recovery,
            recompute_limit,
            no_null_warning,
            #[cfg(feature = "network")]
            network,
            #[cfg(feature = "redis")]
            redis,
            #[cfg(feature = "memcached")]
            memcached,
            #[cfg(feature = "uwsgi")]
            uwsgi,
            options,
            is_by_url,
        } = later;
        if is_by_url {
            self.leave_place();
        }
        win(&mut self.backend, backend);
        win(&mut self.default_timeout, default_timeout);
        win(&mut self.threshold, threshold);
        win(&mut self.max_size, max_size);
        win(&mut self.key_prefix, key_prefix);
        win(&mut self.source_check, source_check);
        win(&mut self.hash_method, hash_method);
        win(&mut self.codec, codec);
        self.compression = compression.over(self.compression);
        win(&mut self.sealing, sealing);
        win(&mut self.seal_keys, seal_keys);
        win(&mut self.directory, directory);
        win(&mut self.mode, mode);
        win(&mut self.flight_timeout, flight_timeout);
        win(&mut self.recovery, recovery);
        win(&mut self.recompute_limit, recompute_limit);
        win(&mut self.no_null_warning, no_null_warning);
        #[cfg(feature = "network")]
        self.network.merge_from(network);
        #[cfg(feature = "redis")]
        self.redis.overrule(redis);
        #[cfg(feature = "memcached")]
        self.memcached.merge_from(memcached);
        #[cfg(feature = "uwsgi")]
        self.uwsgi.merge_from(uwsgi);
        self.options.extend(options);
    }

    /// The name of the backend, `SimpleCache` if none is set.
    pub fn get_backend(&self) -> &str {
        self.backend.as_deref().unwrap_or(backends::DEFAULT)
    }

    /// The timeout of entries that have none of their own; never [`Timeout::Default`].
    pub fn get_default_timeout(&self) -> Timeout {
        self.default_timeout
            .unwrap_or_default()
            .or_default(Timeout::Default, &Clock::SYSTEM)
            .map_or(Timeout::Never, Timeout::After)
    }

    /// The most entries of the backend, if set.
    pub fn get_threshold(&self) -> Option<usize> {
        self.threshold
    }

    /// The most entries of each memoized function, if set.
    pub fn get_max_size(&self) -> Option<usize> {
        self.max_size
    }

    /// What every key begins with.
    pub fn get_key_prefix(&self) -> &str {
        self.key_prefix.as_deref().unwrap_or_default()
    }

    /// Whether a changed function forgets what it had cached.
    pub fn get_source_check(&self) -> bool {
        self.source_check.unwrap_or_default()
    }

    /// The digest of keys.
    pub fn get_hash_method(&self) -> HashMethod {
        self.hash_method.unwrap_or(digest::md5)
    }

    /// How values become bytes.
    pub fn get_codec(&self) -> Arc<dyn Codec> {
        self.codec.clone().unwrap_or_else(|| Arc::new(Bincode))
    }

    /// The folder, if set.
    pub fn get_directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The mode of files, if set.
    pub fn get_mode(&self) -> Option<u32> {
        self.mode
    }

    /// How long a caller waits for another's computation.
    pub fn get_flight_timeout(&self) -> Duration {
        self.flight_timeout.unwrap_or(FLIGHT_TIMEOUT)
    }

    /// How many failed invalidations are kept, if any.
    pub fn get_recovery(&self) -> Option<usize> {
        self.recovery.filter(|invalidations| *invalidations > 0)
    }

    /// How many bodies of one function run at a time while the backend fails, if there is a limit.
    pub fn get_recompute_limit(&self) -> Option<usize> {
        self.recompute_limit.filter(|bodies| *bodies > 0)
    }

    /// Whether `NullCache` may be used without a warning.
    pub fn get_no_null_warning(&self) -> bool {
        self.no_null_warning.unwrap_or_default()
    }

    /// An option of a registered backend, by its whole key; see [`register_backend`].
    pub fn get_option(&self, key: &str) -> Option<&str> {
        self.options.get(key).map(String::as_str)
    }

    /// Builds the backend. Nothing is connected to yet.
    pub(crate) fn build_backend(&self, clock: &Clock) -> Result<Arc<dyn Backend>> {
        backends::build(self, clock)
    }
}

impl fmt::Debug for Config {
    /// Shows what is set, but of the options only the names: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Config");
        macro_rules! fields {
            ($($field:ident)*) => {
                $(if let Some(value) = &self.$field {
                    debug.field(stringify!($field), value);
                })*
            };
        }
        fields! {
            backend default_timeout threshold max_size key_prefix source_check codec sealing seal_keys directory mode
            flight_timeout recovery recompute_limit no_null_warning
        }
        #[cfg(feature = "network")]
        debug.field("network", &self.network);
        #[cfg(feature = "redis")]
        debug.field("redis", &self.redis);
        #[cfg(feature = "memcached")]
        debug.field("memcached", &self.memcached);
        #[cfg(feature = "uwsgi")]
        debug.field("uwsgi", &self.uwsgi);
        if self.compression != Compression::default() {
            debug.field("compression", &self.compression);
        }
        if !self.options.is_empty() {
            debug.field("options", &self.options.keys());
        }
        debug.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! `Cache`: what a user holds: a backend with a key prefix, a default timeout and a codec.

mod builder;
mod entries;
mod forget;
mod get_or_insert;
mod operations;
mod stores;
mod tags;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cachekit_backends::{Backend, Capability, Clock, Result, ServerHealth, Timeout};

pub use self::builder::CacheBuilder;
pub use self::operations::{Loadable, Storable};
pub(crate) use self::stores::Stores;
use crate::bytes::form::Form;
use crate::bytes::known::Known;
use crate::bytes::refusal::Refusals;
use crate::bytes::sights::Sights;
use crate::codec::Codec;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::control::{Limits, Recovery};
use crate::key::digest::HashMethod;
use crate::near;
use crate::site::{Site, Types};
use crate::store::Store;
use crate::values::Values;

/// A cache: a backend with a key prefix, a default timeout and a codec. Clones share it.
///
/// Annotated functions use the installed ones ([`install`](crate::install)); its operations are Flask's, typed, each in
/// a sync and an async flavour.
///
/// ```
/// use cachekit::Cache;
///
/// let cache = Cache::builder().build();
/// cache.set("greeting", "hello", 60)?;
/// assert_eq!(cache.get::<String>("greeting")?, Some("hello".to_owned()));
/// assert_eq!(cache.inc("visits", 1)?, 1);
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
pub struct Cache {
    pub(crate) core: Arc<Core>,
    stores: Arc<Stores>,
}

/// The settings and the backend of a cache.
pub(crate) struct Core {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) capability: Capability,
    pub(crate) key_prefix: String,
    pub(crate) default_timeout: Timeout,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) form: Form,
    /// The stamps that the backend is known to have.
    pub(crate) known: Known,
    /// The entries that were born later than now.
    pub(crate) sights: Sights,
    pub(crate) hash_method: HashMethod,
    pub(crate) source_check: bool,
    /// The bound of a function's table where the function says none.
    pub(crate) max_size: usize,
    pub(crate) flight_timeout: Duration,
    pub(crate) clock: Clock,
    /// Whether a user wrote bytes under a key that a function in this process might ask for.
    pub(crate) seeded: AtomicBool,
    /// The invalidations that failed, where they are to be tried again.
    pub(crate) recovery: Option<Recovery>,
    /// The most bodies of a function that run at a time while the backend is down, where the function says none.
    pub(crate) recompute_limit: Option<usize>,
    pub(crate) limits: Limits,
    /// How loudly its failures are logged.
    pub(crate) complaints: Complaints,
}

impl Cache {
    /// Starts building a cache; what is not said is an in-process cache with the defaults.
    pub fn builder() -> CacheBuilder {
        CacheBuilder::default()
    }

    /// The cache that a configuration describes.
    ///
    /// # Errors
    ///
    /// When a setting is missing or cannot be used, or the backend cannot be built.
    pub fn from_config(config: &Config) -> Result<Self> {
        CacheBuilder::default().config(config).try_build()
    }

    /// The cache that a URL describes, such as `simple://?timeout=60` or `filesystem:///var/cache/app`.
    ///
    /// # Errors
    ///
    /// As [`from_config`](Self::from_config), and when the URL cannot be parsed.
    pub fn from_url(url: &str) -> Result<Self> {
        Self::from_config(&Config::from_url(url)?)
    }

    /// The cache that the `CACHE_*` variables of the environment describe.
    ///
    /// # Errors
    ///
    /// As [`from_config`](Self::from_config), and when a variable is unknown or cannot be parsed.
    pub fn from_env() -> Result<Self> {
        Self::from_config(&Config::from_env()?)
    }

    /// The backend.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.core.backend
    }

    /// The name under which the backend holds a key: the prefix and the key.
    pub fn backend_key(&self, key: &str) -> String {
        self.core.backend_key(key)
    }

    /// How often bytes in the backend were not taken for a value, by reason.
    ///
    /// Such an entry is a miss: it is computed and stored again. The first refusal of each kind is logged as a warning.
    /// What was invalidated or expired is no refusal.
    ///
    /// ```
    /// use cachekit::Cache;
    ///
    /// let cache = Cache::builder().build();
    /// cache.backend().set_many(&[("key", b"not ours")], None)?;
    /// assert_eq!(cache.get::<String>("key")?, None);
    /// assert_eq!(cache.refusals().foreign, 1);
    /// # Ok::<(), cachekit::Error>(())
    /// ```
    pub fn refusals(&self) -> Refusals {
        self.core.form.refusals()
    }

    /// How the servers behind the cache do, by their circuit breakers, as far as those who asked them know; none where it has
    /// no servers. Answers at once and sends nothing.
    ///
    /// ```
    /// use cachekit::{BreakerState, Cache, NullCache, testing::Faulty};
    ///
    /// assert!(Cache::builder().build().health().is_empty());
    /// let faulty = Faulty::new(NullCache);
    /// let cache = Cache::builder().backend(faulty.clone()).build();
    /// assert_eq!(cache.health()[0].breaker, BreakerState::Closed);
    /// faulty.fail(true);
    /// assert_eq!(cache.health()[0].breaker, BreakerState::Open);
    /// ```
    pub fn health(&self) -> Vec<ServerHealth> {
        self.core.backend.health()
    }

    /// How often an entry in the backend was read that was born later than now: this machine's clock is behind that of who
    /// wrote it, or went back.
    ///
    /// Such an entry is as old as this process has known it for: fresh for its timeout from then on, and no longer.
    pub fn clock_anomalies(&self) -> u64 {
        self.core.sights.anomalies()
    }

    /// The store of one instantiation of a function, made when it is first asked for.
    pub(crate) fn store(
        &self,
        site: &'static Site,
        types: Types,
        values: &'static Values,
    ) -> Option<Arc<Store>> {
        self.stores.get_or_new(&self.core, site, types, values)
    }

    /// The entries of a function in this process.
    pub(crate) fn entries_of(&self, site: &'static Site) -> Option<usize> {
        let in_process = site.options.local || self.core.capability.in_process;
        (in_process || near::is_wanted(&self.core, site))
            .then(|| self.stores.of(site).iter().filter_map(|store| store.entries()).sum())
    }

    pub(crate) fn stores(&self) -> &Stores {
        &self.stores
    }
}

impl Core {
    pub(crate) fn backend_key(&self, key: &str) -> String {
        [&*self.key_prefix, key].concat()
    }
}

// A panic elsewhere leaves a cache as it was between two operations; see `sync`.
impl std::panic::UnwindSafe for Cache {}
impl std::panic::RefUnwindSafe for Cache {}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("backend", &self.core.backend)
            .field("key_prefix", &self.core.key_prefix)
            .field("default_timeout", &self.core.default_timeout)
            .field("codec", &self.core.codec.name())
            .field("form", &self.core.form)
            .finish_non_exhaustive()
    }
}

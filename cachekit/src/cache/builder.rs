//! Building a cache in code.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Backend, Clock, Result, Timeout};

use super::stores::Stores;
use super::{Cache, Core};
use crate::bytes::form::Form;
use crate::bytes::known::Known;
use crate::bytes::pack::Compression;
use crate::bytes::seal::Seal;
use crate::bytes::sights::Sights;
use crate::codec::Codec;
use crate::complaints::Complaints;
use crate::config::Config;
use crate::control::{Limits, Recovery};
use crate::key::digest::HashMethod;

/// Builds a [`Cache`] in code.
///
/// ```
/// use cachekit::{Cache, SimpleCache};
/// use std::time::Duration;
///
/// let cache = Cache::builder()
///     .backend(SimpleCache::builder().threshold(10_000).build())
///     .key_prefix("app:")
///     .default_timeout(Duration::from_secs(60))
///     .build();
/// # let _ = cache;
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct CacheBuilder {
    config: Config,
    backend: Option<Arc<dyn Backend>>,
    clock: Clock,
}

/// Entries of a function's table where nobody says how many.
const MAX_SIZE: usize = 10_000;

impl CacheBuilder {
    /// Takes the settings of a configuration; what is said afterwards wins.
    pub fn config(mut self, config: &Config) -> Self {
        self.config = self.config.merge(config.clone());
        self
    }

    /// The backend.
    pub fn backend(self, backend: impl Backend) -> Self {
        self.shared_backend(Arc::new(backend))
    }

    /// A backend that others hold too.
    pub fn shared_backend(mut self, backend: Arc<dyn Backend>) -> Self {
        self.backend = Some(backend);
        self
    }

    /// What all keys in the backend begin with.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config = self.config.key_prefix(prefix);
        self
    }

    /// The lifetime of what is stored without one: seconds or a [`Duration`]; zero never expires.
    pub fn default_timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.config = self.config.default_timeout(timeout);
        self
    }

    /// How values become bytes.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.config = self.config.codec(codec);
        self
    }

    /// Whether large values are compressed in the backend.
    pub fn compress(mut self, compression: Compression) -> Self {
        self.config = self.config.compress(compression);
        self
    }

    /// Whether entries in the backend are authenticated or encrypted; what is not is a miss then.
    pub fn seal(mut self, seal: Seal) -> Self {
        self.config = self.config.seal(seal);
        self
    }

    /// The digest in the keys of memoized calls.
    pub fn hash_method(mut self, method: HashMethod) -> Self {
        self.config = self.config.hash_method(method);
        self
    }

    /// Whether keys change with the source of a function, where the function does not say.
    pub fn source_check(mut self, on: bool) -> Self {
        self.config = self.config.source_check(on);
        self
    }

    /// The most entries of each memoized function in this process, where the function does not say.
    pub fn max_size(mut self, entries: usize) -> Self {
        self.config = self.config.max_size(entries);
        self
    }

    /// How long a caller waits for another's computation of the same call before it computes itself.
    pub fn flight_timeout(mut self, patience: Duration) -> Self {
        self.config = self.config.flight_timeout(patience);
        self
    }

    #[doc = include_str!("../docs/recover.md")]
    pub fn recover(mut self, invalidations: usize) -> Self {
        self.config = self.config.recover(invalidations);
        self
    }

    #[doc = include_str!("../docs/recompute_limit.md")]
    pub fn recompute_limit(mut self, bodies: usize) -> Self {
        self.config = self.config.recompute_limit(bodies);
        self
    }

    /// The clock that lifetimes in this process and the ages of what is in the backend follow, and that of a backend which
    /// this builder makes. A server ends its entries by a clock of its own all the same.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If a configuration was taken in whose backend or seal cannot be built: use [`try_build`](Self::try_build) then.
    pub fn build(self) -> Cache {
        self.try_build().expect("the backend was given or is the in-process one")
    }

    /// Builds the cache, and its backend from the configuration.
    ///
    /// # Errors
    ///
    /// When the backend that the configuration names cannot be built, or its seal has no fitting keys.
    pub fn try_build(self) -> Result<Cache> {
        let Self { config, backend, clock } = self;
        let form = Form::new(config.get_compression(), config.get_seal()?);
        let backend = match backend {
            Some(backend) => backend,
            None => config.build_backend(&clock)?,
        };
        let core = Core {
            capability: backend.capability(),
            backend,
            key_prefix: config.get_key_prefix().to_owned(),
            default_timeout: config.get_default_timeout(),
            codec: config.get_codec(),
            form,
            known: Known::default(),
            sights: Sights::default(),
            hash_method: config.get_hash_method(),
            source_check: config.get_source_check(),
            max_size: config.get_max_size().or(config.get_threshold().filter(|n| *n > 0)).unwrap_or(MAX_SIZE),
            flight_timeout: config.get_flight_timeout(),
            clock,
            seeded: false.into(),
            recompute_limit: config.get_recompute_limit(),
            limits: Limits::default(),
            recovery: config.get_recovery().map(Recovery::new),
            complaints: Complaints::new(),
        };
        Ok(Cache { core: Arc::new(core), stores: Arc::new(Stores::default()) })
    }
}

impl fmt::Debug for CacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("config", &self.config)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}

//! `ResponseCache`: what a program holds of a cache of whole responses.

use std::fmt;
use std::sync::Arc;

use cachekit_backends::Result;

use super::engine::Engine;
use super::key::PageKey;
use super::settings::{ResponseCacheBuilder, Settings};
use crate::site::stats::SiteStats;

/// A cache of whole responses, for a tower layer or an actix middleware. Clones share it.
///
/// Its entries are in the installed [`Cache`](crate::Cache), under its name, like those of an annotated function; it is
/// listed with those in [`sites`](crate::sites).
///
/// ```
/// use cachekit::http::ResponseCache;
/// use std::time::Duration;
///
/// let pages = ResponseCache::builder("pages")
///     .timeout(60)
///     .stale_while_revalidate(Duration::from_secs(30))
///     .stale_if_error(Duration::from_secs(3600))
///     .build();
/// assert_eq!(pages.stats().hits, 0);
/// pages.forget("/items/7")?; // every host, query and variant
/// # Ok::<(), cachekit::Error>(())
/// ```
#[derive(Clone)]
pub struct ResponseCache {
    pub(crate) engine: Arc<Engine>,
}

impl ResponseCache {
    /// Starts building one. The name is part of its keys: caches of one name in several processes share their entries.
    pub fn builder(name: impl Into<String>) -> ResponseCacheBuilder {
        ResponseCacheBuilder::new(name.into())
    }

    pub(super) fn new(settings: Settings) -> Self {
        Self { engine: Arc::new(Engine::new(settings)) }
    }

    /// Forgets a path (`/items/7`): every host, query and variant of it. Once this has returned, nobody is served a
    /// response whose computation began before.
    ///
    /// # Errors
    ///
    /// When the backend fails: it may not be forgotten then.
    pub fn forget(&self, path: &str) -> Result<()> {
        self.engine.site.forget_instance(PageKey::path(path))
    }

    /// The async flavour of [`forget`](Self::forget).
    ///
    /// # Errors
    ///
    /// As [`forget`](Self::forget).
    pub async fn forget_async(&self, path: &str) -> Result<()> {
        self.engine.site.forget_instance_async(PageKey::path(path)).await
    }

    /// Forgets everything.
    ///
    /// # Errors
    ///
    /// When the backend fails: it may not be forgotten then.
    pub fn forget_all(&self) -> Result<()> {
        self.engine.site.forget()
    }

    /// The async flavour of [`forget_all`](Self::forget_all).
    ///
    /// # Errors
    ///
    /// As [`forget_all`](Self::forget_all).
    pub async fn forget_all_async(&self) -> Result<()> {
        self.engine.site.forget_async().await
    }

    /// Forgets a path that a request changed, if it succeeded. What cannot be forgotten is in the log: the response is
    /// the service's, and nobody else could be told.
    pub(crate) async fn changed(&self, path: &str, status: http::StatusCode) {
        if status.is_client_error() || status.is_server_error() {
            return;
        }
        if let Err(error) = self.forget_async(path).await {
            log::warn!(
                "{}: `{path}` was changed but cannot be forgotten: {error:#}",
                self.engine.site.name()
            );
        }
    }

    /// What happened so far: hits, misses and the like. A bypass is a request that the cache had nothing to do with.
    pub fn stats(&self) -> SiteStats {
        self.engine.site.stats()
    }
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseCache").field(&self.engine.settings).finish()
    }
}

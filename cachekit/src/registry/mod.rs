//! The caches of the program: the default one, named ones, and those that a scope puts in their place.

mod scope;
mod switch;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, RwLock};

use cachekit_backends::{Error, ErrorKind, NullCache};

use self::scope::scoped;
pub use self::scope::{Scope, ScopeGuard};
pub use self::switch::{is_enabled, set_enabled};
use crate::cache::Cache;
use crate::config::Config;
use crate::site;
use crate::sync::RwLockExt as _;

/// Counts installations, so that a function looks its cache up again only when one happened.
static GENERATION: AtomicU64 = AtomicU64::new(1);
/// Set in it while somebody listens to events, so that one load tells both.
const WATCHED: u64 = 1 << 63;
/// Set in it while caching is switched off.
const DISABLED: u64 = 1 << 62;
/// The cache that was installed.
static INSTALLED: OnceLock<Cache> = OnceLock::new();
/// The cache of a program that installs none.
static EMBEDDED: OnceLock<Cache> = OnceLock::new();
static NAMED: RwLock<Option<HashMap<String, Cache>>> = RwLock::new(None);

/// Why a cache was not installed, with the cache.
pub struct InstallError {
    cache: Cache,
    error: Error,
}

/// Makes a cache the default of the program. Only the first wins; before it, functions use what the environment
/// configures (`CACHE_*`), or an in-process cache.
///
/// # Errors
///
/// When a default is installed already; [`InstallError::into_cache`] gives the rejected one back.
pub fn install(cache: Cache) -> Result<(), InstallError> {
    INSTALLED
        .set(cache)
        .map_err(|cache| InstallError::new(cache, "expected no default cache to be installed yet"))?;
    renew();
    Ok(())
}

/// Installs a cache under a name, for functions with `cache = "name"`. Only the first of a name wins.
///
/// # Errors
///
/// When the name is taken; [`InstallError::into_cache`] gives the rejected cache back.
pub fn install_named(name: impl Into<String>, cache: Cache) -> Result<(), InstallError> {
    let name = name.into();
    let mut named = NAMED.writing();
    let named = named.get_or_insert_default();
    if named.contains_key(&name) {
        return Err(InstallError::new(
            cache,
            &format!("expected no cache named `{name}` to be installed yet"),
        ));
    }
    named.insert(name, cache);
    renew();
    Ok(())
}

/// The default cache: that of the scope around the caller, the installed one, or the one the environment configures.
pub fn current() -> Cache {
    scoped(None)
        .or_else(|| INSTALLED.get().cloned())
        .unwrap_or_else(|| EMBEDDED.get_or_init(embedded).clone())
}

/// The cache of a name, of the scope around the caller or installed.
pub fn named(name: &str) -> Option<Cache> {
    scoped(Some(name)).or_else(|| NAMED.reading().as_ref()?.get(name).cloned())
}

/// What the default cache is called beside those with names.
#[cfg(feature = "stats-page")]
pub(crate) const DEFAULT: &str = "the default cache";

/// All caches by name, the default one first.
#[cfg(feature = "stats-page")]
pub(crate) fn all() -> Vec<(String, Cache)> {
    let mut named: Vec<_> =
        NAMED.reading().iter().flatten().map(|(name, cache)| (name.clone(), cache.clone())).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    std::iter::once((DEFAULT.to_owned(), current())).chain(named).collect()
}

/// What a program gets that installs nothing. Bad settings in the environment are logged, not fatal: they must not
/// take the program down at its first cached call. They switch caching off: a cache in this process, where one that is
/// shared was meant, would never hear of what others forget.
fn embedded() -> Cache {
    Config::from_env().and_then(|config| Cache::from_config(&config)).unwrap_or_else(|error| {
        log::error!(
            "caching is off, because the environment configures no cache that can be used: {error:#}"
        );
        Cache::builder().backend(NullCache).build()
    })
}

/// The number of installations so far.
#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Ordering::Acquire) & !(WATCHED | DISABLED)
}

/// The number of installations so far; one that there never is while somebody listens to events or caching is off.
#[inline]
pub(crate) fn unwatched_generation() -> u64 {
    GENERATION.load(Ordering::Acquire)
}

/// Has every function look its cache up again.
pub(crate) fn renew() {
    GENERATION.fetch_add(1, Ordering::SeqCst);
    site::close_shortcuts();
}

/// Whether somebody listens to events.
pub(crate) fn is_watched() -> bool {
    GENERATION.load(Ordering::Relaxed) & WATCHED != 0
}

pub(crate) fn set_watched(watched: bool) {
    if watched {
        GENERATION.fetch_or(WATCHED, Ordering::SeqCst);
        site::close_shortcuts();
    } else {
        GENERATION.fetch_and(!WATCHED, Ordering::SeqCst);
    }
}

impl InstallError {
    fn new(cache: Cache, message: &str) -> Self {
        Self { cache, error: Error::new(ErrorKind::Conflict, message) }
    }

    /// The cache that was not installed.
    pub fn into_cache(self) -> Cache {
        self.cache
    }
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl std::error::Error for InstallError {}

impl From<InstallError> for Error {
    fn from(rejected: InstallError) -> Self {
        rejected.error
    }
}

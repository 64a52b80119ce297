//! Async functions.

use std::collections::BTreeMap;
use std::future::ready;
use std::hash::Hash;
use std::pin::Pin;

use async_trait::async_trait;
use cachekit::{cached, delete_memoized, memoize, methods};

/// Waits.
#[memoize]
pub async fn plain(a: u8) -> u8 {
    ready(a).await
}

/// Waits for much.
///
/// # Errors
///
/// When it is empty.
#[memoize(unless = a.is_empty(), is_stale = |value| value == &Ok(0))]
pub async fn generic<T: Hash + Send + Sync, const N: usize>(
    a: &str,
    t: T,
    (b, _): (u8, u8),
    what: impl Hash + Send + Sync,
) -> Result<usize, String> {
    let _ = (t, what);
    if a.is_empty() { Err(String::new()) } else { Ok(ready(a.len()).await + usize::from(b) + N) }
}

/// Waits for many ids.
///
/// # Errors
///
/// When there are none.
#[memoize(batch)]
pub async fn batch(ids: &[u64], what: impl Hash + Clone + Send + Sync) -> Result<BTreeMap<u64, u64>, String> {
    let _ = what;
    if ids.is_empty() {
        return Err(String::new());
    }
    Ok(ready(ids).await.iter().map(|id| (*id, *id)).collect())
}

/// Boxed by hand, for many ids.
#[memoize(batch)]
#[must_use]
pub fn boxed_batch(ids: &[u64]) -> Pin<Box<dyn Future<Output = BTreeMap<u64, u64>> + Send + '_>> {
    Box::pin(async move { ready(ids).await.iter().map(|id| (*id, *id)).collect() })
}

/// Boxed by hand.
#[memoize]
#[must_use]
pub fn boxed(a: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(async move { ready(a).await })
}

/// A page.
#[cached(timeout = 50)]
pub async fn index() -> String {
    ready(String::new()).await
}

/// Fetches.
#[async_trait]
pub trait Fetch {
    /// Fetches.
    async fn fetch(&self, key: &str) -> Result<u8, String>;
}

/// One that keeps the attribute below.
#[derive(Debug, Hash)]
pub struct Below(u8);

#[async_trait]
impl Fetch for Below {
    #[memoize]
    async fn fetch(&self, key: &str) -> Result<u8, String> {
        ready(key.parse().map_err(|_| String::new())).await
    }
}

/// One that keeps it above.
#[derive(Debug, Hash)]
pub struct Above(u8);

#[methods]
#[async_trait]
impl Fetch for Above {
    #[memoize]
    async fn fetch(&self, key: &str) -> Result<u8, String> {
        ready(key.parse().map_err(|_| String::new())).await
    }
}

/// Forgets.
///
/// # Errors
///
/// When it cannot.
pub async fn forget() -> Result<(), cachekit::Error> {
    delete_memoized!(plain, 1).await?;
    delete_memoized!(Above(1).fetch).await
}

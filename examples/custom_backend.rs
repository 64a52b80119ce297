//! A backend of one's own: a few functions over bytes, and configuration can choose it by its name.
//!
//! `cargo test -p cachekit-examples --example custom_backend` runs the conformance kit on it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cachekit::{
    Backend, Cache, Capability, Config, Error, ErrorKind, Result, Seen, memoize, register_backend,
};

/// Bytes, and when they expire.
type Entries = HashMap<String, (Vec<u8>, Option<Instant>)>;

/// A map behind a lock.
#[derive(Default)]
struct MapCache {
    entries: Mutex<Entries>,
}

impl fmt::Debug for MapCache {
    /// Shows no values: they may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapCache").field("entries", &self.live().len()).finish()
    }
}

impl MapCache {
    /// The entries that are alive.
    fn live(&self) -> MutexGuard<'_, Entries> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        entries.retain(|_, (_, expires)| expires.is_none_or(|expires| now < expires));
        entries
    }
}

/// The moment a lifetime from now; one too long to be told never ends.
fn expiry(lifetime: Option<Duration>) -> Option<Instant> {
    Instant::now().checked_add(lifetime?)
}

impl Backend for MapCache {
    fn name(&self) -> &'static str {
        "MapCache"
    }

    fn capability(&self) -> Capability {
        let mut capability = Capability::NONE;
        capability.stores = true;
        capability.compare_and_set = true;
        capability.atomic_increment = true;
        capability.exact_expiry = true;
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        let live = self.live();
        Ok(keys.iter().map(|key| live.get(*key).map(|(value, _)| value.clone())).collect())
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        let mut live = self.live();
        for (key, value) in items {
            live.insert((*key).to_owned(), (value.to_vec(), expiry(lifetime)));
        }
        Ok(vec![true; items.len()])
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.compare_and_set(key, None, value, lifetime)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let mut live = self.live();
        let as_seen = match (live.get(key), seen) {
            (None, None) => true,
            (Some((found, _)), Some(seen)) => found.starts_with(seen.head),
            _ => false,
        };
        if as_seen {
            live.insert(key.to_owned(), (value.to_vec(), expiry(lifetime)));
        }
        Ok(as_seen)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let mut live = self.live();
        Ok(keys.iter().map(|key| live.remove(*key).is_some()).collect())
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        let wrong = |what| Error::new(ErrorKind::Type, what).with_context("key", key);
        let mut live = self.live();
        let (value, expires) = live.get(key).cloned().unwrap_or_else(|| (b"0".to_vec(), expiry(lifetime)));
        let text = String::from_utf8(value).unwrap_or_default();
        let number: Option<i64> = text.parse().ok();
        // `+5` and `05` are numbers to Rust, but not as backends write them.
        let number =
            number.filter(|number| number.to_string() == text).ok_or_else(|| wrong("expected an integer"))?;
        let sum = number.checked_add(delta).ok_or_else(|| wrong("expected a sum that fits 64 bits"))?;
        live.insert(key.to_owned(), (sum.to_string().into_bytes(), expires));
        Ok(sum)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.live().retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }
}

#[memoize]
fn square(n: u64) -> u64 {
    println!("  computing {n} squared");
    n * n
}

fn main() -> Result<()> {
    // In code: `Cache::builder().backend(MapCache::default()).build()`. By configuration, from wherever it comes:
    register_backend("MapCache", |_| Ok(Arc::new(MapCache::default())))?;
    let config = Config::from_map([("CACHE_TYPE", "MapCache"), ("CACHE_KEY_PREFIX", "app:")])?;
    let cache = Cache::from_config(&config)?;
    cachekit::install(cache.clone())?;

    println!("{} {}", square(12), square(12));
    println!("kept in {} under {}", cache.backend().name(), cache.backend_key(&square::make_cache_key(12)));
    println!("visits: {} {}", cache.inc("visits", 1)?, cache.inc("visits", 1)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use cachekit::testkit;

    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        testkit::run(&testkit::Target::new("MapCache", |_| Ok(Arc::new(MapCache::default()))));
    }
}

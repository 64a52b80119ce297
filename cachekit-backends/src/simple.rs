//! The in-process store of bytes.

use std::fmt;
use std::time::Duration;

use crate::table::{Change, KeyStream};
use crate::{
    Backend, Capability, Clock, Error, ErrorKind, Moment, OwnedKey, Result, Seen, Table, TableConfig, Target,
};

/// Bytes in this process, in a [`Table`]: the default backend.
///
/// Source: `SimpleCache` of Flask-Caching, whose threshold (500 by default, also for 0) it keeps. Unlike it, the
/// threshold is never exceeded, expired entries are reclaimed without being asked for, and what never expires is not
/// evicted first.
pub struct SimpleCache {
    table: Table<Vec<u8>>,
}

/// Builds a [`SimpleCache`].
#[derive(Clone, Debug)]
pub struct SimpleCacheBuilder {
    threshold: usize,
    clock: Clock,
}

impl SimpleCache {
    /// The threshold where none is given.
    pub const THRESHOLD: usize = 500;

    /// A cache with the default threshold.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts building a cache.
    pub fn builder() -> SimpleCacheBuilder {
        SimpleCacheBuilder { threshold: Self::THRESHOLD, clock: Clock::SYSTEM }
    }

    fn expiry(&self, lifetime: Option<Duration>) -> Moment {
        self.table.clock().now().after(lifetime)
    }
}

impl Default for SimpleCache {
    fn default() -> Self {
        Self::new()
    }
}

impl SimpleCacheBuilder {
    /// The most entries the cache holds; 0 stands for the default.
    #[must_use]
    pub fn threshold(mut self, entries: usize) -> Self {
        self.threshold = if entries == 0 { SimpleCache::THRESHOLD } else { entries };
        self
    }

    /// The clock that lifetimes follow.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the cache.
    pub fn build(self) -> SimpleCache {
        SimpleCache { table: Table::new(TableConfig { capacity: self.threshold, clock: self.clock }) }
    }
}

/// A key fed as one block of bytes, so that an entry's bytes begin with a known header and end with the key.
struct Text<'a>(&'a str);

impl KeyStream for Text<'_> {
    fn feed<H: std::hash::Hasher>(&self, sink: &mut H) {
        sink.write(self.0.as_bytes());
    }
}

/// The text of a key made from [`Text`], encoded, without its tag.
fn text_of(key: &[u8]) -> &[u8] {
    key.get(8..).unwrap_or_default()
}

impl Backend for SimpleCache {
    fn name(&self) -> &'static str {
        "SimpleCache"
    }

    fn capability(&self) -> Capability {
        Capability {
            stores: true,
            in_process: true,
            compare_and_set: true,
            atomic_increment: true,
            in_order: true,
            exact_expiry: true,
            manual_clock: true,
            counts_entries: true,
            ..Capability::NONE
        }
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        Ok(keys.iter().map(|key| self.table.get(&Text(key))).collect())
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        for (key, value) in items {
            self.table.insert(&OwnedKey::of(&Text(key)), value.to_vec(), lifetime);
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
        let expires = self.expiry(lifetime);
        Ok(self.table.update(&OwnedKey::of(&Text(key)), |found| {
            let as_seen = match (found, seen) {
                (None, None) => true,
                (Some((found, _)), Some(seen)) => found.starts_with(seen.head),
                _ => false,
            };
            if as_seen { (Change::Put(value.to_vec(), expires), true) } else { (Change::Keep, false) }
        }))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(keys.iter().map(|key| self.table.invalidate(Target::Key(&OwnedKey::of(&Text(key))))).collect())
    }

    fn has_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(keys.iter().map(|key| self.table.read(&Text(key), |_| ()).is_some()).collect())
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        let fresh = self.expiry(lifetime);
        self.table.update(&OwnedKey::of(&Text(key)), |found| {
            let (old, expires) = match found {
                None => (Some(0), fresh),
                Some((bytes, expires)) => (parse_integer(bytes), expires),
            };
            match old.and_then(|old| old.checked_add(delta)) {
                Some(sum) => (Change::Put(sum.to_string().into_bytes(), expires), Ok(sum)),
                None => (Change::Keep, Err(not_an_integer(key))),
            }
        })
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        if prefix.is_empty() {
            self.table.invalidate(Target::All);
        } else {
            self.table.remove_if(|key| text_of(key).starts_with(prefix.as_bytes()));
        }
        Ok(())
    }

    fn entries(&self) -> Option<usize> {
        Some(self.table.len())
    }
}

impl fmt::Debug for SimpleCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimpleCache").field(&self.table).finish()
    }
}

/// The integer that ASCII decimal bytes stand for, in the one form that Redis takes: no plus, no leading zeros.
pub(crate) fn parse_integer(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().filter(|integer: &i64| integer.to_string() == text)
}

/// The error of an increment on something else.
pub(crate) fn not_an_integer(key: &str) -> Error {
    Error::new(ErrorKind::Type, "expected a 64-bit integer that the sum fits in").with_context("key", key)
}

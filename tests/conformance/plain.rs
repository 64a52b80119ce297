//! A backend as a third party may write it: the least that the contract asks for, and no capability beyond.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cachekit::{Backend, Capability, Clock, Error, ErrorKind, Result, Seen};
use cachekit_backends::Moment;

/// A map behind a lock. Once it is full, it takes nothing new.
pub(crate) struct Plain {
    entries: Mutex<HashMap<String, (Vec<u8>, Moment)>>,
    most: usize,
    clock: Clock,
    is_manual: bool,
}

impl Plain {
    pub(crate) fn new(most: usize, clock: Clock) -> Self {
        Self { entries: Mutex::default(), most, clock, is_manual: true }
    }

    /// One that no test can move the clock of, as if it were outside this process.
    #[allow(dead_code, reason = "not for every test that has this file")]
    pub(crate) fn by_the_machines_clock(most: usize) -> Self {
        Self { is_manual: false, ..Self::new(most, Clock::SYSTEM) }
    }

    /// The entries that are alive.
    fn live(&self) -> MutexGuard<'_, HashMap<String, (Vec<u8>, Moment)>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        entries.retain(|_, (_, expires)| now < *expires);
        entries
    }

    fn put(&self, key: &str, value: &[u8], expires: Moment) -> bool {
        let mut entries = self.live();
        let fits = entries.len() < self.most || entries.contains_key(key);
        if fits {
            entries.insert(key.to_owned(), (value.to_vec(), expires));
        }
        fits
    }
}

impl Backend for Plain {
    fn name(&self) -> &'static str {
        "Plain"
    }

    fn capability(&self) -> Capability {
        let mut capability = Capability::NONE;
        capability.stores = true;
        capability.exact_expiry = true;
        capability.manual_clock = self.is_manual;
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        let entries = self.live();
        Ok(keys.iter().map(|key| entries.get(*key).map(|(value, _)| value.clone())).collect())
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        let expires = self.clock.now().after(lifetime);
        Ok(items.iter().map(|(key, value)| self.put(key, value, expires)).collect())
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        let mut entries = self.live();
        let is_new = !entries.contains_key(key) && entries.len() < self.most;
        if is_new {
            entries.insert(key.to_owned(), (value.to_vec(), self.clock.now().after(lifetime)));
        }
        Ok(is_new)
    }

    fn compare_and_set(&self, _: &str, _: Option<Seen<'_>>, _: &[u8], _: Option<Duration>) -> Result<bool> {
        Err(Error::new(ErrorKind::Unsupported, "this backend compares nothing"))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let mut entries = self.live();
        Ok(keys.iter().map(|key| entries.remove(*key).is_some()).collect())
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        let found = self.live().get(key).cloned();
        let (old, expires) = match found {
            None => (Some(0), self.clock.now().after(lifetime)),
            Some((text, expires)) => (integer(&text), expires),
        };
        let sum = old.and_then(|old| old.checked_add(delta));
        let sum =
            sum.ok_or_else(|| Error::new(ErrorKind::Type, "expected an integer that the sum fits in"))?;
        self.put(key, sum.to_string().as_bytes(), expires);
        Ok(sum)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.live().retain(|key, _| !key.starts_with(prefix));
        Ok(())
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|n: &i64| n.to_string() == text)
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain").finish_non_exhaustive()
    }
}

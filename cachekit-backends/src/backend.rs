//! The contract between cachekit and a store of bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Answer, Capability, Listener, Result, ServerHealth, Watch};

/// What a store holds under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read {
    /// The bytes.
    pub value: Vec<u8>,
    /// What the store itself knows this version of the entry by, where it has such a thing.
    pub token: Option<u64>,
}

impl Read {
    /// What a store without tokens holds.
    pub fn new(value: Vec<u8>) -> Self {
        Self { value, token: None }
    }

    /// Sets the token.
    #[must_use]
    pub fn token(mut self, token: u64) -> Self {
        self.token = Some(token);
        self
    }
}

/// What a caller saw under a key before it stores something there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// What the bytes began with.
    pub head: &'a [u8],
    /// The token that came with them.
    pub token: Option<u64>,
}

impl<'a> Seen<'a> {
    /// Bytes that begin so.
    pub fn new(head: &'a [u8]) -> Self {
        Self { head, token: None }
    }

    /// Sets the token, where one came with the bytes.
    #[must_use]
    pub fn token(mut self, token: Option<u64>) -> Self {
        self.token = token;
        self
    }
}

/// What is to be stored under a key, and what was seen there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swap<'a> {
    /// Where it is stored.
    pub key: &'a str,
    /// What must still be there: no live entry if this is `None`.
    pub seen: Option<Seen<'a>>,
    /// What is stored.
    pub value: &'a [u8],
    /// How long it lives; `None` never expires.
    pub lifetime: Option<Duration>,
}

impl<'a> Swap<'a> {
    /// A value that never expires, for where nothing is.
    pub fn new(key: &'a str, value: &'a [u8]) -> Self {
        Self { key, seen: None, value, lifetime: None }
    }

    /// Sets what must still be there.
    #[must_use]
    pub fn seen(mut self, seen: Option<Seen<'a>>) -> Self {
        self.seen = seen;
        self
    }

    /// Sets how long the value lives.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Option<Duration>) -> Self {
        self.lifetime = lifetime;
        self
    }
}

/// What became of several things that were done one by one: a failure only counts where all failed.
pub(crate) fn each(outcomes: Vec<Result<bool>>) -> Result<Vec<bool>> {
    let mut failure = None;
    let mut any = outcomes.is_empty();
    let mut done = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        any |= outcome.is_ok();
        done.push(match outcome {
            Ok(done) => done,
            Err(error) => {
                log::debug!("one of several entries could not be stored: {error:#}");
                failure.get_or_insert(error);
                false
            }
        });
    }
    match failure {
        Some(failure) if !any => Err(failure),
        _ => Ok(done),
    }
}

/// The bytes of what was read.
#[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
pub(crate) fn values(found: Vec<Option<Read>>) -> Vec<Option<Vec<u8>>> {
    found.into_iter().map(|read| read.map(|read| read.value)).collect()
}

fn reads(found: Vec<Option<Vec<u8>>>) -> Vec<Option<Read>> {
    found.into_iter().map(|value| value.map(Read::new)).collect()
}

/// A store of bytes under string keys, for a while.
///
/// Every operation comes in a blocking and an async flavour. A store in this process implements the blocking one; its
/// async twin answers at once. A store behind a network implements both and shares everything but the moving of bytes.
///
/// Rules for all: a missing or expired entry is `Ok(None)` or `Ok(false)`, never an error. Keys reach the backend
/// complete, prefix included. A lifetime of `None` never expires. Nothing panics. `Debug` shows no secret.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The name of the store in configuration, such as `"SimpleCache"`.
    fn name(&self) -> &'static str;

    /// What the store can do.
    fn capability(&self) -> Capability;

    /// The values under `keys`, in their order.
    ///
    /// # Errors
    ///
    /// When the store fails. Damaged or foreign data is not an error but `None`.
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>>;

    /// As [`get_many`](Self::get_many), with the tokens of the entries where the store has some. What
    /// [`compare_and_set`](Self::compare_and_set) is to decide by is read with this.
    ///
    /// # Errors
    ///
    /// As [`get_many`](Self::get_many).
    fn read_many(&self, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        Ok(reads(self.get_many(keys)?))
    }

    /// Adds each of `new` (key, value, lifetime) where no live entry is, then reads as [`read_many`](Self::read_many): in
    /// one exchange, where the store can.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add) and [`get_many`](Self::get_many).
    fn add_and_read(
        &self,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        for (key, value, lifetime) in new {
            self.add(key, value, *lifetime)?;
        }
        self.read_many(keys)
    }

    /// Stores each value under its key, replacing what is there; one `bool` per item says whether it is stored now.
    ///
    /// # Errors
    ///
    /// When nothing could be stored; a failure of single items is their `false`.
    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>>;

    /// Stores the value only where no live entry is; says whether it did. An expired entry is no entry.
    ///
    /// # Errors
    ///
    /// When the store fails.
    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool>;

    /// Stores the value only if what is under the key is still what the caller saw: no live entry (`None`), the very
    /// entry that had the token, or, where no token came with it, an entry whose bytes begin with the head. Says whether
    /// it did.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the capability is missing; otherwise when the store fails.
    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool>;

    /// As [`compare_and_set`](Self::compare_and_set) for each of `swaps`, in their order and each for itself; one `bool`
    /// per swap says whether it stored. One exchange with each server, where the store can.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the capability is missing; otherwise when nothing could be
    /// asked; a failure of single swaps is their `false`.
    fn compare_and_set_many(&self, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        each(swaps.iter().map(|s| self.compare_and_set(s.key, s.seen, s.value, s.lifetime)).collect())
    }

    /// Removes each key; one `bool` per key says whether a live entry was there.
    ///
    /// # Errors
    ///
    /// When the store fails; it has tried all keys then.
    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>>;

    /// Whether a live entry is under each key.
    ///
    /// # Errors
    ///
    /// When the store fails.
    fn has_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(self.get_many(keys)?.iter().map(Option::is_some).collect())
    }

    /// Adds `delta` to the integer under the key, which keeps its lifetime; a missing one is created as `delta` with
    /// `lifetime`. Returns the new value. Integers are ASCII decimal, as Redis keeps them.
    ///
    /// # Errors
    ///
    /// [`Type`](crate::ErrorKind::Type) if the value is no such integer or the sum does not fit 64 bits.
    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64>;

    /// Removes every entry whose key begins with `prefix`, and nothing else.
    ///
    /// # Errors
    ///
    /// When the store fails; some entries may be gone then.
    fn clear(&self, prefix: &str) -> Result<()>;

    /// The number of live entries, where the store knows it cheaply.
    fn entries(&self) -> Option<usize> {
        None
    }

    /// How the servers behind the store do; none for a store that has none, or does not know. Answers at once.
    fn health(&self) -> Vec<ServerHealth> {
        Vec::new()
    }

    /// Begins to tell `listener` what changes under the keys that begin with `prefix`, by anybody, until the [`Watch`] is
    /// dropped; it may hear of other keys too. Returns at once: what takes time goes on elsewhere, and the listener
    /// hears when it [`began`](Listener::began). While changes cannot be told the store tries to come back by itself.
    ///
    /// `None` where the capability is missing.
    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        let _ = (prefix, listener);
        None
    }

    /// The async flavour of [`get_many`](Self::get_many).
    fn get_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<Option<Vec<u8>>>>> {
        Answer::ready(self.get_many(keys))
    }

    /// The async flavour of [`read_many`](Self::read_many).
    fn read_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<Option<Read>>>> {
        match self.get_many_async(keys) {
            Answer::Ready(found) => Answer::Ready(found.map(|found| found.map(reads))),
            Answer::Later(found) => Answer::later(async move { Ok(reads(found.await?)) }),
        }
    }

    /// The async flavour of [`add_and_read`](Self::add_and_read).
    fn add_and_read_async<'a>(
        &'a self,
        new: &'a [(&'a str, &'a [u8], Option<Duration>)],
        keys: &'a [&'a str],
    ) -> Answer<'a, Result<Vec<Option<Read>>>> {
        if !self.capability().may_block {
            return Answer::ready(self.add_and_read(new, keys));
        }
        Answer::later(async move {
            for (key, value, lifetime) in new {
                self.add_async(key, value, *lifetime).await?;
            }
            self.read_many_async(keys).await
        })
    }

    /// The async flavour of [`set_many`](Self::set_many).
    fn set_many_async<'a>(
        &'a self,
        items: &'a [(&'a str, &'a [u8])],
        lifetime: Option<Duration>,
    ) -> Answer<'a, Result<Vec<bool>>> {
        Answer::ready(self.set_many(items, lifetime))
    }

    /// The async flavour of [`add`](Self::add).
    fn add_async<'a>(
        &'a self,
        key: &'a str,
        value: &'a [u8],
        lifetime: Option<Duration>,
    ) -> Answer<'a, Result<bool>> {
        Answer::ready(self.add(key, value, lifetime))
    }

    /// The async flavour of [`compare_and_set`](Self::compare_and_set).
    fn compare_and_set_async<'a>(
        &'a self,
        key: &'a str,
        seen: Option<Seen<'a>>,
        value: &'a [u8],
        lifetime: Option<Duration>,
    ) -> Answer<'a, Result<bool>> {
        Answer::ready(self.compare_and_set(key, seen, value, lifetime))
    }

    /// The async flavour of [`compare_and_set_many`](Self::compare_and_set_many).
    fn compare_and_set_many_async<'a>(&'a self, swaps: &'a [Swap<'a>]) -> Answer<'a, Result<Vec<bool>>> {
        if !self.capability().may_block {
            return Answer::ready(self.compare_and_set_many(swaps));
        }
        Answer::later(async move {
            let mut outcomes = Vec::with_capacity(swaps.len());
            for s in swaps {
                outcomes.push(self.compare_and_set_async(s.key, s.seen, s.value, s.lifetime).await);
            }
            each(outcomes)
        })
    }

    /// The async flavour of [`delete_many`](Self::delete_many).
    fn delete_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<bool>>> {
        Answer::ready(self.delete_many(keys))
    }

    /// The async flavour of [`has_many`](Self::has_many).
    fn has_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<bool>>> {
        Answer::ready(self.has_many(keys))
    }

    /// The async flavour of [`increment`](Self::increment).
    fn increment_async<'a>(
        &'a self,
        key: &'a str,
        delta: i64,
        lifetime: Option<Duration>,
    ) -> Answer<'a, Result<i64>> {
        Answer::ready(self.increment(key, delta, lifetime))
    }

    /// The async flavour of [`clear`](Self::clear).
    fn clear_async<'a>(&'a self, prefix: &'a str) -> Answer<'a, Result<()>> {
        Answer::ready(self.clear(prefix))
    }
}

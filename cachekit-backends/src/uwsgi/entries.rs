//! Entries as the server has them: framed, under its keys, beside the record of what was cleared.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Inner;
use super::protocol::{self, Command, Reply};
use super::wire::{Request, Requests, WIDTH};
use crate::framed::{Epoch, Expiry, Frame, Kind, Registry, now_ms};
use crate::net::{Flavour, Repeat};
use crate::{Error, ErrorKind, Result};

/// What cachekit's own keys begin with; a key of a user's that begins so gets it once more.
const RESERVED: char = '\u{1}';
/// The key of the record of what was cleared.
pub(super) const REGISTRY: &str = "\u{1}cachekit:registry";
/// From here on a lifetime is for ever to the server: more than 30 years, and what it computes with fits 32 bits.
const FOR_EVER: u64 = 1_000_000_000;

/// What is under a key.
pub(super) enum Found {
    /// No entry.
    Nothing,
    /// One that is expired or was cleared, or none of ours.
    Dead,
    /// An entry.
    Live(Frame),
}

impl Inner {
    pub(super) fn request(
        &self,
        command: Command,
        key: &str,
        value: &[u8],
        seconds: Option<u64>,
    ) -> Result<Request> {
        let seconds = seconds.filter(|seconds| *seconds < FOR_EVER);
        let message = protocol::request(command, &self.cache, key, value, seconds)?;
        Ok(Request { command, message })
    }

    /// Asks all, a few side by side; answers in the order of the requests.
    pub(super) async fn ask(&self, flavour: Flavour, requests: Vec<Request>) -> Result<Vec<Reply>> {
        let mut replies = Vec::with_capacity(requests.len());
        let mut requests = requests.into_iter();
        while requests.len() > 0 {
            let side_by_side: Requests = requests.by_ref().take(WIDTH).collect();
            replies.extend(self.server.call(flavour, side_by_side, Repeat::No).await?);
        }
        Ok(replies)
    }

    /// What is under the keys, and the record of what was cleared.
    pub(super) async fn look(
        &self,
        flavour: Flavour,
        keys: &[&str],
    ) -> Result<(Vec<Found>, Option<Arc<Registry>>)> {
        if keys.is_empty() {
            return Ok((Vec::new(), None));
        }
        let all =
            [Ok(Cow::Borrowed(REGISTRY))].into_iter().chain(keys.iter().map(|key| Ok(stored_under(key))));
        let requests: Result<Vec<_>> =
            all.map(|key: Result<Cow<'_, str>>| self.request(Command::Get, &key?, b"", None)).collect();
        let mut replies = self.ask(flavour, requests?).await?.into_iter();
        let registry = self.note(replies.next());
        let now = now_ms();
        let found = keys.iter().zip(replies).map(|(key, reply)| match reply {
            Reply::Value(stored) => match (Frame::parse(stored), &registry) {
                (Some(frame), Some(registry))
                    if frame.kind == Kind::Value
                        && !frame.has_expired(now)
                        && !registry.kills(key, frame.epoch) =>
                {
                    Found::Live(frame)
                }
                _ => Found::Dead,
            },
            Reply::TooLong => Found::Dead,
            Reply::Nothing | Reply::Done => Found::Nothing,
        });
        Ok((found.collect(), registry))
    }

    /// Notes what was found under the registry's key.
    pub(super) fn note(&self, found: Option<Reply>) -> Option<Arc<Registry>> {
        self.known.note(match found {
            Some(Reply::Value(bytes)) => Registry::parse(&bytes),
            _ => None,
        })
    }

    /// The registry as far as it is known, which is made if there is none.
    pub(super) async fn registry(&self, flavour: Flavour) -> Result<Arc<Registry>> {
        match self.known.get() {
            Some(known) => Ok(known),
            None => self.establish(flavour).await,
        }
    }

    /// The registry that the server has, which is made if there is none.
    pub(super) async fn establish(&self, flavour: Flavour) -> Result<Arc<Registry>> {
        for _ in 0..3 {
            let get = self.request(Command::Get, REGISTRY, b"", None)?;
            let reply = self.ask(flavour, vec![get]).await?.pop();
            // What is no registry is in the way of one.
            let make = if reply == Some(Reply::Nothing) { Command::Set } else { Command::Update };
            if let Some(registry) = self.note(reply) {
                return Ok(registry);
            }
            let fresh = Registry::fresh();
            let request = self.request(make, REGISTRY, &fresh.to_bytes(), None)?;
            if self.ask(flavour, vec![request]).await? == [Reply::Done] {
                return Ok(self.known.note(Some(fresh.clone())).unwrap_or_else(|| Arc::new(fresh)));
            }
            // Somebody was faster, or the server refuses.
        }
        Err(self.refused())
    }

    /// Stores each value under its key; of equal keys the last one.
    pub(super) async fn put(
        &self,
        flavour: Flavour,
        items: &[(&str, &[u8])],
        expiry: Expiry,
    ) -> Result<Vec<bool>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let last: HashMap<&str, &[u8]> = items.iter().copied().collect();
        let mut wanted: Vec<(&str, &[u8])> = last
            .iter()
            .map(|(key, value)| (*key, *value))
            .filter(|(_, value)| self.check_size(value).is_ok())
            .collect();
        let mut stored = HashSet::new();
        let mut epoch = self.registry(flavour).await?.epoch();
        // What is dead on arrival was written in an epoch that is over: once more, in the one that was found. If that is
        // over by then, too, somebody clears just now, after this was stored.
        for _ in 0..2 {
            let mut requests = vec![self.request(Command::Get, REGISTRY, b"", None)?];
            for (key, value) in &wanted {
                let value = framed(value, epoch, expiry);
                requests.push(self.request(Command::Update, &stored_under(key), &value, expiry.seconds)?);
            }
            let mut replies = self.ask(flavour, requests).await?.into_iter();
            let found = self.note(replies.next());
            wanted.retain(|(key, _)| {
                let is_stored = replies.next() == Some(Reply::Done);
                if is_stored {
                    stored.insert(*key)
                } else {
                    stored.remove(key)
                };
                is_stored
            });
            let current = match found {
                Some(registry) => registry,
                None => self.establish(flavour).await?,
            };
            wanted.retain(|(key, _)| current.kills(key, epoch));
            if wanted.is_empty() {
                break;
            }
            epoch = current.epoch();
        }
        let refused: Vec<&str> = last.keys().copied().filter(|key| !stored.contains(key)).collect();
        if !refused.is_empty() {
            // What could not be replaced does not stay in its place.
            self.delete(flavour, &refused).await?;
        }
        if stored.is_empty() {
            items.iter().try_for_each(|(_, value)| self.check_size(value))?;
            return Err(self.refused());
        }
        Ok(items.iter().map(|(key, _)| stored.contains(key)).collect())
    }

    /// Removes what is under the keys, which are all different; says where a live entry was.
    pub(super) async fn delete(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let (found, _) = self.look(flavour, keys).await?;
        let requests: Result<Vec<_>> =
            keys.iter().map(|key| self.request(Command::Delete, &stored_under(key), b"", None)).collect();
        let replies = self.ask(flavour, requests?).await?;
        let were_there: Vec<bool> = found.iter().map(|found| matches!(found, Found::Live(_))).collect();
        // "Not there" and "no" are one answer.
        let doubtful = keys.iter().zip(&were_there).zip(replies);
        let doubtful: Vec<&str> = doubtful
            .filter(|((_, was), reply)| **was && *reply == Reply::Nothing)
            .map(|((key, _), _)| *key)
            .collect();
        if self.look(flavour, &doubtful).await?.0.iter().any(|found| matches!(found, Found::Live(_))) {
            let message = "uWSGI did not remove an entry that is there";
            return Err(Error::new(ErrorKind::Backend, message).with_context("server", self.server.name()));
        }
        Ok(were_there)
    }

    pub(super) fn check_size(&self, value: &[u8]) -> Result<()> {
        let (most, length) = (self.max_value_size - Frame::HEADER, value.len());
        if length <= most {
            return Ok(());
        }
        let message = format!("a value of {length} bytes; blocks of this size hold {most}");
        Err(Error::new(ErrorKind::NoSpace, message).with_context("server", self.server.name()))
    }

    /// What is said when the server does not store: it gives no reason.
    pub(super) fn refused(&self) -> Error {
        let message = "uWSGI refuses to store: its cache is full, has smaller blocks than configured here, or there is none \
                       of this name";
        let cache = if self.cache.is_empty() { "the first one" } else { self.cache.as_str() };
        Error::new(ErrorKind::NoSpace, message)
            .with_context("server", self.server.name())
            .with_context("cache", cache)
    }
}

/// A value as it is stored.
pub(super) fn framed(value: &[u8], epoch: Epoch, expiry: Expiry) -> Vec<u8> {
    [&Frame::header(Kind::Value, epoch, expiry.at)[..], value].concat()
}

/// The server's key for a key.
pub(super) fn stored_under(key: &str) -> Cow<'_, str> {
    if key.starts_with(RESERVED) { Cow::Owned(format!("{RESERVED}{key}")) } else { Cow::Borrowed(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_of_a_users_is_one_of_ours() {
        assert_eq!(stored_under("k"), "k");
        assert_ne!(stored_under(REGISTRY), REGISTRY);
        assert_ne!(stored_under(&format!("{RESERVED}{REGISTRY}")), stored_under(REGISTRY));
    }
}

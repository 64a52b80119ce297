//! The operations of the store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::UwsgiCache;
use super::entries::{Found, REGISTRY, framed, stored_under};
use super::protocol::{Command, Reply};
use super::wire::WIDTH;
use crate::framed::{Expiry, now_ms};
use crate::net::{Flavour, operations};
use crate::simple::{not_an_integer, parse_integer};
use crate::{Backend, Capability, Error, ErrorKind, Read, Result, Seen, ServerHealth, Swap};

impl Backend for UwsgiCache {
    fn name(&self) -> &'static str {
        "UWSGICache"
    }

    fn capability(&self) -> Capability {
        let mut capability = Capability::NONE;
        capability.stores = true;
        capability.shared = true;
        capability.may_block = true;
        capability.exact_expiry = true;
        capability
    }

    fn health(&self) -> Vec<ServerHealth> {
        vec![self.inner.server.health()]
    }

    operations!();
}

impl UwsgiCache {
    async fn read(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        let (found, _) = self.inner.look(flavour, keys).await?;
        let live = found.into_iter().map(|found| match found {
            Found::Live(frame) => Some(Read::new(frame.payload)),
            Found::Dead | Found::Nothing => None,
        });
        Ok(live.collect())
    }

    async fn read_adding(
        &self,
        flavour: Flavour,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        for (key, value, lifetime) in new {
            self.insert(flavour, key, value, *lifetime).await?;
        }
        self.read(flavour, keys).await
    }

    async fn write(
        &self,
        flavour: Flavour,
        items: &[(&str, &[u8])],
        lifetime: Option<Duration>,
    ) -> Result<Vec<bool>> {
        self.inner.put(flavour, items, Expiry::of(lifetime)).await
    }

    async fn insert(
        &self,
        flavour: Flavour,
        key: &str,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let (inner, expiry) = (&self.inner, Expiry::of(lifetime));
        inner.check_size(value)?;
        for _ in 0..2 {
            let epoch = inner.registry(flavour).await?.epoch();
            let requests = vec![
                inner.request(Command::Get, REGISTRY, b"", None)?,
                inner.request(
                    Command::Set,
                    &stored_under(key),
                    &framed(value, epoch, expiry),
                    expiry.seconds,
                )?,
            ];
            let mut replies = inner.ask(flavour, requests).await?.into_iter();
            let registry = inner.note(replies.next());
            if replies.next() == Some(Reply::Done) {
                if registry.is_some_and(|registry| !registry.kills(key, epoch)) {
                    return Ok(true);
                }
                // Dead on arrival: what was known of the registry is old.
                return inner.put(flavour, &[(key, value)], expiry).await.map(|stored| stored == [true]);
            }
            match inner.look(flavour, &[key]).await?.0.pop() {
                Some(Found::Live(_)) => return Ok(false),
                // To uWSGI it is an entry. Of several who find it so, the last one stays.
                Some(Found::Dead) => {
                    return inner.put(flavour, &[(key, value)], expiry).await.map(|stored| stored == [true]);
                }
                // It may have gone just now; if it is so again, the server refuses.
                Some(Found::Nothing) | None => {}
            }
        }
        Err(inner.refused())
    }

    #[allow(clippy::unused_async, reason = "the operations are async functions, also those that are none")]
    async fn replace(
        &self,
        _: Flavour,
        _: &str,
        _: Option<Seen<'_>>,
        _: &[u8],
        _: Option<Duration>,
    ) -> Result<bool> {
        Err(no_compare_and_set())
    }

    #[allow(clippy::unused_async, reason = "the operations are async functions, also those that are none")]
    async fn replace_each(&self, _: Flavour, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        if swaps.is_empty() { Ok(Vec::new()) } else { Err(no_compare_and_set()) }
    }

    async fn remove(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let mut seen = HashSet::new();
        let distinct: Vec<&str> = keys.iter().copied().filter(|key| seen.insert(*key)).collect();
        let (mut removed, mut failure) = (HashMap::new(), None);
        // All keys are tried, whatever becomes of the others; with the registry, so many are one exchange.
        for keys in distinct.chunks(WIDTH - 1) {
            match self.inner.delete(flavour, keys).await {
                Ok(were_there) => removed.extend(keys.iter().copied().zip(were_there)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // Named twice, it is there once.
        failure.map_or_else(|| Ok(keys.iter().map(|key| removed.remove(key).unwrap_or(false)).collect()), Err)
    }

    async fn contains(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        Ok(self.read(flavour, keys).await?.iter().map(Option::is_some).collect())
    }

    async fn count(
        &self,
        flavour: Flavour,
        key: &str,
        delta: i64,
        lifetime: Option<Duration>,
    ) -> Result<i64> {
        let (old, expiry) = match self.inner.look(flavour, &[key]).await?.0.pop() {
            Some(Found::Live(frame)) => (parse_integer(&frame.payload), Expiry::at(frame.expires, now_ms())),
            _ => (Some(0), Expiry::of(lifetime)),
        };
        let sum = old.and_then(|old| old.checked_add(delta)).ok_or_else(|| not_an_integer(key))?;
        let stored = self.inner.put(flavour, &[(key, sum.to_string().as_bytes())], expiry).await?;
        if stored == [true] { Ok(sum) } else { Err(self.inner.refused()) }
    }

    async fn erase(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        match flavour {
            Flavour::Blocking => self.inner.clear(flavour, prefix).await,
            // Whoever goes away meanwhile does not leave the lock behind.
            Flavour::Async => {
                let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
                crate::net::run(async move { inner.clear(flavour, &prefix).await }).await
            }
        }
    }
}

fn no_compare_and_set() -> Error {
    Error::new(ErrorKind::Unsupported, "uWSGI has no compare-and-set")
}

//! The parts of spread values: storing, reading and giving up.

use std::borrow::Cow;

use super::cache::MemcachedCache;
use super::chunks::Manifest;
use super::entry::{Spot, server_expiry};
use super::protocol::{HEADER, Item};
use super::put::Body;
use super::replies::{Answer, Status};
use super::servers::{Ask, Epochs, Limits, refusal};
use crate::framed::Expiry;
use crate::net::{Flavour, Repeat};
use crate::{Error, ErrorKind, Result};

/// What became of the parts of a value.
#[derive(Debug)]
pub(super) enum Parts {
    /// They make the value.
    Whole(Vec<u8>),
    /// One is lost, of another version or damaged.
    Damaged,
    /// A server with one of them did not answer.
    Unreached,
}

/// So many seconds the parts of a replaced value stay, for those who have just read their manifest.
const GRACE: u32 = 10;

impl MemcachedCache {
    /// What to store under each key: the value itself, or the manifest of its parts, which are stored by this.
    pub(super) async fn prepare<'a>(
        &self,
        flavour: Flavour,
        items: &[(Spot<'_>, &'a [u8])],
        expiry: Expiry,
    ) -> Vec<Result<Body<'a>>> {
        let mut bodies: Vec<_> = items.iter().map(|(spot, value)| self.body(spot, value)).collect();
        let mut parts: Vec<(usize, String, &[u8])> = Vec::new();
        for (index, ((spot, value), body)) in items.iter().zip(&bodies).enumerate() {
            if let (Ok(Body { manifest: Some(manifest), .. }), Some(spread)) = (body, self.spread) {
                let names = manifest.names(spot.key).zip(value.chunks(spread.chunk_size));
                parts.extend(names.map(|(name, part)| (index, name, part)));
            }
        }
        if parts.is_empty() {
            return bodies;
        }
        let expires = server_expiry(expiry);
        let asks: Vec<_> = parts.iter().map(|(_, name, part)| self.ask(name, part.len())).collect();
        let round = self
            .servers
            .each(flavour, Repeat::Yes, Limits::WRITING, &asks, &Epochs::NONE, |part, exchange| {
                let (_, name, payload) = &parts[part];
                exchange.set(Item { name, header: &[], payload, expires }, 0);
            })
            .await;
        let mut failure = round.failure;
        for ((index, _, _), heard) in parts.iter().zip(round.heard) {
            let status = heard.and_then(|heard| heard.answers.first().map(|answer| answer.status));
            let error = match status {
                Some(Status::Done) => continue,
                Some(status) => refusal(status),
                None => failure.take().unwrap_or_else(|| {
                    Error::new(ErrorKind::Backend, "a server for a part of the value did not answer")
                }),
            };
            if let Ok(Body { manifest: Some(manifest), .. }) =
                std::mem::replace(&mut bodies[*index], Err(error))
            {
                self.give_up(flavour, vec![(items[*index].0.key, manifest)]).await;
            }
        }
        bodies
    }

    /// What to store under a key, before anything is sent.
    fn body<'a>(&self, spot: &Spot<'_>, value: &'a [u8]) -> Result<Body<'a>> {
        let too_large =
            |message: String| Err(Error::new(ErrorKind::NoSpace, message).with_context("key", spot.key));
        match self.spread {
            Some(spread) if value.len() > spread.chunk_size => {
                let count = value.len().div_ceil(spread.chunk_size);
                let fits = u32::try_from(count).ok().filter(|_| count <= spread.max_chunks);
                let Some(count) = fits else {
                    return too_large(format!(
                        "a value of {} bytes needs {count} chunks and may have {}; see max_chunks",
                        value.len(),
                        spread.max_chunks,
                    ));
                };
                let manifest = Manifest::of(value, count);
                Ok(Body { bytes: Cow::Owned(manifest.to_bytes()), manifest: Some(manifest) })
            }
            _ if value.len() + spot.name.len() > self.room => too_large(format!(
                "a value of {} bytes is larger than servers keep; see max_value_size, and -I of the servers",
                value.len(),
            )),
            _ => Ok(Body { bytes: Cow::Borrowed(value), manifest: None }),
        }
    }

    /// The values that the manifests stand for.
    pub(super) async fn assemble(&self, flavour: Flavour, manifests: &[(&str, &Manifest)]) -> Vec<Parts> {
        let names = manifests.iter().map(|(key, manifest)| manifest.names(key).collect::<Vec<_>>());
        let names: Vec<_> = names.collect();
        let flat: Vec<&String> = names.iter().flatten().collect();
        if flat.is_empty() {
            return Vec::new();
        }
        let largest =
            manifests.iter().map(|(_, manifest)| manifest.total.div_ceil(u64::from(manifest.count))).max();
        let largest = largest.and_then(|largest| usize::try_from(largest).ok()).unwrap_or(usize::MAX).max(1);
        // As much comes back in one exchange as goes out at most.
        let things = (Limits::WRITING.bytes / largest).clamp(1, Limits::READING.things);
        let limits = Limits { things, ..Limits::READING };
        let asks: Vec<_> = flat.iter().map(|name| self.ask(name, 0)).collect();
        let round = self
            .servers
            .each(flavour, Repeat::Yes, limits, &asks, &Epochs::NONE, |part, exchange| {
                exchange.get_quietly(flat[part]);
            })
            .await;
        let mut heard = round.heard.into_iter();
        let mut assembled = Vec::with_capacity(manifests.len());
        for ((_, manifest), names) in manifests.iter().zip(&names) {
            let parts: Vec<_> = heard.by_ref().take(names.len()).collect();
            let answers: Option<Vec<Answer>> =
                parts.into_iter().map(|heard| heard?.answers.into_iter().next()).collect();
            assembled.push(match answers {
                None => Parts::Unreached,
                Some(answers) => {
                    let values = answers.iter().map(|answer| answer.value.as_slice());
                    manifest.assemble(values).map_or(Parts::Damaged, Parts::Whole)
                }
            });
        }
        assembled
    }

    /// Lets the parts of values expire that nothing refers to any more, as well as can be.
    pub(super) async fn give_up(&self, flavour: Flavour, manifests: Vec<(&str, Manifest)>) {
        let names: Vec<_> = manifests.iter().flat_map(|(key, manifest)| manifest.names(key)).collect();
        if names.is_empty() {
            return;
        }
        let asks: Vec<_> = names.iter().map(|name| self.ask(name, 0)).collect();
        let round = self
            .servers
            .each(flavour, Repeat::Yes, Limits::READING, &asks, &Epochs::NONE, |part, exchange| {
                exchange.touch(&names[part], GRACE);
            })
            .await;
        // What stays expires with the entry it belonged to, or makes room for others.
        drop(round);
    }

    fn ask(&self, name: &str, bytes: usize) -> Ask {
        Ask { node: self.servers.owner(name), bytes: HEADER + 8 + name.len() + bytes }
    }
}

//! Counting.

use std::time::Duration;

use super::cache::MemcachedCache;
use super::entry::{Content, Entry, Look, Spot, server_expiry};
use super::protocol::{Exchange, Item};
use super::put::Body;
use super::read::look_at;
use super::replies::Status;
use super::servers::{Limits, contended, refusal};
use crate::framed::{Epoch, Expiry, Frame, Kind, now_ms};
use crate::net::{Flavour, Repeat};
use crate::simple::{not_an_integer, parse_integer};
use crate::{Error, ErrorKind, Result};

/// How often a counter is tried that others count as well: of all who try at once, one succeeds each time.
const TRIES: usize = 1000;

impl MemcachedCache {
    /// Reads and replaces what was read, until nobody came between. The server's own counters know no negative numbers
    /// and no frames.
    pub(super) async fn count(
        &self,
        flavour: Flavour,
        key: &str,
        delta: i64,
        lifetime: Option<Duration>,
    ) -> Result<i64> {
        let spot = Spot::of(key, &self.servers);
        let mut look = self.found(flavour, &spot).await?;
        for _ in 0..TRIES {
            let (old, expiry, cas, seen_in) = match &look {
                Look::Live(entry) => {
                    let old = self.integer(flavour, key, entry).await;
                    (old, Expiry::at(entry.expires, now_ms()), Some(entry.cas), Some(entry.epoch))
                }
                Look::Dead(cas, _) => (Some(0), Expiry::of(lifetime), Some(*cas), None),
                Look::Absent => (Some(0), Expiry::of(lifetime), None, None),
            };
            let sum = old.and_then(|old| old.checked_add(delta)).ok_or_else(|| not_an_integer(key))?;
            let text = sum.to_string();
            let body = self.prepared(flavour, &spot, text.as_bytes(), expiry).await?;
            let replaced = look.into_manifest();
            match self.count_over(flavour, &spot, &body, expiry, cas, seen_in).await? {
                None => {
                    self.give_up(flavour, replaced.into_iter().map(|manifest| (key, manifest)).collect())
                        .await;
                    return Ok(sum);
                }
                Some(now) => {
                    self.give_up(
                        flavour,
                        body.manifest.into_iter().map(|manifest| (key, manifest)).collect(),
                    )
                    .await;
                    look = now;
                }
            }
        }
        Err(contended().with_context("key", key))
    }

    async fn found(&self, flavour: Flavour, spot: &Spot<'_>) -> Result<Look> {
        let heard = self.look(flavour, std::slice::from_ref(spot)).await.unless_all_failed()?.pop().flatten();
        Ok(look_at(spot, heard))
    }

    async fn integer(&self, flavour: Flavour, key: &str, entry: &Entry) -> Option<i64> {
        // No integer is as long as that.
        if matches!(&entry.content, Content::Spread(manifest) if manifest.total > 20) {
            return None;
        }
        self.content(flavour, key, &entry.content).await.and_then(|value| parse_integer(&value))
    }

    /// Stores a sum over the entry with this number which was alive in this epoch, over what is dead, or where nothing is;
    /// otherwise gives what is there instead.
    async fn count_over(
        &self,
        flavour: Flavour,
        spot: &Spot<'_>,
        body: &Body<'_>,
        expiry: Expiry,
        cas: Option<u64>,
        seen_in: Option<Epoch>,
    ) -> Result<Option<Look>> {
        let epochs = self.servers.epochs([spot.node]);
        let epoch = seen_in.or_else(|| epochs.of(spot.node)).unwrap_or(Epoch { id: 0, seq: 0 });
        let kind = if body.manifest.is_some() { Kind::Manifest } else { Kind::Value };
        let header = Frame::header(kind, epoch, expiry.at);
        let payload: &[u8] = &body.bytes;
        let item = Item { name: &spot.name, header: &header, payload, expires: server_expiry(expiry) };
        let request = |_: usize, exchange: &mut Exchange| {
            match cas {
                Some(cas) => exchange.set(item, cas),
                None => exchange.add(item),
            }
            exchange.get_quietly(&spot.name);
        };
        let asks = [spot.ask(header.len() + payload.len())];
        // Counting twice would be wrong.
        let round = self.servers.each(flavour, Repeat::No, Limits::READING, &asks, &epochs, request).await;
        let heard = round.unless_all_failed()?.pop().flatten();
        let Some(mut heard) = heard.filter(|heard| heard.answers.len() == 2) else {
            return Err(Error::new(ErrorKind::Backend, "the server did not answer"));
        };
        let stored = heard.answers.remove(0);
        match stored.status {
            // Under no registry that is there, so it never was alive.
            Status::Done
                if heard.registry.as_ref().is_none_or(|registry| registry.epoch().id != epoch.id) =>
            {
                Ok(Some(Look::Dead(stored.cas, None)))
            }
            // If it was cleared meanwhile, it was counted before that.
            Status::Done => Ok(None),
            Status::Present | Status::Absent => Ok(Some(look_at(spot, Some(heard)))),
            other => Err(refusal(other)),
        }
    }
}

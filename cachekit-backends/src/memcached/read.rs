//! Reading.

use std::time::Duration;

use super::cache::MemcachedCache;
use super::entry::{Content, Look, Spot, Token};
use super::protocol::Exchange;
use super::put::{Body, Outcome, Put};
use super::replies::Status;
use super::servers::{ATTEMPTS, Epochs, Heard, Limits, Round};
use super::spread::Parts;
use crate::framed::Expiry;
use crate::net::{Flavour, Repeat};
use crate::{Read, Result};

/// Room for the question after the server's registry.
const ROOM: usize = 64;

/// How often a spread value is read that others replace each time.
const READS: usize = 4;

impl MemcachedCache {
    pub(super) async fn read(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        let spots = self.spots(keys);
        let looks = match only_server(&spots) {
            Some((node, bytes)) => self.look_at_one(flavour, node, bytes, &spots).await?,
            None => look_at_all(&spots, self.look(flavour, &spots).await.unless_all_failed()?),
        };
        Ok(self.values(flavour, &spots, looks).await)
    }

    /// Asks the one server that has them all, in one exchange, for which nothing is to be sorted.
    async fn look_at_one(
        &self,
        flavour: Flavour,
        node: usize,
        bytes: usize,
        spots: &[Spot<'_>],
    ) -> Result<Vec<Look>> {
        let mut exchange = Exchange::with_capacity(spots.len() + 1, bytes + ROOM);
        for spot in spots {
            exchange.get_quietly(&spot.name);
        }
        let (answers, found) = self.servers.exchange_one(flavour, Repeat::Yes, node, exchange).await?;
        let look = |(spot, answer): (&Spot<'_>, _)| Look::at(spot.key, answer, found.registry.as_ref());
        Ok(spots.iter().zip(answers).map(look).collect())
    }

    pub(super) async fn contains(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let spots = self.spots(keys);
        let heard = self.look(flavour, &spots).await.unless_all_failed()?;
        Ok(spots
            .iter()
            .zip(heard)
            .map(|(spot, heard)| matches!(look_at(spot, heard), Look::Live(_)))
            .collect())
    }

    /// Adds, and reads, in one exchange with each server; what was found dead where something is to be added takes more.
    pub(super) async fn read_adding(
        &self,
        flavour: Flavour,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        let mut puts = Vec::new();
        for (key, value, lifetime) in new {
            let (spot, expiry) = (Spot::of(key, &self.servers), Expiry::of(*lifetime));
            let mut bodies = self.prepare(flavour, &[(spot.clone(), *value)], expiry).await;
            match bodies.pop() {
                Some(Ok(body)) => puts.push(Put::add(spot, body, expiry)),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let spots = self.spots(keys);
        let mut found = Vec::new();
        for _ in 0..ATTEMPTS {
            let mut open: Vec<_> = puts.iter_mut().filter(|put| put.outcome.is_none()).collect();
            let epochs = self.servers.epochs(open.iter().map(|put| put.spot.node));
            for put in &mut open {
                put.begin(&epochs);
            }
            let asks = open.iter().map(|put| put.ask()).chain(spots.iter().map(|spot| spot.ask(0)));
            let asks: Vec<_> = asks.collect();
            // An add that is repeated finds what it added.
            let round = self
                .servers
                .each(flavour, Repeat::Yes, Limits::READING, &asks, &epochs, |thing, exchange| {
                    match thing.checked_sub(open.len()) {
                        None => open[thing].request(exchange),
                        Some(key) => {
                            exchange.get_quietly(&spots[key].name);
                        }
                    }
                })
                .await;
            let mut heard = round.unless_all_failed()?;
            found = heard.split_off(open.len());
            for (put, heard) in open.iter_mut().zip(heard) {
                match heard {
                    Some(heard) => put.hear(heard),
                    None => put.outcome = Some(Outcome::Unreached),
                }
            }
            if open.iter().all(|put| put.outcome.is_some()) {
                break;
            }
        }
        self.tidy(flavour, puts).await;
        Ok(self.values(flavour, &spots, look_at_all(&spots, found)).await)
    }

    /// Asks for what is under each key.
    pub(super) async fn look(&self, flavour: Flavour, spots: &[Spot<'_>]) -> Round {
        let asks: Vec<_> = spots.iter().map(|spot| spot.ask(0)).collect();
        self.servers
            .each(flavour, Repeat::Yes, Limits::READING, &asks, &Epochs::NONE, |thing, exchange| {
                exchange.get_quietly(&spots[thing].name);
            })
            .await
    }

    /// The values in what was found, with the parts of spread ones.
    async fn values(&self, flavour: Flavour, spots: &[Spot<'_>], looks: Vec<Look>) -> Vec<Option<Read>> {
        let mut values = vec![None; spots.len()];
        let mut looks: Vec<_> = looks.into_iter().enumerate().collect();
        for _ in 0..READS {
            let mut spread = Vec::new();
            for (index, look) in looks {
                let Look::Live(entry) = look else { continue };
                let token = Token::of(&entry);
                match entry.content {
                    Content::Whole(value) => values[index] = Some(Read { value, token }),
                    Content::Spread(manifest) => spread.push((index, token, entry.cas, manifest)),
                }
            }
            if spread.is_empty() {
                break;
            }
            let manifests: Vec<_> =
                spread.iter().map(|(index, _, _, manifest)| (spots[*index].key, manifest)).collect();
            let mut damaged = Vec::new();
            for (parts, (index, token, cas, _)) in
                self.assemble(flavour, &manifests).await.into_iter().zip(&spread)
            {
                match parts {
                    Parts::Whole(value) => values[*index] = Some(Read { value, token: *token }),
                    Parts::Damaged => damaged.push((*index, *cas)),
                    Parts::Unreached => {}
                }
            }
            let again = self.heal(flavour, spots, damaged).await;
            let again_spots: Vec<_> = again.iter().map(|index| spots[*index].clone()).collect();
            let again_looks = look_at_all(&again_spots, self.look(flavour, &again_spots).await.heard);
            looks = again.into_iter().zip(again_looks).collect();
        }
        values
    }

    /// Deletes manifests whose parts are lost, so that others can store there; gives those that were replaced meanwhile.
    async fn heal(&self, flavour: Flavour, spots: &[Spot<'_>], damaged: Vec<(usize, u64)>) -> Vec<usize> {
        let asks: Vec<_> = damaged.iter().map(|(index, _)| spots[*index].ask(0)).collect();
        let round = self
            .servers
            .each(flavour, Repeat::Yes, Limits::WRITING, &asks, &Epochs::NONE, |thing, exchange| {
                let (index, cas) = damaged[thing];
                exchange.delete(&spots[index].name, cas);
            })
            .await;
        let heard = round.heard;
        let is_replaced = |heard: Option<Heard>| {
            heard.is_some_and(|heard| heard.answers.iter().any(|answer| answer.status == Status::Present))
        };
        damaged
            .iter()
            .zip(heard)
            .filter_map(|((index, _), heard)| is_replaced(heard).then_some(*index))
            .collect()
    }

    /// The whole value of an entry that was found.
    pub(super) async fn content(&self, flavour: Flavour, key: &str, content: &Content) -> Option<Vec<u8>> {
        match content {
            Content::Whole(value) => Some(value.clone()),
            Content::Spread(manifest) => match self.assemble(flavour, &[(key, manifest)]).await.pop() {
                Some(Parts::Whole(value)) => Some(value),
                _ => None,
            },
        }
    }

    /// Gives up the parts of what was replaced, and of what was not stored after all.
    pub(super) async fn tidy(&self, flavour: Flavour, puts: Vec<Put<'_>>) {
        let mut manifests = Vec::new();
        for put in puts {
            let key = put.spot.key;
            manifests.extend(put.replaced.into_iter().map(|manifest| (key, manifest)));
            let Body { manifest, .. } = put.body;
            if put.outcome.is_some_and(Outcome::is_not_stored) {
                manifests.extend(manifest.map(|manifest| (key, manifest)));
            }
        }
        self.give_up(flavour, manifests).await;
    }
}

/// The server that has all of some entries, and the bytes of a request for them, if one exchange is enough.
fn only_server(spots: &[Spot<'_>]) -> Option<(usize, usize)> {
    let node = spots.first()?.node;
    let bytes = spots.iter().map(|spot| spot.ask(0).bytes).sum();
    let is_one = bytes <= Limits::READING.bytes && spots.len() <= Limits::READING.things;
    (is_one && spots.iter().all(|spot| spot.node == node)).then_some((node, bytes))
}

fn look_at_all(spots: &[Spot<'_>], heard: Vec<Option<Heard>>) -> Vec<Look> {
    spots.iter().zip(heard).map(|(spot, heard)| look_at(spot, heard)).collect()
}

/// What was heard of an entry.
pub(super) fn look_at(spot: &Spot<'_>, heard: Option<Heard>) -> Look {
    let Some(Heard { answers, registry }) = heard else { return Look::Absent };
    answers.into_iter().next().map_or(Look::Absent, |answer| Look::at(spot.key, answer, registry.as_ref()))
}

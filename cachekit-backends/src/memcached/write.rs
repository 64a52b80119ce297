//! Storing whatever is there, where nothing is, and over what was seen.

use std::collections::HashSet;
use std::time::Duration;

use super::cache::MemcachedCache;
use super::entry::{Content, Entry, Look, Spot, Token};
use super::put::{Body, Outcome, Put};
use super::read::look_at;
use super::servers::{ATTEMPTS, contended, refusal};
use crate::backend::each;
use crate::framed::{Epoch, Expiry};
use crate::net::Flavour;
use crate::{Error, ErrorKind, Result, Seen, Swap};

impl MemcachedCache {
    pub(super) async fn write(
        &self,
        flavour: Flavour,
        items: &[(&str, &[u8])],
        lifetime: Option<Duration>,
    ) -> Result<Vec<bool>> {
        let expiry = Expiry::of(lifetime);
        let items: Vec<_> = items.iter().map(|(key, value)| (Spot::of(key, &self.servers), *value)).collect();
        // Only spread values leave something to give up behind.
        let spots: Vec<_> =
            items.iter().map(|(spot, _)| spot.clone()).filter(|_| self.spread.is_some()).collect();
        let before = self.look(flavour, &spots).await.heard;
        let mut before = spots.iter().zip(before).map(|(spot, heard)| look_at(spot, heard).into_manifest());

        let (mut puts, mut places, mut failure) = (Vec::new(), Vec::new(), None);
        let bodies = self.prepare(flavour, &items, expiry).await;
        for (index, ((spot, _), body)) in items.iter().zip(bodies).enumerate() {
            let replaced = before.next().flatten();
            match body {
                Ok(body) => {
                    let mut put = Put::set(spot.clone(), body, expiry);
                    put.replaced.extend(replaced);
                    puts.push(put);
                    places.push(index);
                }
                Err(error) if error.kind() == ErrorKind::NoSpace => log::debug!("not stored: {error}"),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure = failure.or(self.servers.settle(flavour, &mut puts).await);
        let mut stored = vec![false; items.len()];
        for (put, index) in puts.iter().zip(places) {
            stored[index] = put.outcome == Some(Outcome::Stored);
        }
        let was_answered = puts.iter().any(Put::is_answered);
        self.tidy(flavour, puts).await;
        match failure {
            Some(failure) if !was_answered => Err(failure),
            _ => Ok(stored),
        }
    }

    pub(super) async fn insert(
        &self,
        flavour: Flavour,
        key: &str,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let (spot, expiry) = (Spot::of(key, &self.servers), Expiry::of(lifetime));
        // No parts are written for nothing.
        if self.is_spread(value) && self.contains(flavour, &[key]).await? == [true] {
            return Ok(false);
        }
        let body = self.prepared(flavour, &spot, value, expiry).await?;
        self.put(flavour, Put::add(spot, body, expiry)).await
    }

    pub(super) async fn replace(
        &self,
        flavour: Flavour,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let Some(seen) = seen else { return self.insert(flavour, key, value, lifetime).await };
        let (spot, expiry) = (Spot::of(key, &self.servers), Expiry::of(lifetime));
        let token = seen.token.map(Token::read);
        let known = self.servers.known(spot.node).map(|registry| registry.epoch());
        if let (Some(token), Some(epoch)) = (token, known)
            && token.is_of(epoch)
            && !token.is_spread
        {
            let body = self.prepared(flavour, &spot, value, expiry).await?;
            return self.put(flavour, Put::over(spot, body, expiry, token.cas, epoch)).await;
        }
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.entry(flavour, &spot).await? else { return Ok(false) };
            let is_seen = match token {
                Some(token) => token.cas == entry.cas,
                None => self.begins_with(flavour, key, &entry.content, seen.head).await,
            };
            if !is_seen {
                return Ok(false);
            }
            let body = self.prepared(flavour, &spot, value, expiry).await?;
            let mut put = Put::over(spot.clone(), body, expiry, entry.cas, entry.epoch);
            if let Content::Spread(manifest) = entry.content {
                put.replaced.push(manifest);
            }
            if self.put(flavour, put).await? {
                return Ok(true);
            }
        }
        Err(contended().with_context("key", key))
    }

    /// Each in the exchange of all: over the number that came with what was seen, or where nothing was seen and nothing is.
    /// What was seen without a number, or is spread, is looked into one by one.
    pub(super) async fn replace_each(&self, flavour: Flavour, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        let mut outcomes: Vec<Option<Result<bool>>> = swaps.iter().map(|_| None).collect();
        let (mut puts, mut places, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let mut names = HashSet::new();
        for (place, swap) in swaps.iter().enumerate() {
            let (spot, expiry) = (Spot::of(swap.key, &self.servers), Expiry::of(swap.lifetime));
            let step = self.step(&spot, swap);
            // One that names what an earlier one changes comes after it.
            let (Some(step), true, false) = (step, names.insert(swap.key), self.is_spread(swap.value)) else {
                alone.push(place);
                continue;
            };
            match self.prepared(flavour, &spot, swap.value, expiry).await {
                Ok(body) => {
                    puts.push(match step {
                        Step::Add => Put::add(spot, body, expiry),
                        Step::Over(cas, epoch) => Put::over(spot, body, expiry, cas, epoch),
                    });
                    places.push(place);
                }
                Err(error) => outcomes[place] = Some(Err(error)),
            }
        }
        let mut failure = self.servers.settle(flavour, &mut puts).await;
        for (put, place) in puts.iter_mut().zip(places) {
            if put.outcome != Some(Outcome::Stored) {
                put.replaced.clear();
            }
            outcomes[place] = Some(outcome(put.outcome, failure.take_if(|_| !put.is_answered())));
        }
        self.tidy(flavour, puts).await;
        for place in alone {
            let swap = &swaps[place];
            let stored = self.replace(flavour, swap.key, swap.seen, swap.value, swap.lifetime).await;
            outcomes[place] = Some(stored);
        }
        each(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(contended()))).collect())
    }

    /// How a swap is made in one step, if it can be.
    fn step(&self, spot: &Spot<'_>, swap: &Swap<'_>) -> Option<Step> {
        let Some(seen) = swap.seen else { return Some(Step::Add) };
        let token = Token::read(seen.token?);
        let epoch = self.servers.known(spot.node)?.epoch();
        (token.is_of(epoch) && !token.is_spread).then_some(Step::Over(token.cas, epoch))
    }

    /// The live entry under a key.
    pub(super) async fn entry(&self, flavour: Flavour, spot: &Spot<'_>) -> Result<Option<Entry>> {
        let heard = self.look(flavour, std::slice::from_ref(spot)).await.unless_all_failed()?.pop().flatten();
        Ok(match look_at(spot, heard) {
            Look::Live(entry) => Some(entry),
            Look::Dead(..) | Look::Absent => None,
        })
    }

    async fn begins_with(&self, flavour: Flavour, key: &str, content: &Content, head: &[u8]) -> bool {
        let known = match content {
            Content::Whole(value) => Some(value.starts_with(head)),
            Content::Spread(manifest) => manifest.begins_with(head),
        };
        match known {
            Some(known) => known,
            None => self.content(flavour, key, content).await.is_some_and(|value| value.starts_with(head)),
        }
    }

    fn is_spread(&self, value: &[u8]) -> bool {
        self.spread.is_some_and(|spread| value.len() > spread.chunk_size)
    }

    /// What to store under one key.
    pub(super) async fn prepared<'a>(
        &self,
        flavour: Flavour,
        spot: &Spot<'_>,
        value: &'a [u8],
        expiry: Expiry,
    ) -> Result<Body<'a>> {
        let bodies = self.prepare(flavour, &[(spot.clone(), value)], expiry).await;
        bodies
            .into_iter()
            .next()
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Backend, "nothing was prepared")))
    }

    /// Stores one entry; says whether it did.
    async fn put(&self, flavour: Flavour, put: Put<'_>) -> Result<bool> {
        let mut puts = vec![put];
        let failure = self.servers.settle(flavour, &mut puts).await;
        // A replacement that came to nothing leaves the parts of what is there.
        puts.iter_mut()
            .filter(|put| put.outcome != Some(Outcome::Stored))
            .for_each(|put| put.replaced.clear());
        let settled = puts[0].outcome;
        self.tidy(flavour, puts).await;
        outcome(settled, failure)
    }
}

/// What stores in one exchange.
enum Step {
    /// Where nothing is.
    Add,
    /// Over the entry with this number, of this epoch.
    Over(u64, Epoch),
}

/// Whether an entry was stored, or why nobody knows.
fn outcome(settled: Option<Outcome>, failure: Option<Error>) -> Result<bool> {
    match (settled, failure) {
        (Some(Outcome::Stored), _) => Ok(true),
        (Some(Outcome::Kept), _) => Ok(false),
        (Some(Outcome::Refused(status)), _) => Err(refusal(status)),
        (_, Some(failure)) => Err(failure),
        (_, None) => Err(contended()),
    }
}

//! Storing, step by step: each answer says whether an entry is settled or what to send next.

use std::borrow::Cow;

use super::chunks::Manifest;
use super::entry::{Look, Spot, server_expiry};
use super::protocol::{Exchange, Item};
use super::replies::Status;
use super::servers::{ATTEMPTS, Ask, Epochs, Heard, Limits, Servers, contended};
use crate::Error;
use crate::framed::{Epoch, Expiry, Frame, Kind};
use crate::net::{Flavour, Repeat};

/// What is to be stored under a key: the value, or the manifest of one whose parts are stored.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) manifest: Option<Manifest>,
}

/// An entry on its way to its server.
#[derive(Debug)]
pub(super) struct Put<'a> {
    pub(super) spot: Spot<'a>,
    pub(super) body: Body<'a>,
    pub(super) expiry: Expiry,
    phase: Phase,
    /// The epoch that was written last.
    written: Epoch,
    pub(super) outcome: Option<Outcome>,
    /// Manifests that were replaced.
    pub(super) replaced: Vec<Manifest>,
}

/// What is sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Store, whatever is there.
    Set,
    /// Store where no entry is.
    Add,
    /// The same, where something was found under the name that is no entry any more, with this number.
    Over(u64),
    /// Store what was stored with this number once more, because a clear came before it; whoever changed it since came
    /// later.
    Again(u64),
    /// Store only over the entry with this number, which was alive in the epoch that is written.
    Exact(u64),
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored.
    Stored,
    /// It is not, because of what is there.
    Kept,
    /// The server did not take it.
    Refused(Status),
    /// The server did not answer.
    Unreached,
}

impl Outcome {
    /// Whether it is certain that nothing of it is on the server. What became of an unanswered request nobody knows.
    pub(super) fn is_not_stored(self) -> bool {
        matches!(self, Self::Kept | Self::Refused(_))
    }
}

impl<'a> Put<'a> {
    fn new(spot: Spot<'a>, body: Body<'a>, expiry: Expiry, phase: Phase) -> Self {
        let written = Epoch { id: 0, seq: 0 };
        Self { spot, body, expiry, phase, written, outcome: None, replaced: Vec::new() }
    }

    /// Stores, whatever is there.
    pub(super) fn set(spot: Spot<'a>, body: Body<'a>, expiry: Expiry) -> Self {
        Self::new(spot, body, expiry, Phase::Set)
    }

    /// Stores where no live entry is.
    pub(super) fn add(spot: Spot<'a>, body: Body<'a>, expiry: Expiry) -> Self {
        Self::new(spot, body, expiry, Phase::Add)
    }

    /// Stores over the entry with this number, which was alive in this epoch, if it still is.
    pub(super) fn over(spot: Spot<'a>, body: Body<'a>, expiry: Expiry, cas: u64, epoch: Epoch) -> Self {
        Self { written: epoch, ..Self::new(spot, body, expiry, Phase::Exact(cas)) }
    }

    /// Sets the epoch to write in.
    pub(super) fn begin(&mut self, epochs: &Epochs) {
        if let (false, Some(epoch)) = (matches!(self.phase, Phase::Exact(_)), epochs.of(self.spot.node)) {
            self.written = epoch;
        }
    }

    pub(super) fn ask(&self) -> Ask {
        self.spot.ask(Frame::HEADER + self.body.bytes.len() + 64)
    }

    /// Adds the commands of the next step.
    pub(super) fn request(&self, exchange: &mut Exchange) {
        let kind = if self.body.manifest.is_some() { Kind::Manifest } else { Kind::Value };
        let header = Frame::header(kind, self.written, self.expiry.at);
        let expires = server_expiry(self.expiry);
        let item = Item { name: &self.spot.name, header: &header, payload: &self.body.bytes, expires };
        match self.phase {
            Phase::Set => exchange.set(item, 0),
            Phase::Add => exchange.add(item),
            Phase::Over(cas) | Phase::Again(cas) | Phase::Exact(cas) => exchange.set(item, cas),
        }
        if self.looks() {
            exchange.get_quietly(&self.spot.name);
        }
    }

    /// Whether what is there is read after the step.
    fn looks(&self) -> bool {
        matches!(self.phase, Phase::Add | Phase::Over(_))
    }

    /// Takes the answers to the step.
    pub(super) fn hear(&mut self, heard: Heard) {
        let Heard { answers, registry } = heard;
        let mut answers = answers.into_iter();
        let Some(stored) = answers.next() else { return };
        match stored.status {
            Status::Done => {
                let is_dead = registry.is_none_or(|registry| registry.kills(self.spot.key, self.written));
                match self.phase {
                    // What was seen was dead before, or this is now: both are as well.
                    Phase::Exact(_) if is_dead => self.outcome = Some(Outcome::Kept),
                    _ if is_dead => self.phase = Phase::Again(stored.cas),
                    _ => self.outcome = Some(Outcome::Stored),
                }
            }
            Status::Present | Status::Absent => match self.phase {
                Phase::Again(_) => self.outcome = Some(Outcome::Stored),
                Phase::Exact(_) => self.outcome = Some(Outcome::Kept),
                Phase::Set => self.outcome = Some(Outcome::Refused(stored.status)),
                Phase::Add | Phase::Over(_) => {
                    let look = answers.next().map(|seen| Look::at(self.spot.key, seen, registry.as_ref()));
                    match look {
                        Some(Look::Live(_)) => self.outcome = Some(Outcome::Kept),
                        Some(Look::Dead(cas, manifest)) => {
                            self.replaced.extend(manifest);
                            self.phase = Phase::Over(cas);
                        }
                        Some(Look::Absent) | None => self.phase = Phase::Add,
                    }
                }
            },
            other => self.outcome = Some(Outcome::Refused(other)),
        }
    }
}

impl Servers {
    /// Stores until each entry is settled. Says what the first server that failed failed with.
    pub(super) async fn settle(&self, flavour: Flavour, puts: &mut [Put<'_>]) -> Option<Error> {
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            let mut open: Vec<_> = puts.iter_mut().filter(|put| put.outcome.is_none()).collect();
            if open.is_empty() {
                return failure;
            }
            let epochs = self.epochs(open.iter().map(|put| put.spot.node));
            for put in &mut open {
                put.begin(&epochs);
            }
            let asks: Vec<_> = open.iter().map(|put| put.ask()).collect();
            let limits = if open.iter().any(|put| put.looks()) { Limits::READING } else { Limits::WRITING };
            // Only what stores whatever is there has the same effect when it is done twice.
            let is_set = |put: &&mut Put<'_>| matches!(put.phase, Phase::Set | Phase::Again(_));
            let repeat = if open.iter().all(is_set) { Repeat::Yes } else { Repeat::No };
            let round = self
                .each(flavour, repeat, limits, &asks, &epochs, |thing, exchange| {
                    open[thing].request(exchange);
                })
                .await;
            for (put, heard) in open.iter_mut().zip(round.heard) {
                match heard {
                    Some(heard) => put.hear(heard),
                    None => put.outcome = Some(Outcome::Unreached),
                }
            }
            failure = failure.or(round.failure);
        }
        for put in puts.iter_mut().filter(|put| put.outcome.is_none()) {
            put.outcome = Some(Outcome::Unreached);
            failure.get_or_insert_with(contended);
        }
        failure
    }
}

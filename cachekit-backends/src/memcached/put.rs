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

    /// Whether its server answered.
    pub(super) fn is_answered(&self) -> bool {
        self.outcome != Some(Outcome::Unreached)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::replies::Answer;
    use super::*;
    use crate::framed::Registry;

    fn put(make: impl FnOnce(Spot<'static>, Body<'static>, Expiry) -> Put<'static>) -> Put<'static> {
        let spot = Spot { key: "p:k", name: Cow::Borrowed("p:k"), node: 0 };
        let body = Body { bytes: Cow::Borrowed(b"value"), manifest: None };
        make(spot, body, Expiry { at: None, seconds: None })
    }

    /// A registry, and the same after a clear of the prefix.
    fn registries(prefix: &str) -> (Registry, Registry) {
        let before = Registry::fresh();
        let mut after = before.clone();
        after.clear(prefix);
        (before, after)
    }

    fn answer(status: Status, cas: u64, value: &[u8]) -> Answer {
        Answer { status, cas, value: value.to_vec() }
    }

    fn hear(put: &mut Put<'_>, answers: Vec<Answer>, registry: Option<&Registry>) -> Option<Outcome> {
        put.hear(Heard { answers, registry: registry.cloned().map(Arc::new) });
        put.outcome
    }

    #[test]
    fn what_is_dead_on_arrival_is_stored_again_over_itself_only() {
        let (before, after) = registries("p:");
        for make in [Put::set, Put::add] {
            let mut put = put(make);
            put.written = before.epoch();
            assert_eq!(hear(&mut put, vec![answer(Status::Done, 7, b"")], Some(&after)), None);
            assert_eq!(put.phase, Phase::Again(7));
            // Whoever changed it since came later than this.
            assert_eq!(
                hear(&mut put, vec![answer(Status::Present, 0, b"")], Some(&after)),
                Some(Outcome::Stored)
            );
        }
        let mut put = put(Put::set);
        assert_eq!(hear(&mut put, vec![answer(Status::Done, 8, b"")], None), None);
        assert_eq!(put.phase, Phase::Again(8), "without a registry everything is dead");
    }

    #[test]
    fn a_clear_of_something_else_changes_nothing() {
        let (before, after) = registries("q:");
        let mut put = put(Put::set);
        put.written = before.epoch();
        assert_eq!(hear(&mut put, vec![answer(Status::Done, 7, b"")], Some(&after)), Some(Outcome::Stored));
    }

    #[test]
    fn what_was_seen_before_a_clear_is_not_replaced_after_it() {
        let (before, after) = registries("p:");
        let mut put = put(|spot, body, expiry| Put::over(spot, body, expiry, 5, before.epoch()));
        assert_eq!(hear(&mut put, vec![answer(Status::Done, 7, b"")], Some(&after)), Some(Outcome::Kept));
    }

    #[test]
    fn an_add_goes_by_what_is_alive() {
        let (before, after) = registries("p:");
        let frame = |registry: &Registry| Frame::header(Kind::Value, registry.epoch(), None).to_vec();
        let step = |put: &mut Put<'_>, found: Answer| {
            hear(put, vec![answer(Status::Present, 0, b""), found], Some(&after))
        };
        let mut adding = put(Put::add);
        assert_eq!(step(&mut adding, answer(Status::Done, 3, &frame(&before))), None);
        assert_eq!(adding.phase, Phase::Over(3), "what was cleared is in the way no more");
        assert_eq!(step(&mut adding, answer(Status::Done, 4, b"foreign")), None);
        assert_eq!(adding.phase, Phase::Over(4));
        assert_eq!(step(&mut adding, answer(Status::Absent, 0, b"")), None);
        assert_eq!(adding.phase, Phase::Add, "gone meanwhile");
        assert_eq!(step(&mut adding, answer(Status::Done, 5, &frame(&after))), Some(Outcome::Kept));
    }

    #[test]
    fn a_refusal_is_the_end() {
        for status in [Status::TooLarge, Status::Full, Status::Refused(0x81)] {
            for make in [Put::set, Put::add] {
                let outcome = hear(&mut put(make), vec![answer(status, 0, b"")], Some(&Registry::fresh()));
                assert_eq!(outcome, Some(Outcome::Refused(status)));
            }
        }
    }
}

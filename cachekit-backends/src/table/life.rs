//! What a value has that is more than an end: until when it is fresh, until when it may be served while a newer one is
//! computed, and until when it is better than an error.
//!
//! An entry with a plain lifetime has none of this. The others carry a [`Life`] behind their key, and the moment at
//! which they end for the short way of a read is the first one at which somebody has to ask how old they are.

use std::time::Duration;

use crate::Moment;
use crate::sync::{AtomicU64, Ordering};

/// How long a value lives, part after part: fresh, then stale, then in its grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long it is fresh; `None` is for ever.
    pub fresh: Option<Duration>,
    /// How long it may be served after that while a newer one is computed.
    pub stale: Duration,
    /// How long it may be served after that when no newer one can be had.
    pub grace: Duration,
    /// It ends earlier when nobody asked for it for so long.
    pub idle: Option<Duration>,
    /// The age from which on whoever reads it while it is fresh is told its age.
    pub asks_from: Option<Duration>,
    /// How long computing it took.
    pub compute: Duration,
}

impl Lifetimes {
    /// From birth to end.
    pub fn whole(&self) -> Option<Duration> {
        Some(self.fresh?.saturating_add(self.stale).saturating_add(self.grace))
    }

    /// The part of its life that a value of this age is in; `None` when it has ended. On a boundary the next part has
    /// begun.
    pub fn state(&self, age: Duration) -> Option<State> {
        let Some(past) = self.fresh.and_then(|fresh| age.checked_sub(fresh)) else {
            return Some(State::Fresh);
        };
        match past.checked_sub(self.stale) {
            None => Some(State::Stale),
            Some(past) => (past < self.grace).then_some(State::Grace),
        }
    }

    /// From birth to end, or to the first moment at which it could end because nobody asked for it.
    pub fn until_idle(&self) -> Option<Duration> {
        match (self.whole(), self.idle) {
            (Some(whole), Some(idle)) => Some(whole.min(idle)),
            (whole, idle) => whole.or(idle),
        }
    }

    /// Whether its end is all there is to know.
    pub fn is_plain(&self) -> bool {
        self.stale.is_zero() && self.grace.is_zero() && self.idle.is_none() && self.asks_from.is_none()
    }
}

impl From<Option<Duration>> for Lifetimes {
    /// A plain lifetime; `None` never ends.
    fn from(fresh: Option<Duration>) -> Self {
        Self { fresh, ..Self::default() }
    }
}

/// The part of its life that a value is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As good as new.
    Fresh,
    /// Good enough while a newer one is computed.
    Stale,
    /// Better than an error.
    Grace,
}

/// How old a value is, as of when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// When it was stored, by the table's clock; [`Moment::NEVER`] for what comes from elsewhere.
    pub born: Moment,
    /// The time since then.
    pub age: Duration,
    /// The lifetimes it was stored with.
    pub lifetimes: Lifetimes,
    /// Computing a newer one failed a moment ago and is not to be tried again yet.
    pub is_put_off: bool,
}

impl Age {
    /// The age of what was stored just now and never ends.
    pub const NEW: Self = Self {
        born: Moment::NEVER,
        age: Duration::ZERO,
        lifetimes: Lifetimes {
            fresh: None,
            stale: Duration::ZERO,
            grace: Duration::ZERO,
            idle: None,
            asks_from: None,
            compute: Duration::ZERO,
        },
        is_put_off: false,
    };

    /// How much longer it may be served while a newer one is computed.
    pub fn stale_for(&self) -> Duration {
        self.lifetimes.fresh.map_or(Duration::MAX, |fresh| {
            fresh.saturating_add(self.lifetimes.stale).saturating_sub(self.age)
        })
    }

    /// The part of its life that it was in when it was read; the last one for what has ended since.
    pub fn state(&self) -> State {
        self.lifetimes.state(self.age).unwrap_or(State::Grace)
    }
}

/// What stands behind the key of an entry with more than an end.
#[derive(Debug)]
pub(super) struct Life {
    born: Moment,
    lifetimes: Lifetimes,
    /// When it was last asked for, in nanoseconds after its birth.
    touched: AtomicU64,
    /// Until when computing a newer one is put off, in the same way; zero for not.
    put_off: AtomicU64,
}

impl Life {
    pub(super) fn new(born: Moment, lifetimes: Lifetimes) -> Self {
        Self { born, lifetimes, touched: AtomicU64::new(0), put_off: AtomicU64::new(0) }
    }

    /// When the short way of a read ends.
    pub(super) fn asks_at(&self) -> Moment {
        match self.lifetimes {
            // Each use is noted.
            Lifetimes { idle: Some(_), .. } => self.born,
            Lifetimes { fresh, asks_from, .. } => self.born.after(fresh).min(self.born.after(asks_from)),
        }
    }

    /// When it ends, if nobody asks for it any more.
    pub(super) fn dead_at(&self) -> Moment {
        let end = self.born.after(self.lifetimes.whole());
        let Some(idle) = self.lifetimes.idle else { return end };
        let touched = Duration::from_nanos(self.touched.load(Ordering::Relaxed));
        end.min(self.born.after(Some(touched.saturating_add(idle))))
    }

    /// How old it is.
    pub(super) fn age(&self, now: Moment) -> Age {
        let age = now.since(self.born);
        let is_put_off = age < Duration::from_nanos(self.put_off.load(Ordering::Relaxed));
        Age { born: self.born, age, lifetimes: self.lifetimes, is_put_off }
    }

    /// Notes that it is asked for.
    pub(super) fn touch(&self, now: Moment) {
        if self.lifetimes.idle.is_some() {
            self.touched.fetch_max(nanos(now.since(self.born)), Ordering::Relaxed);
        }
    }

    /// Notes that computing a newer one failed, if it is the one of this age.
    pub(super) fn put_off(&self, of: &Age, now: Moment, by: Duration) {
        if of.born != self.born {
            return;
        }
        self.put_off.store(nanos(now.since(self.born).saturating_add(by)), Ordering::Relaxed);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_boundary_belongs_to_what_follows() {
        let lifetimes =
            Lifetimes { fresh: Some(secs(10)), stale: secs(5), grace: secs(5), ..Lifetimes::default() };
        let nanos = Duration::from_nanos;
        for (age, state) in [
            (Duration::ZERO, Some(State::Fresh)),
            (nanos(9_999_999_999), Some(State::Fresh)),
            (secs(10), Some(State::Stale)),
            (nanos(14_999_999_999), Some(State::Stale)),
            (secs(15), Some(State::Grace)),
            (nanos(19_999_999_999), Some(State::Grace)),
            (secs(20), None),
        ] {
            assert_eq!(lifetimes.state(age), state, "{age:?}");
            let read = Age { born: Moment::NEVER, age, lifetimes, is_put_off: false };
            assert_eq!(read.state(), state.unwrap_or(State::Grace), "{age:?}");
        }
        assert_eq!(lifetimes.whole(), Some(secs(20)));
        let plain = Lifetimes::from(Some(secs(10)));
        assert_eq!((plain.state(nanos(9_999_999_999)), plain.state(secs(10))), (Some(State::Fresh), None));
    }

    #[test]
    fn what_is_for_ever_is_fresh() {
        let age = Age { born: Moment::NEVER, age: Duration::MAX, lifetimes: None.into(), is_put_off: false };
        assert_eq!(age.state(), State::Fresh);
        assert!(age.lifetimes.is_plain() && age.lifetimes.whole().is_none());
    }

    #[test]
    fn idleness_ends_it_early_and_no_use_makes_it_live_longer_than_its_lifetimes() {
        let lifetimes = Lifetimes { fresh: Some(secs(10)), idle: Some(secs(4)), ..Lifetimes::default() };
        let life = Life::new(crate::ManualClock::new().clock().now(), lifetimes);
        let start = life.born;
        assert_eq!(life.dead_at(), start.after(Some(secs(4))));
        life.touch(start.after(Some(secs(3))));
        assert_eq!(life.dead_at(), start.after(Some(secs(7))));
        life.touch(start.after(Some(secs(2))));
        assert_eq!(life.dead_at(), start.after(Some(secs(7))), "the last use counts");
        life.touch(start.after(Some(secs(9))));
        assert_eq!(life.dead_at(), start.after(Some(secs(10))));
    }
}

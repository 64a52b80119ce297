//! What this process knows of entries that do not say it themselves: since when it has known one that was born later than
//! now, by a clock that is behind another machine's or went back; and, where nothing can be noted in the backend, until when
//! computing a newer one is put off.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cachekit_backends::{Clock, Moment};

use crate::sync::{Mutex, MutexExt as _};

/// The most entries of either kind that are remembered. What is forgotten is as if it had not been known.
const CAPACITY: usize = 4096;

/// What is known of entries, by their names and when they were born.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    /// When those that should not be there yet were first seen.
    first: Moments,
    /// Until when computing a newer one is put off.
    put_off: Moments,
    anomalies: AtomicU64,
    hasher: foldhash::fast::RandomState,
}

/// Moments by entry.
#[derive(Debug, Default)]
struct Moments {
    all: Mutex<HashMap<u64, Moment>>,
    /// How many there are, so that those who meet none take no lock.
    count: AtomicUsize,
}

impl Sights {
    /// How long this process has known the entry, if it is or was one of the future.
    pub(crate) fn seen_for(
        &self,
        name: &str,
        born: SystemTime,
        is_of_the_future: bool,
        clock: &Clock,
    ) -> Option<Duration> {
        if is_of_the_future {
            self.anomalies.fetch_add(1, Ordering::Relaxed);
        } else if self.first.is_empty() {
            return None;
        }
        let entry = self.hasher.hash_one((name, born));
        let now = clock.now();
        let known = self.first.get(entry);
        if is_of_the_future && known.is_none() {
            self.first.set(entry, now);
            return Some(Duration::ZERO);
        }
        known.map(|first| now.since(first))
    }

    pub(crate) fn anomalies(&self) -> u64 {
        self.anomalies.load(Ordering::Relaxed)
    }

    /// Notes that computing a newer value than this is not to be tried for so long.
    pub(crate) fn put_off(&self, name: &str, born: SystemTime, by: Duration, clock: &Clock) {
        self.put_off.set(self.hasher.hash_one((name, born)), clock.now().after(Some(by)));
    }

    pub(crate) fn is_put_off(&self, name: &str, born: SystemTime, clock: &Clock) -> bool {
        !self.put_off.is_empty()
            && self.put_off.get(self.hasher.hash_one((name, born))).is_some_and(|until| clock.now() < until)
    }
}

impl Moments {
    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn get(&self, entry: u64) -> Option<Moment> {
        self.all.locked().get(&entry).copied()
    }

    fn set(&self, entry: u64, moment: Moment) {
        let mut all = self.all.locked();
        if all.len() >= CAPACITY
            && !all.contains_key(&entry)
            && let Some(one) = all.keys().next().copied()
        {
            all.remove(&one);
        }
        all.insert(entry, moment);
        self.count.store(all.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cachekit_backends::ManualClock;

    #[test]
    fn what_is_of_the_future_ages_from_its_first_sight_on() {
        let (sights, hand) = (Sights::default(), ManualClock::new());
        let clock = hand.clock();
        let born = clock.wall() + Duration::from_secs(100);
        assert_eq!(sights.seen_for("a", born, false, &clock), None, "nothing is known of any");
        assert_eq!(sights.seen_for("a", born, true, &clock), Some(Duration::ZERO));
        hand.advance(Duration::from_secs(7));
        assert_eq!(sights.seen_for("a", born, true, &clock), Some(Duration::from_secs(7)));
        assert_eq!(
            sights.seen_for("a", born, false, &clock),
            Some(Duration::from_secs(7)),
            "it is still known"
        );
        assert_eq!(sights.seen_for("b", born, false, &clock), None);
        assert_eq!(sights.seen_for("a", clock.wall(), false, &clock), None, "another entry");
        assert_eq!(sights.anomalies(), 2);
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let (sights, clock) = (Sights::default(), ManualClock::new().clock());
        for n in 0..2 * CAPACITY {
            sights.seen_for(&n.to_string(), clock.wall(), true, &clock);
        }
        assert_eq!(sights.first.count.load(Ordering::Relaxed), CAPACITY);
    }
}

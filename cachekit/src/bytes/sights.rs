//! Entries that were born later than now, by a clock that is behind another machine's or went back: since when this process
//! has known them.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use cachekit_backends::{Clock, Moment};

use crate::sync::{Mutex, MutexExt as _};

/// The most that is remembered. What is forgotten counts from its next sight on.
const CAPACITY: usize = 4096;

/// When entries that should not be there yet were first seen.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    first: Mutex<HashMap<u64, Moment>>,
    /// How many there are, so that those who meet none take no lock.
    known: AtomicUsize,
    anomalies: AtomicU64,
    hasher: foldhash::fast::RandomState,
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
        } else if self.known.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let entry = self.hasher.hash_one((name, born));
        let now = clock.now();
        let mut first = self.first.locked();
        if !is_of_the_future {
            return first.get(&entry).map(|first| now.since(*first));
        }
        if first.len() >= CAPACITY
            && !first.contains_key(&entry)
            && let Some(one) = first.keys().next().copied()
        {
            first.remove(&one);
        }
        let seen = *first.entry(entry).or_insert(now);
        self.known.store(first.len(), Ordering::Relaxed);
        Some(now.since(seen))
    }

    pub(crate) fn anomalies(&self) -> u64 {
        self.anomalies.load(Ordering::Relaxed)
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
        assert_eq!(sights.known.load(Ordering::Relaxed), CAPACITY);
    }
}

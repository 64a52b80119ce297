//! Invalidations that failed: kept, kept from being served, and tried again until the backend takes them.
//!
//! Each has a number: that of the moment when it was begun. Something that is forgotten, or set, takes away only what
//! failed before it began, so that of several the newest counts however their ends are mixed.

mod replay;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cachekit_backends::{Error, Result};

use super::invalidation::Invalidation;
use super::subject::{Concern, Subject};
use crate::cache::Cache;
use crate::io::Flavour;
use crate::sync::{Mutex, MutexExt as _};

/// What became of the invalidations of a cache that failed; see [`CacheBuilder::recover`](crate::CacheBuilder::recover).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryStats {
    /// Those that wait for another attempt. What they are about is not served by this process.
    pub waiting: usize,
    /// Those that another attempt carried out.
    pub recovered: u64,
    /// Those that a later invalidation or a later `set` made needless.
    pub superseded: u64,
    /// Those for which there was no room, so that all of their function, or of the cache, is forgotten instead.
    pub widened: u64,
    /// Those for which there was no room and nothing to put in their place: they are not tried again.
    pub lost: u64,
    /// Attempts that failed, in the background.
    pub failures: u64,
}

/// The invalidations of one cache that failed.
pub(crate) struct Recovery {
    limit: usize,
    /// Whether there are any: what everybody asks who reads.
    troubled: AtomicBool,
    number: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<Subject, Waiting>,
    stats: RecoveryStats,
}

struct Waiting {
    invalidation: Invalidation,
    /// When the newest that failed was begun.
    number: u64,
    attempts: u32,
}

impl Recovery {
    /// Keeps so many.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, troubled: false.into(), number: 1.into(), state: Mutex::default() }
    }

    /// The number of what begins now.
    pub(crate) fn begin(&self) -> u64 {
        self.number.fetch_add(1, Ordering::SeqCst)
    }

    /// Keeps an invalidation that failed, which began with this number. Returns the error, with what became of it.
    pub(crate) fn keep(&self, invalidation: Invalidation, begun: u64, error: Error) -> Error {
        let cache = invalidation.cache.clone();
        let kept = {
            let subject = invalidation.subject();
            let mut state = self.state.locked();
            let kept = state.keep(subject, invalidation, begun, self.limit);
            self.note(&mut state);
            kept
        };
        if kept == Kept::Lost {
            return error.with_context(
                "recovery",
                format!(
                    "no room for more than {}, and no key prefix to clear instead: not tried again",
                    self.limit
                ),
            );
        }
        replay::ask_for(&cache);
        error.with_context(
            "recovery",
            match kept {
                Kept::Itself | Kept::Lost => "it will be tried again".to_owned(),
                Kept::Function => {
                    format!("no room for more than {}: its whole function will be forgotten", self.limit)
                }
                Kept::All => format!("no room for more than {}: the whole cache will be cleared", self.limit),
            },
        )
    }

    /// Whether this process must not serve something, because it could not forget it.
    pub(crate) fn withholds(&self, concern: impl FnOnce() -> Concern) -> bool {
        self.is_troubled() && concern().is_in(&self.state.locked().waiting)
    }

    fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::SeqCst)
    }

    fn note(&self, state: &mut State) {
        state.stats.waiting = state.waiting.len();
        self.troubled.store(!state.waiting.is_empty(), Ordering::SeqCst);
    }

    /// Something is forgotten, by what began with this number.
    pub(crate) fn forgotten(&self, subject: impl FnOnce() -> Subject, begun: u64) {
        if self.is_troubled() {
            let subject = subject();
            let mut state = self.state.locked();
            state.stats.superseded += state.remove(&subject, begun);
            self.note(&mut state);
        }
    }

    /// Forgets now what somebody is going to build upon.
    ///
    /// # Errors
    ///
    /// When it still cannot be forgotten.
    pub(crate) async fn settle(&self, concern: Concern, flavour: Flavour) -> Result<()> {
        if !self.is_troubled() {
            return Ok(());
        }
        let waiting: Vec<_> = {
            let state = self.state.locked();
            concern.found_in(&state.waiting).map(|(_, waiting)| waiting.invalidation.clone()).collect()
        };
        for invalidation in waiting {
            let begun = self.begin();
            invalidation.attempt(flavour).await?;
            self.recovered(&invalidation, begun);
        }
        Ok(())
    }

    fn recovered(&self, invalidation: &Invalidation, begun: u64) {
        let subject = invalidation.subject();
        let mut state = self.state.locked();
        state.stats.recovered += state.remove(&subject, begun);
        self.note(&mut state);
        drop(state);
        invalidation.tell_forgotten();
    }

    /// Tries all that wait, those first that were tried least; gives up when the backend looks dead. Says whether
    /// something was forgotten.
    fn replay(&self) -> bool {
        /// Failures in a row after which the others would fail, too.
        const ENOUGH: u32 = 3;
        let mut waiting: Vec<_> = {
            let state = self.state.locked();
            let each = state.waiting.iter();
            each.map(|(subject, w)| (w.attempts, w.number, subject.clone(), w.invalidation.clone())).collect()
        };
        waiting.sort_by_key(|(attempts, number, ..)| (*attempts, *number));
        let (mut in_a_row, mut any) = (0, false);
        for (_, _, subject, invalidation) in waiting {
            let begun = self.begin();
            match replay::attempt(&invalidation) {
                Ok(()) => {
                    (in_a_row, any) = (0, true);
                    self.recovered(&invalidation, begun);
                }
                Err(error) => {
                    in_a_row += 1;
                    log::debug!("{subject:?} is still not forgotten: {error:#}");
                    let mut state = self.state.locked();
                    state.stats.failures += 1;
                    if let Some(waiting) = state.waiting.get_mut(&subject) {
                        waiting.attempts += 1;
                    }
                    if in_a_row == ENOUGH {
                        break;
                    }
                }
            }
        }
        any
    }

    pub(crate) fn stats(&self) -> RecoveryStats {
        self.state.locked().stats
    }
}

/// What became of an invalidation that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Itself,
    Function,
    All,
    Lost,
}

impl State {
    fn keep(&mut self, about: Subject, invalidation: Invalidation, begun: u64, limit: usize) -> Kept {
        // Something wider waits already: it has to be done once more, if it began before this.
        let wider = self.waiting.iter_mut().find(|(subject, _)| subject.covers(&about));
        if let Some((_, wider)) = wider {
            wider.number = wider.number.max(begun);
            return Kept::Itself;
        }
        // As many functions as there are in a program need no room.
        let needs_room = !matches!(about, Subject::Function(_) | Subject::All);
        if !needs_room || self.narrow() < limit {
            self.insert(about, invalidation, begun);
            return Kept::Itself;
        }
        self.stats.widened += 1;
        if let Some((whole, function)) = widened(&about, &invalidation) {
            self.insert(whole, function, begun);
            return Kept::Function;
        }
        let parts = self.waiting.iter().filter_map(|(subject, waiting)| {
            Some((widened(subject, &waiting.invalidation)?, waiting.number))
        });
        for ((whole, function), number) in parts.collect::<Vec<_>>() {
            self.insert(whole, function, number);
        }
        if self.narrow() < limit {
            self.insert(about, invalidation, begun);
            return Kept::Itself;
        }
        if invalidation.cache.core.key_prefix.is_empty() {
            // Clearing would remove what other programs keep in the same place.
            self.stats.widened -= 1;
            self.stats.lost += 1;
            return Kept::Lost;
        }
        self.insert(Subject::All, Invalidation::all(invalidation.cache), begun);
        Kept::All
    }

    /// How many there are that the limit is about.
    fn narrow(&self) -> usize {
        self.waiting.keys().filter(|subject| !matches!(subject, Subject::Function(_) | Subject::All)).count()
    }

    /// Puts one in the place of all that it covers.
    fn insert(&mut self, about: Subject, invalidation: Invalidation, begun: u64) {
        let mut number = begun;
        self.waiting.retain(|subject, waiting| {
            let is_covered = about.covers(subject);
            if is_covered {
                number = number.max(waiting.number);
            }
            !is_covered
        });
        self.waiting.insert(about, Waiting { invalidation, number, attempts: 0 });
    }

    /// Removes what is forgotten with this, by what began with this number; says how many that were.
    fn remove(&mut self, forgotten: &Subject, begun: u64) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|subject, waiting| !forgotten.covers(subject) || waiting.number > begun);
        (before - self.waiting.len()) as u64
    }
}

/// The whole function in place of a part of it.
fn widened(about: &Subject, invalidation: &Invalidation) -> Option<(Subject, Invalidation)> {
    Some((about.whole()?, invalidation.of_function()?))
}

/// What a cache asks before it reads and after it wrote.
impl Cache {
    /// Whether this process could not forget what is under a key.
    pub(crate) fn withholds(&self, key: &str) -> bool {
        self.core.recovery.as_ref().is_some_and(|recovery| recovery.withholds(|| Concern::of_key(key)))
    }

    /// The number of what begins now, for [`replaced`](Self::replaced).
    pub(crate) fn begin(&self) -> u64 {
        self.core.recovery.as_ref().map_or(0, Recovery::begin)
    }

    /// A key has a new value, written by what began with this number.
    pub(crate) fn replaced(&self, key: &str, begun: u64) {
        if let Some(recovery) = &self.core.recovery {
            recovery.forgotten(|| Subject::Key(key.to_owned()), begun);
        }
    }

    /// Forgets now what is under a key and could not be forgotten before.
    ///
    /// # Errors
    ///
    /// When it still cannot be forgotten.
    pub(crate) async fn settle(&self, flavour: Flavour, key: &str) -> Result<()> {
        match &self.core.recovery {
            Some(recovery) => recovery.settle(Concern::of_key(key), flavour).await,
            None => Ok(()),
        }
    }

    /// What became of the invalidations that failed; all zero without
    /// [`CacheBuilder::recover`](crate::CacheBuilder::recover).
    pub fn recovery(&self) -> RecoveryStats {
        self.core.recovery.as_ref().map(Recovery::stats).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use cachekit_backends::{ErrorKind, NullCache};

    use super::*;

    fn cache() -> Cache {
        // The recovery of a test is not that of its cache, so that no thread works on it.
        Cache::builder().backend(NullCache).key_prefix("p:").build()
    }

    fn state(kept: &[(&str, u64)]) -> State {
        let (mut state, cache) = (State::default(), cache());
        for (key, number) in kept {
            let invalidation = Invalidation::key(cache.clone(), key);
            assert!(state.keep(invalidation.subject(), invalidation, *number, 10) == Kept::Itself);
        }
        state
    }

    #[test]
    fn only_what_began_later_takes_away_what_failed() {
        for (failed, forgotten, left) in [(1, 2, 0), (2, 1, 1)] {
            let mut state = state(&[("k", failed)]);
            state.remove(&Subject::Key("k".to_owned()), forgotten);
            assert_eq!(state.waiting.len(), left, "failed {failed}, forgotten {forgotten}");
        }
        // The newest that failed counts, in whatever order the failures come.
        let mut state = state(&[("k", 5), ("k", 2)]);
        assert_eq!(state.remove(&Subject::All, 4), 0);
        assert_eq!(state.remove(&Subject::All, 6), 1);
    }

    #[test]
    fn what_takes_the_place_of_others_is_as_new_as_they_are() {
        let mut state = state(&[("a", 7), ("b", 3)]);
        let all = Invalidation::all(cache());
        state.keep(Subject::All, all, 5, 10);
        assert_eq!(state.waiting.len(), 1);
        assert_eq!(state.remove(&Subject::All, 6), 0, "`a` failed after that began");
        assert_eq!(state.remove(&Subject::All, 8), 1);
    }

    #[test]
    fn what_began_before_the_last_failure_says_nothing() {
        let recovery = Recovery::new(1);
        let [first, second, third] = [recovery.begin(), recovery.begin(), recovery.begin()];
        let invalidation = Invalidation::key(cache(), "k");
        let error = Error::new(ErrorKind::Backend, "told to fail");
        let error = recovery.keep(invalidation, second, error);
        assert!(error.to_string().contains("tried again"), "{error}");
        recovery.forgotten(|| Subject::Key("k".to_owned()), first);
        assert!(recovery.withholds(|| Concern::of_key("k")));
        recovery.forgotten(|| Subject::Key("k".to_owned()), third);
        assert!(!recovery.withholds(|| Concern::of_key("k")) && recovery.stats().superseded == 1);
    }
}

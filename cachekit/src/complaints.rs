//! What is said of failures that come again and again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::Level;

/// The time between two loud lines.
const QUIET: Duration = Duration::from_secs(10);

/// How loudly failures of one kind are logged: a cache that is down fails with every call, and no log has room for all.
#[derive(Debug)]
pub(crate) struct Complaints {
    last: Mutex<Option<Instant>>,
}

impl Complaints {
    pub(crate) const fn new() -> Self {
        Self { last: Mutex::new(None) }
    }

    /// The level for a failure now: `Warn` for the first and then once in ten seconds, `Debug` for the others.
    pub(crate) fn level(&self) -> Level {
        self.level_at(Instant::now())
    }

    fn level_at(&self, now: Instant) -> Level {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.saturating_duration_since(last) < QUIET) {
            return Level::Debug;
        }
        *last = Some(now);
        Level::Warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_failures_few_are_loud() {
        let (complaints, start) = (Complaints::new(), Instant::now());
        let at = |milliseconds| complaints.level_at(start + Duration::from_millis(milliseconds));
        let loud = (0..25_000).filter(|time| at(*time) == Level::Warn).count();
        assert_eq!(loud, 3);
    }
}

//! A half-open circuit breaker: a server that does not answer is left alone for a while, then tried by one caller.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, MutexExt as _};
use crate::{BreakerState, Error, ErrorKind, Result, ServerHealth};

/// So many failures in a row open it.
const FAILURES: u32 = 3;
/// It stays open for so long at first, twice as long after each failed trial, and never longer than the last.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);
/// The log hears of a server at most this often, however often it comes and goes.
const QUIET: Duration = Duration::from_secs(10);

/// Decides whether a server is worth asking.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// For the log: the server.
    server: String,
    /// Whether the state says anything but "all is well", which is nearly never.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    failures: u32,
    /// When the next caller may try; `None` while closed.
    until: Option<Instant>,
    pause: Duration,
    /// Somebody is trying.
    trial: bool,
    /// When the log was told that it does not answer.
    told: Option<Instant>,
    /// The log is to hear when it answers again.
    is_missed: bool,
}

/// Leave to ask the server once. Dropped without a verdict, it says nothing.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    pub(crate) fn new(server: String) -> Self {
        let state =
            State { failures: 0, until: None, pause: FIRST, trial: false, told: None, is_missed: false };
        Self { server, troubled: false.into(), state: Mutex::new(state) }
    }

    /// Leave to ask.
    ///
    /// # Errors
    ///
    /// While the server is being left alone.
    #[inline]
    pub(crate) fn admit(&self) -> Result<Permit<'_>> {
        if self.is_calm() {
            return Ok(self.calm_permit());
        }
        self.admit_at(Instant::now())
    }

    /// Whether all is well, so that nobody needs leave to ask.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        !self.troubled.load(Ordering::Relaxed)
    }

    /// The leave of a request that was sent while all was well.
    pub(crate) fn calm_permit(&self) -> Permit<'_> {
        Permit { breaker: self, is_trial: false }
    }

    /// How the server does.
    pub(crate) fn health(&self) -> ServerHealth {
        self.health_at(Instant::now())
    }

    fn health_at(&self, now: Instant) -> ServerHealth {
        let state = self.state.locked();
        let breaker = match state.until {
            None => BreakerState::Closed,
            Some(until) if now < until && !state.trial => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        };
        ServerHealth::new(&*self.server).breaker(breaker).failures(state.failures)
    }

    fn admit_at(&self, now: Instant) -> Result<Permit<'_>> {
        let mut state = self.state.locked();
        let Some(until) = state.until else { return Ok(Permit { breaker: self, is_trial: false }) };
        if state.trial || now < until {
            let message = "the server did not answer lately and is left alone for a moment";
            return Err(Error::new(ErrorKind::Backend, message).with_context("server", &self.server));
        }
        state.trial = true;
        Ok(Permit { breaker: self, is_trial: true })
    }
}

impl Permit<'_> {
    /// The server answered.
    #[inline]
    pub(crate) fn succeeded(self) {
        if self.breaker.troubled.load(Ordering::Relaxed) {
            let mut state = self.breaker.state.locked();
            // What was asked before the server failed does not say that it is back.
            if state.until.is_some() && !self.is_trial {
                return;
            }
            state.until = None;
            if std::mem::take(&mut state.is_missed) {
                log::info!("{} answers again", self.breaker.server);
            }
            (state.failures, state.pause) = (0, FIRST);
            self.breaker.troubled.store(false, Ordering::Relaxed);
        }
    }

    /// The server did not answer, or not as it must.
    pub(crate) fn failed(self, error: &Error) {
        self.failed_at(Instant::now(), error);
    }

    fn failed_at(self, now: Instant, error: &Error) {
        let mut state = self.breaker.state.locked();
        self.breaker.troubled.store(true, Ordering::Relaxed);
        state.failures = state.failures.saturating_add(1);
        if self.is_trial {
            state.pause = (2 * state.pause).min(LONGEST);
            state.until = Some(now + state.pause);
        } else if state.until.is_none() && state.failures >= FAILURES {
            state.until = Some(now + state.pause);
            if state.told.is_none_or(|told| now.saturating_duration_since(told) >= QUIET) {
                (state.told, state.is_missed) = (Some(now), true);
                let server = &self.breaker.server;
                log::warn!(
                    "{server} does not answer as it should; going on without it until it does: {error:#}"
                );
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.state.locked().trial = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::deadline::late;

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new("s".to_owned());
        for _ in 0..FAILURES {
            breaker.admit_at(now).expect("closed").failed_at(now, &late());
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let (breaker, now) = (Breaker::new("s".to_owned()), Instant::now());
        for _ in 0..10 {
            for _ in 1..FAILURES {
                breaker.admit_at(now).expect("closed").failed_at(now, &late());
            }
            breaker.admit_at(now).expect("closed").succeeded();
        }
        assert!(opened(now).admit_at(now).is_err());
    }

    #[test]
    fn one_caller_tries_after_the_pause() {
        let now = Instant::now();
        let breaker = opened(now);
        assert!(breaker.admit_at(now + FIRST.saturating_sub(Duration::from_millis(1))).is_err());
        let trial = breaker.admit_at(now + FIRST).expect("half open");
        assert!(breaker.admit_at(now + FIRST).is_err(), "a second trial");
        drop(trial);
        breaker.admit_at(now + FIRST).expect("the first trial came to nothing").succeeded();
        assert!(breaker.admit_at(now).is_ok() && breaker.admit_at(now).is_ok());
    }

    #[test]
    fn its_state_can_be_asked_for() {
        let now = Instant::now();
        let is = |breaker: &Breaker, now| {
            let health = breaker.health_at(now);
            (health.breaker, health.failures)
        };
        let breaker = Breaker::new("s".to_owned());
        assert_eq!(is(&breaker, now), (BreakerState::Closed, 0));
        breaker.admit_at(now).expect("closed").failed_at(now, &late());
        assert_eq!(is(&breaker, now), (BreakerState::Closed, 1));
        let breaker = opened(now);
        assert_eq!(is(&breaker, now), (BreakerState::Open, FAILURES));
        let later = now + FIRST;
        assert_eq!(is(&breaker, later), (BreakerState::HalfOpen, FAILURES), "whoever asks next tries");
        breaker.admit_at(later).expect("half open").failed_at(later, &late());
        assert_eq!(is(&breaker, later), (BreakerState::Open, FAILURES + 1));
        breaker.admit_at(later + 2 * FIRST).expect("half open").succeeded();
        assert_eq!(is(&breaker, later), (BreakerState::Closed, 0));
    }

    #[test]
    fn the_log_hears_of_a_server_that_comes_and_goes_now_and_then_only() {
        let start = Instant::now();
        let breaker = opened(start);
        for (seconds, told) in [(1, 0), (2, 0), (11, 11), (12, 11)] {
            let now = start + Duration::from_secs(seconds);
            breaker.admit_at(now).expect("half open").succeeded();
            (0..FAILURES).for_each(|_| breaker.admit_at(now).expect("closed").failed_at(now, &late()));
            assert_eq!(breaker.state.locked().told, Some(start + Duration::from_secs(told)));
        }
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let mut now = Instant::now();
        let breaker = opened(now);
        for _ in 0..20 {
            now += LONGEST;
            breaker.admit_at(now).expect("a pause is never longer").failed_at(now, &late());
        }
        assert!(breaker.admit_at(now + LONGEST.saturating_sub(Duration::from_millis(1))).is_err());
    }

    #[test]
    fn an_answer_from_before_does_not_close_it() {
        let now = Instant::now();
        let breaker = Breaker::new("s".to_owned());
        let early = breaker.admit_at(now).expect("closed");
        for _ in 0..FAILURES {
            breaker.admit_at(now).expect("closed").failed_at(now, &late());
        }
        early.succeeded();
        assert!(breaker.admit_at(now).is_err());
    }
}

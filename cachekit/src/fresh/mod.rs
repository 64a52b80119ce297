//! How old a value may be: what the attribute says of it, and what becomes of a value of some age.
//!
//! The states are those of [`State`]: fresh, stale (served while a newer one is computed), in its grace (served when no
//! newer one can be had). A fresh value may be renewed before its time, by chance (`early`) or from a share of its
//! lifetime on (`eager`).

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Age, Found, Lifetimes, State};

use crate::bytes::envelope::random;
use crate::value::Verdict;
use crate::values::Shared;

/// What an attribute says of the age of values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness {
    /// How long a value is served after its lifetime, while a newer one is computed.
    pub(crate) stale: Duration,
    /// How long a value is served after that when computing a newer one fails.
    pub(crate) grace: Duration,
    /// The share of its lifetime by which a value may live shorter, chosen by chance.
    pub(crate) jitter: f64,
    /// How eagerly a value is renewed by chance before its end: the β of `XFetch`; zero for not.
    pub(crate) early: f64,
    /// The share of its lifetime after which the first use has a value renewed; zero for not.
    pub(crate) eager: f64,
    /// How long a value lives that nobody asks for.
    pub(crate) idle: Option<Duration>,
    /// How long a newer value is not tried for after computing one failed.
    pub(crate) throttle: Option<Duration>,
    /// How long a caller waits for a newer value while there is an old one.
    pub(crate) soft_timeout: Option<Duration>,
    /// How long a caller waits at all.
    pub(crate) hard_timeout: Option<Duration>,
    /// How often a value that is asked for is computed anew.
    pub(crate) refresh_every: Option<Duration>,
}

/// The longest that a newer value is not tried for after a failure, unless it is said.
const THROTTLE: Duration = Duration::from_secs(30);

/// No draw of `XFetch` is larger: that of the smallest number that can be drawn.
const LARGEST_DRAW: f64 = 37.0;

/// What a value of some age is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be served.
    Serve,
    /// To be served, while somebody computes a newer one.
    Renew,
    /// To be served only if no newer one can be had.
    Replace,
}

/// A value that a newer one is wanted for.
#[derive(Clone, Debug)]
pub(crate) struct Old<S> {
    pub(crate) value: S,
    pub(crate) age: Age,
    pub(crate) wish: Wish,
}

impl<S: Send + Sync + 'static> Old<S> {
    /// The same, with the type of the value forgotten.
    pub(crate) fn share(self) -> Old<Shared> {
        Old { value: Arc::new(self.value), age: self.age, wish: self.wish }
    }
}

/// What was found, judged by its age.
pub(crate) enum Judged<S> {
    Serve(S),
    Old(Old<S>),
}

impl Freshness {
    pub(crate) const PLAIN: Self = Self {
        stale: Duration::ZERO,
        grace: Duration::ZERO,
        jitter: 0.0,
        early: 0.0,
        eager: 0.0,
        idle: None,
        throttle: None,
        soft_timeout: None,
        hard_timeout: None,
        refresh_every: None,
    };

    /// How long a result lives that is fresh so long and took so long to compute.
    pub(crate) fn lifetimes(
        &self,
        fresh: Option<Duration>,
        verdict: Verdict,
        compute: Duration,
    ) -> Lifetimes {
        let fresh = fresh.map(|fresh| self.jittered(fresh));
        let idle = self.idle;
        // An error that is kept for a moment is not worth keeping for longer.
        if verdict == Verdict::Err {
            return Lifetimes { fresh, compute, idle, ..Lifetimes::default() };
        }
        let asks_from = fresh.and_then(|fresh| self.asks_from(fresh, compute));
        Lifetimes { fresh, stale: self.stale, grace: self.grace, idle, asks_from, compute }
    }

    fn jittered(&self, fresh: Duration) -> Duration {
        if self.jitter == 0.0 { fresh } else { fresh.mul_f64((1.0 - unit() * self.jitter).clamp(0.0, 1.0)) }
    }

    /// The age from which on a fresh value may have to be renewed.
    pub(crate) fn asks_from(&self, fresh: Duration, compute: Duration) -> Option<Duration> {
        let eager = (self.eager > 0.0).then(|| fresh.mul_f64(self.eager.min(1.0)));
        let early =
            (self.early > 0.0).then(|| fresh.saturating_sub(scaled(compute, self.early * LARGEST_DRAW)));
        eager.into_iter().chain(early).min()
    }

    /// Whether a caller does not wait for ever.
    pub(crate) fn has_timeout(&self) -> bool {
        self.soft_timeout.is_some() || self.hard_timeout.is_some()
    }

    /// What a value of this age is good for.
    pub(crate) fn wish(&self, age: &Age) -> Wish {
        if age.is_put_off {
            return Wish::Serve;
        }
        match age.state() {
            State::Fresh if self.is_due(age) => Wish::Renew,
            State::Fresh => Wish::Serve,
            State::Stale => Wish::Renew,
            State::Grace => Wish::Replace,
        }
    }

    /// Judges a value by its age.
    pub(crate) fn judge<S>(&self, found: Found<S>) -> Judged<S> {
        match found.age.map(|age| (age, self.wish(&age))) {
            None | Some((_, Wish::Serve)) => Judged::Serve(found.value),
            Some((age, wish)) => Judged::Old(Old { value: found.value, age, wish }),
        }
    }

    /// Whether a fresh value is to be renewed before its time.
    fn is_due(&self, age: &Age) -> bool {
        let Some(fresh) = age.lifetimes.fresh else { return false };
        if self.eager > 0.0 && age.age >= fresh.mul_f64(self.eager.min(1.0)) {
            return true;
        }
        // XFetch (Vattani, Chierichetti, Lowenstein: Optimal Probabilistic Cache Stampede Prevention, 2015).
        self.early > 0.0
            && age.age.saturating_add(scaled(age.lifetimes.compute, self.early * -unit().ln())) >= fresh
    }

    /// How long a newer value is not tried for after computing one failed.
    pub(crate) fn throttle(&self, of: &Lifetimes) -> Duration {
        self.throttle.unwrap_or_else(|| of.fresh.unwrap_or(THROTTLE).min(THROTTLE))
    }
}

/// About so long: those who wait for the same do not all come back at once.
pub(crate) fn shaken(duration: Duration) -> Duration {
    duration.mul_f64(0.5 + unit())
}

/// A duration times a factor, however large.
fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// A number above zero and up to one, each as likely as any other.
#[allow(clippy::cast_precision_loss, reason = "53 bits are what the number has")]
fn unit() -> f64 {
    const STEPS: u64 = 1 << 53;
    ((random() >> 11) + 1) as f64 / STEPS as f64
}

#[cfg(test)]
mod tests;

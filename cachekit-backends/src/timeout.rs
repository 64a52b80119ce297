//! How long an entry lives.

use std::time::{Duration, SystemTime};

use crate::Clock;

/// How long an entry lives: Flask's `timeout`, without its magic values.
///
/// Converts from whole seconds (`0` never expires, as in Flask), from [`Duration`] (zero never expires), and from
/// [`SystemTime`]: until then.
///
/// ```
/// use cachekit_backends::Timeout;
/// use std::time::{Duration, SystemTime};
///
/// assert_eq!(Timeout::from(60), Timeout::After(Duration::from_secs(60)));
/// assert_eq!(Timeout::from(0), Timeout::Never);
/// assert_eq!(Timeout::from(Duration::from_millis(1500)), Timeout::After(Duration::from_millis(1500)));
/// let noon = SystemTime::now() + Duration::from_secs(60);
/// assert_eq!(Timeout::from(noon), Timeout::Until(noon));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The default of the cache (300 seconds unless configured).
    #[default]
    Default,
    /// The entry never expires.
    Never,
    /// The entry lives this long. Stores keep at least milliseconds.
    After(Duration),
    /// The entry lives until then, by the clock of its cache. What is stored later has ended.
    Until(SystemTime),
}

impl Timeout {
    /// The lifetime of what is stored now, once the default is known; `None` never expires.
    pub fn or_default(self, default: Timeout, clock: &Clock) -> Option<Duration> {
        match (self, default) {
            (Self::After(d), _) | (Self::Default, Self::After(d)) => Some(d),
            (Self::Until(end), _) | (Self::Default, Self::Until(end)) => {
                // As good as none, which is not for ever.
                Some(end.duration_since(clock.wall()).unwrap_or_default().max(Duration::from_nanos(1)))
            }
            (Self::Default, Self::Default) => Some(Self::FALLBACK),
            (Self::Never, _) | (Self::Default, Self::Never) => None,
        }
    }

    /// What [`Timeout::Default`] means where nothing else is configured: 300 seconds, as in Flask-Caching.
    pub const FALLBACK: Duration = Duration::from_secs(300);
}

impl From<u64> for Timeout {
    /// Seconds; `0` never expires.
    fn from(seconds: u64) -> Self {
        Duration::from_secs(seconds).into()
    }
}

impl From<Duration> for Timeout {
    /// Zero never expires.
    fn from(duration: Duration) -> Self {
        if duration.is_zero() { Self::Never } else { Self::After(duration) }
    }
}

impl From<Option<Duration>> for Timeout {
    /// `None` is the default of the cache.
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Default, Self::from)
    }
}

impl From<SystemTime> for Timeout {
    /// Until then.
    fn from(end: SystemTime) -> Self {
        Self::Until(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    #[test]
    fn an_instant_ends_it_by_the_clock_of_the_cache() {
        let hand = ManualClock::new();
        let (clock, secs) = (hand.clock(), Duration::from_secs);
        let until = Timeout::from(clock.wall() + secs(10));
        let left = |timeout: Timeout, default| timeout.or_default(default, &clock);
        assert_eq!(left(until, Timeout::Default), Some(secs(10)));
        hand.advance(secs(4));
        assert_eq!(left(until, Timeout::Never), Some(secs(6)));
        assert_eq!(left(Timeout::Default, until), Some(secs(6)));
        hand.advance(secs(6));
        assert_eq!(left(until, Timeout::Never), Some(Duration::from_nanos(1)), "over, and not for ever");
        hand.advance(secs(60));
        assert_eq!(left(until, Timeout::Never), Some(Duration::from_nanos(1)));
    }
}

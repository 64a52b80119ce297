//! What time it is: the machine's clock, or one that a test moves by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ticks;

/// A point in time on a [`Clock`], in nanoseconds since an arbitrary start. Only differences mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// A moment that no clock reaches: what never expires, expires then.
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment a lifetime after this one; `None` never comes.
    #[must_use]
    pub fn after(self, lifetime: Option<Duration>) -> Self {
        let nanos = lifetime.and_then(|l| u64::try_from(l.as_nanos()).ok());
        nanos.and_then(|n| self.0.checked_add(n)).map_or(Self::NEVER, Self)
    }

    /// Whether it is after what a [`Clock::horizon`] holds.
    #[inline]
    pub(crate) fn is_after(self, horizon: &AtomicU64) -> bool {
        self.0 > horizon.load(Ordering::Relaxed)
    }

    /// The time from `earlier` to this moment, or zero.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// What time it is.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The machine's clock.
    pub const SYSTEM: Self = Self { manual: None };

    /// The time to the nanosecond. Costs a few tens of nanoseconds on the machine's clock.
    pub fn now(&self) -> Moment {
        match &self.manual {
            None => Moment(machine::now()),
            Some(nanos) => Moment(nanos.load(Ordering::Acquire)),
        }
    }

    /// The time as of the last tick of the machine's timer, at most [`COARSE`](Self::COARSE) ago. Costs a few
    /// nanoseconds.
    pub fn coarse(&self) -> Moment {
        match &self.manual {
            None => Moment(machine::coarse()),
            Some(nanos) => Moment(nanos.load(Ordering::Acquire)),
        }
    }

    /// Whether `end` is still to come.
    #[cold]
    pub(crate) fn is_before(&self, end: Moment) -> bool {
        if end == Moment::NEVER {
            return true;
        }
        self.expect_questions();
        let coarse = self.coarse();
        coarse < end && (end.since(coarse) > Self::COARSE || self.now() < end)
    }

    /// Keeps the [`horizon`](Self::horizon) ahead for a while: somebody is about to ask whether something is over.
    pub(crate) fn expect_questions(&self) {
        if self.manual.is_none() {
            ticks::ask(machine::now);
        }
    }

    /// What holds a moment of this clock that is yet to come, for as long as somebody asks: an end after it is still to
    /// come. Its value may go back.
    pub(crate) fn horizon(&self) -> &'static AtomicU64 {
        // A clock that is moved by hand may be anywhere.
        static NOWHERE: AtomicU64 = AtomicU64::new(ticks::NOWHERE);
        if self.manual.is_none() { &ticks::HORIZON } else { &NOWHERE }
    }

    /// How far [`coarse`](Self::coarse) may lag behind [`now`](Self::now): one tick of a slow timer (100 Hz).
    pub const COARSE: Duration = Duration::from_millis(10);

    /// Whether it is one that a test moves.
    pub fn is_manual(&self) -> bool {
        self.manual.is_some()
    }

    /// The time of day, for stores that other processes read.
    pub fn wall(&self) -> SystemTime {
        match &self.manual {
            None => SystemTime::now(),
            Some(nanos) => UNIX_EPOCH + Duration::from_nanos(nanos.load(Ordering::Acquire)),
        }
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64", not(miri)))]
mod machine {
    use crate::linux::{MONOTONIC, MONOTONIC_COARSE, time};

    pub(super) fn now() -> u64 {
        time(MONOTONIC)
    }

    #[inline]
    pub(super) fn coarse() -> u64 {
        time(MONOTONIC_COARSE)
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", not(miri))))]
mod machine {
    use std::sync::LazyLock;
    use std::time::Instant;

    pub(super) fn now() -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn coarse() -> u64 {
        now()
    }
}

/// A clock that stands still until a test moves it.
///
/// ```
/// use cachekit_backends::{ManualClock, SimpleCache, Backend};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let cache = SimpleCache::builder().clock(clock.clock()).build();
/// cache.set_many(&[("k", b"v")], Some(Duration::from_secs(60)))?;
/// clock.advance(Duration::from_secs(59));
/// assert_eq!(cache.has_many(&["k"])?, [true]);
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(cache.has_many(&["k"])?, [false]);
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    nanos: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock that stands at midnight, 1 January 2000 UTC, and shares its hand with its clones.
    pub fn new() -> Self {
        Self { nanos: Arc::new(AtomicU64::new(946_684_800_000_000_000)) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.nanos.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::AcqRel);
    }

    /// The clock to build caches with.
    pub fn clock(&self) -> Clock {
        Clock { manual: Some(Arc::clone(&self.nanos)) }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

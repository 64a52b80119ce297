//! Counters of an annotated function.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit_backends::__private::thread_number;

use super::Site;

/// What happened at one annotated function since the program started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SiteStats {
    /// The path of the function.
    pub function: String,
    /// Calls answered from the cache.
    pub hits: u64,
    /// Calls that ran the body because nothing (fresh) was cached, forced updates included.
    pub misses: u64,
    /// Calls that ran the body without asking the cache: `unless`, `uncached`, no request, a cache that is off.
    pub bypasses: u64,
    /// Calls that were given the result of a computation already in progress.
    pub coalesced: u64,
    /// Calls that were given an old value and had a newer one computed behind them. They are hits.
    pub refreshes: u64,
    /// Calls whose computation failed, and that were given an old value instead. They are misses.
    pub fallbacks: u64,
    /// Calls whose computation took longer than they wait. They are misses.
    pub timeouts: u64,
    /// Results that were stored.
    pub stored: u64,
    /// Results that were not stored: refused by a filter, invalidated meanwhile, of a lease that was lost, or of a type the
    /// codec cannot carry.
    pub rejected: u64,
    /// Failures of the cache; each call went on without it.
    pub errors: u64,
    /// Hits that were compared with what the body gives, where `verify` says so.
    pub verified: VerifyStats,
    /// Time spent in the body by calls that missed.
    pub compute_time: Duration,
    /// Live entries in this process, in the cache the function uses now; with `near`, those that are near. `None` where
    /// its entries are elsewhere.
    pub entries: Option<usize>,
    /// How many percent of the keys are cached: 100 unless `set_cache_ramp` says otherwise.
    pub ramp: u8,
    /// The tags of its calls, as they were written: `"user:{id}"`. Without those that values decide on.
    pub tags: &'static [&'static str],
}

/// What came of comparing hits with what the body gives, where `verify` says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyStats {
    /// The body gave the same.
    pub matches: u64,
    /// It gave something else, while the cache still had what was served: somebody did not forget it.
    pub mismatches: u64,
    /// It gave something else, and so did the cache by then.
    pub superseded: u64,
    /// It gave something else, and the cache had nothing any more.
    pub expired: u64,
    /// Not compared: another one was, no thread was free, or the body failed.
    pub dropped: u64,
}

/// [`VerifyStats`], counting.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) matches: AtomicU64,
    pub(crate) mismatches: AtomicU64,
    pub(crate) superseded: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl SiteStats {
    /// The share of calls that asked the cache and did not have to compute, from 0 to 1; `None` before the first.
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub fn hit_ratio(&self) -> Option<f64> {
        let saved = self.hits + self.coalesced;
        let asked = saved + self.misses;
        (asked > 0).then(|| saved as f64 / asked as f64)
    }
}

/// Threads that count their hits each on a line of its own.
const STRIPES: usize = 16;

#[repr(align(128))]
#[derive(Debug)]
struct Stripe(AtomicU64);

#[derive(Debug)]
pub(crate) struct Counters {
    hits: [Stripe; STRIPES],
    /// Those of all other threads.
    more_hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) bypasses: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) fallbacks: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) verified: Verified,
    compute_nanos: AtomicU64,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            hits: [const { Stripe(AtomicU64::new(0)) }; STRIPES],
            more_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            bypasses: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            verified: Verified {
                matches: AtomicU64::new(0),
                mismatches: AtomicU64::new(0),
                superseded: AtomicU64::new(0),
                expired: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
            },
            compute_nanos: AtomicU64::new(0),
        }
    }

    pub(crate) fn hit(&self) {
        match thread_number() {
            Some(number) => self.hit_in(number),
            None => count(&self.more_hits),
        }
    }

    /// Counts a hit of the thread with this number.
    #[inline]
    pub(crate) fn hit_in(&self, number: usize) {
        // No two threads have the same number at a time, so that the stripe is this thread's alone.
        match self.hits.get(number) {
            Some(Stripe(own)) => own.store(own.load(Ordering::Relaxed) + 1, Ordering::Relaxed),
            None => count(&self.more_hits),
        }
    }

    pub(crate) fn computed(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.compute_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, site: &'static Site) -> SiteStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SiteStats {
            function: site.name().to_owned(),
            hits: self.hits.iter().map(|stripe| read(&stripe.0)).sum::<u64>() + read(&self.more_hits),
            misses: read(&self.misses),
            bypasses: read(&self.bypasses),
            coalesced: read(&self.coalesced),
            refreshes: read(&self.refreshes),
            fallbacks: read(&self.fallbacks),
            timeouts: read(&self.timeouts),
            stored: read(&self.stored),
            rejected: read(&self.rejected),
            errors: read(&self.errors),
            verified: VerifyStats {
                matches: read(&self.verified.matches),
                mismatches: read(&self.verified.mismatches),
                superseded: read(&self.verified.superseded),
                expired: read(&self.verified.expired),
                dropped: read(&self.verified.dropped),
            },
            compute_time: Duration::from_nanos(read(&self.compute_nanos)),
            entries: site.cache().ok().and_then(|cache| cache.entries_of(site)),
            ramp: site.ramp(),
            tags: site.options.tags,
        }
    }
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

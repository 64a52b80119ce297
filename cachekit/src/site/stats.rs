//! Counters of an annotated function.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

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
    /// Results that were stored.
    pub stored: u64,
    /// Results that were not stored: refused by a filter, invalidated meanwhile, or of a type the codec cannot carry.
    pub rejected: u64,
    /// Failures of the cache; each call went on without it.
    pub errors: u64,
    /// Time spent in the body by calls that missed.
    pub compute_time: Duration,
    /// Live entries in this process, in the cache the function uses now; `None` where its entries are elsewhere.
    pub entries: Option<usize>,
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

/// Stripes of the hit counter: threads write different cache lines.
const STRIPES: usize = 16;

#[repr(align(128))]
#[derive(Debug)]
struct Stripe(AtomicU64);

#[derive(Debug)]
pub(crate) struct Counters {
    hits: [Stripe; STRIPES],
    pub(crate) misses: AtomicU64,
    pub(crate) bypasses: AtomicU64,
    pub(crate) coalesced: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) errors: AtomicU64,
    compute_nanos: AtomicU64,
}

thread_local! {
    /// The stripe of this thread, given at its first hit.
    static STRIPE: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            hits: [const { Stripe(AtomicU64::new(0)) }; STRIPES],
            misses: AtomicU64::new(0),
            bypasses: AtomicU64::new(0),
            coalesced: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            compute_nanos: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn hit(&self) {
        let stripe = STRIPE.get();
        let stripe = if stripe == usize::MAX { next_stripe() } else { stripe };
        self.hits[stripe % STRIPES].0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn computed(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.compute_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, function: String, entries: Option<usize>) -> SiteStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SiteStats {
            function,
            hits: self.hits.iter().map(|stripe| read(&stripe.0)).sum(),
            misses: read(&self.misses),
            bypasses: read(&self.bypasses),
            coalesced: read(&self.coalesced),
            stored: read(&self.stored),
            rejected: read(&self.rejected),
            errors: read(&self.errors),
            compute_time: Duration::from_nanos(read(&self.compute_nanos)),
            entries,
        }
    }
}

#[cold]
fn next_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let stripe = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
    STRIPE.set(stripe);
    stripe
}

/// Adds one to a counter.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

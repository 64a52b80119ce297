//! How old a value may be, and what is served while a newer one is computed, or when none can be had.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod early;
mod everywhere;
mod failures;
mod given_up;
mod inherit;
mod inherit_meanwhile;
mod leases;
mod lives;
mod lock;
mod namespaces;
mod recurring;
mod renewal;
mod tags;
mod timeouts;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, Clock};

/// A scope with a cache in this process that follows a clock of its own.
fn scope() -> (Scope, ManualClock) {
    let clock = ManualClock::new();
    (Scope::new(cache(clock.clock())), clock)
}

fn cache(clock: Clock) -> Cache {
    Cache::builder().clock(clock).build()
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The last moment before so many seconds are over.
fn just_under(n: u64) -> Duration {
    secs(n).saturating_sub(TICK)
}

const TICK: Duration = Duration::from_nanos(1);

/// Counts.
#[derive(Clone, Debug, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn up(&self) -> usize {
        self.0.fetch_add(1, SeqCst) + 1
    }

    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// Waits until it has come so far, and a moment more, in which it goes no further.
    fn settles_at(&self, expected: usize) {
        let end = Instant::now() + secs(30);
        while self.get() < expected && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(self.get(), expected);
    }
}

impl std::hash::Hash for Count {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.0) as usize).hash(state);
    }
}

/// Waits until it is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

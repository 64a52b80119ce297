//! What a case works with: a backend, keys of its own, and time.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::{Outcome, Pending, Target};
use crate::{Backend, Capability, ManualClock, Seen};

/// One trial's backend.
pub(super) struct Context {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) capability: Capability,
    target: Target,
    clock: ManualClock,
    prefix: String,
}

impl Context {
    pub(super) fn new(target: &Target) -> Outcome<Self> {
        let clock = ManualClock::new();
        let backend = (target.make)(clock.clock())?;
        let prefix = format!("testkit:{:016x}:", RandomState::new().hash_one(Instant::now()));
        Ok(Self { capability: backend.capability(), backend, target: target.clone(), clock, prefix })
    }

    /// The whole key for a name, which no other trial has.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn get(&self, name: &str) -> Outcome<Option<Vec<u8>>> {
        let mut found = self.backend.get_many(&[&self.key(name)])?;
        same("the number of answers", found.len(), 1)?;
        Ok(found.pop().flatten())
    }

    pub(super) fn has(&self, name: &str) -> Outcome<bool> {
        Ok(self.backend.has_many(&[&self.key(name)])? == [true])
    }

    /// Stores a value that never expires.
    pub(super) fn set(&self, name: &str, value: &[u8]) -> Outcome {
        self.set_for(name, value, None)
    }

    pub(super) fn set_for(&self, name: &str, value: &[u8], lifetime: Option<Duration>) -> Outcome {
        let stored = self.backend.set_many(&[(&self.key(name), value)], lifetime)?;
        same("what set_many says", stored, vec![true])
    }

    /// Adds a value that never expires.
    pub(super) fn add(&self, name: &str, value: &[u8]) -> Outcome<bool> {
        Ok(self.backend.add(&self.key(name), value, None)?)
    }

    pub(super) fn delete(&self, name: &str) -> Outcome<bool> {
        Ok(self.backend.delete_many(&[&self.key(name)])? == [true])
    }

    /// Adds to a counter that never expires where it is made by this.
    pub(super) fn increment(&self, name: &str, delta: i64) -> Outcome<i64> {
        Ok(self.backend.increment(&self.key(name), delta, None)?)
    }

    pub(super) fn compare_and_set(&self, name: &str, seen: Option<&[u8]>, value: &[u8]) -> Outcome<bool> {
        Ok(self.backend.compare_and_set(&self.key(name), seen.map(Seen::new), value, None)?)
    }

    /// A time that is short for this backend, but long enough to do something in it.
    pub(super) fn tick(&self) -> Duration {
        let fine = self.capability.exact_expiry && !self.capability.manual_clock;
        if fine { Duration::from_millis(200) } else { Duration::from_secs(1) }
    }

    /// Lets time pass: on the manual clock where the backend follows it, otherwise by waiting.
    pub(super) fn pass(&self, time: Duration) {
        if self.capability.manual_clock { self.clock.advance(time) } else { thread::sleep(time) }
    }

    /// Lets a lifetime come to its end, and as much more as the backend is inexact.
    pub(super) fn outlive(&self, lifetime: Duration) {
        let inexact = match self.capability {
            Capability { manual_clock: true, .. } => Duration::ZERO,
            Capability { exact_expiry: true, .. } => Duration::from_millis(20),
            _ => Duration::from_secs(2),
        };
        self.pass(lifetime + inexact);
    }

    /// Whether what was stored at `start` for a lifetime must be there still: the machine may have been slow.
    pub(super) fn must_be_alive(&self, start: Instant, lifetime: Duration) -> bool {
        let inexact = if self.capability.exact_expiry { Duration::ZERO } else { Duration::from_secs(1) };
        self.capability.manual_clock || start.elapsed() + inexact < lifetime
    }

    /// Runs a future to its end.
    pub(super) fn drive<T: Send>(&self, future: impl Future<Output = T> + Send) -> Outcome<T> {
        let mut result = None;
        {
            let mut pending = pin!(async { result = Some(future.await) });
            (self.target.drive)(pending.as_mut());
        }
        result.ok_or_else(|| "the target's `drive` came back before the future was ready".to_owned().into())
    }
}

impl Drop for Context {
    /// Leaves nothing behind in a backend that outlives the trial.
    fn drop(&mut self) {
        // The trial has its result; what cannot be cleared cannot be helped.
        let _ = self.backend.clear(&self.prefix);
    }
}

/// Fails unless what was found is what was expected.
#[allow(
    clippy::needless_pass_by_value,
    reason = "reads like `assert_eq!`, whose arguments are mostly made for it"
)]
#[track_caller]
pub(super) fn same<T: PartialEq + Debug>(what: impl Display, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (shortened(&found), shortened(&expected));
    Err(format!("{what}: expected {expected}, found {found} ({})", Location::caller()).into())
}

/// Fails unless the rule holds.
#[track_caller]
pub(super) fn holds(rule: impl Display, it_does: bool) -> Outcome {
    if it_does { Ok(()) } else { Err(format!("expected: {rule} ({})", Location::caller()).into()) }
}

/// A value as a failure may show it: values of a million bytes are no help to a reader.
fn shortened(value: &impl Debug) -> String {
    const MOST: usize = 300;
    let text = format!("{value:?}");
    if text.chars().count() <= MOST {
        return text;
    }
    text.chars().take(MOST).chain("…".chars()).collect()
}

/// Polls a future on this thread, which sleeps while there is nothing to do.
pub(super) fn poll_by_hand(mut future: Pending<'_>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = std::task::Context::from_waker(&waker);
    while future.as_mut().poll(&mut cx).is_pending() {
        thread::park();
    }
}

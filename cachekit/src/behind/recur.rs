//! Values that are computed anew every so often, for as long as somebody asks for them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit_backends::OwnedKey;

use super::timer::{Recurrent, Timer};

/// What computes a value anew; says whether to go on.
pub(crate) type Act = Box<dyn Fn(&Asked) -> bool + Send + Sync>;

/// Whether a value was asked for, where its store cannot tell.
#[derive(Debug, Default)]
pub(crate) struct Asked(AtomicBool);

impl Asked {
    /// Whether it was since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// A call of a store, wherever that is in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    store: usize,
    key: OwnedKey,
}

impl Id {
    pub(crate) fn new<S>(store: &Arc<S>, key: &OwnedKey) -> Self {
        Self { store: Arc::as_ptr(store).addr(), key: key.clone() }
    }
}

struct Recurring {
    every: Duration,
    act: Act,
    asked: Asked,
}

impl Recurrent for Recurring {
    fn every(&self) -> Duration {
        self.every
    }

    /// Computes the value anew if somebody asked for it.
    fn act(&self) -> bool {
        (self.act)(&self.asked)
    }
}

static SCHEDULE: Timer<Id, Recurring> = Timer::new("cachekit-recur");

/// The most values of a process that are kept this way; those beyond are computed when somebody asks.
const MOST: usize = 100_000;

/// Has a value computed anew every so often, from now on, unless it is already.
pub(crate) fn recur(id: Id, every: Duration, act: impl FnOnce() -> Act) {
    SCHEDULE.begin(id, MOST, || Recurring { every, act: act(), asked: Asked::default() });
}

/// Notes that a value was asked for, if it is computed anew every so often.
pub(crate) fn note(id: &Id) {
    if let Some(one) = SCHEDULE.get(id) {
        one.asked.0.store(true, Ordering::Relaxed);
    }
}

/// Where the work of async functions goes when no caller is there: the runtime of the caller who had it begin.
#[derive(Clone)]
pub(crate) enum Runtime {
    #[cfg(feature = "tokio")]
    Tokio(tokio::runtime::Handle),
    Other,
}

impl Runtime {
    /// That of this caller, if anything is known of one.
    pub(crate) fn current() -> Option<Self> {
        #[cfg(feature = "tokio")]
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            return Some(Self::Tokio(handle));
        }
        super::can_spawn().then_some(Self::Other)
    }

    /// Has it do the work.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match self {
            #[cfg(feature = "tokio")]
            Self::Tokio(handle) => drop(handle.spawn(work)),
            Self::Other => drop(super::spawn(Box::pin(work))),
        }
    }
}

//! Values that are computed anew every so often, for as long as somebody asks for them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::OwnedKey;

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
    due: Instant,
    act: Act,
    asked: Asked,
}

type All = HashMap<Id, Arc<Mutex<Recurring>>>;

struct Schedule {
    all: Mutex<Option<All>>,
    changed: Condvar,
}

static SCHEDULE: Schedule = Schedule { all: Mutex::new(None), changed: Condvar::new() };

/// The most values of a process that are kept this way; those beyond are computed when somebody asks.
const MOST: usize = 100_000;

/// How long the thread waits when there is nothing to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has a value computed anew every so often, from now on, unless it is already.
pub(crate) fn recur(id: Id, every: Duration, act: impl FnOnce() -> Act) {
    let mut all = SCHEDULE.all.lock().unwrap_or_else(PoisonError::into_inner);
    let has_thread = all.is_some();
    let known = all.get_or_insert_default();
    if known.len() >= MOST || known.contains_key(&id) {
        return;
    }
    let recurring = Recurring { every, due: Instant::now() + every, act: act(), asked: Asked::default() };
    known.insert(id, Arc::new(Mutex::new(recurring)));
    if !has_thread && thread::Builder::new().name("cachekit-recur".to_owned()).spawn(run).is_err() {
        *all = None;
    }
    drop(all);
    SCHEDULE.changed.notify_one();
}

/// Notes that a value was asked for, if it is computed anew every so often.
pub(crate) fn note(id: &Id) {
    let all = SCHEDULE.all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(one) = all.as_ref().and_then(|all| all.get(id)) {
        // Whoever holds it is about to ask, or has just asked.
        if let Ok(one) = one.try_lock() {
            one.asked.0.store(true, Ordering::Relaxed);
        }
    }
}

fn run() {
    let mut all = SCHEDULE.all.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let now = Instant::now();
        let known = all.get_or_insert_default();
        let due_of = |one: &Arc<Mutex<Recurring>>| one.lock().unwrap_or_else(PoisonError::into_inner).due;
        let due: Vec<_> = known
            .iter()
            .filter(|(_, one)| due_of(one) <= now)
            .map(|(id, one)| (id.clone(), one.clone()))
            .collect();
        if !due.is_empty() {
            // Nobody waits for the stores that are asked now.
            drop(all);
            let over: Vec<_> = due.into_iter().filter(|(_, one)| !is_wanted(one)).collect();
            all = SCHEDULE.all.lock().unwrap_or_else(PoisonError::into_inner);
            let known = all.get_or_insert_default();
            for (id, _) in over {
                known.remove(&id);
            }
            continue;
        }
        let next = known.values().map(due_of).min();
        let patience = next.map_or(PATIENCE, |next| next.saturating_duration_since(now));
        let (again, waited) =
            SCHEDULE.changed.wait_timeout(all, patience).unwrap_or_else(PoisonError::into_inner);
        all = again;
        if waited.timed_out() && all.as_ref().is_none_or(HashMap::is_empty) {
            *all = None;
            return;
        }
    }
}

/// Computes a value anew if somebody asked for it.
fn is_wanted(one: &Mutex<Recurring>) -> bool {
    let mut one = one.lock().unwrap_or_else(PoisonError::into_inner);
    one.due = Instant::now() + one.every;
    (one.act)(&one.asked)
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

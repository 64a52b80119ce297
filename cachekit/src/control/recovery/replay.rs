//! The thread that tries failed invalidations again, while there are any.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Error, ErrorKind, Result};

use crate::bytes::envelope::random;
use crate::cache::Cache;
use crate::control::invalidation::Invalidation;
use crate::io::{Flavour, now};

/// The time until the next attempt at first; twice as long after each that failed, and never longer than the last.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The caches that have something to try.
struct Desk {
    caches: Vec<Turn>,
    /// The process that has a thread for them: not the one that was forked from it.
    process: Option<u32>,
}

struct Turn {
    cache: Cache,
    at: Instant,
    pause: Duration,
}

static DESK: Mutex<Desk> = Mutex::new(Desk { caches: Vec::new(), process: None });
static CHANGED: Condvar = Condvar::new();

/// Has the failed invalidations of a cache tried again.
pub(super) fn ask_for(cache: &Cache) {
    let mut desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    if !desk.caches.iter().any(|turn| Arc::ptr_eq(&turn.cache.core, &cache.core)) {
        desk.caches.push(Turn { cache: cache.clone(), at: Instant::now() + FIRST, pause: FIRST });
        CHANGED.notify_all();
    }
    let process = Some(std::process::id());
    if desk.process == process {
        return;
    }
    desk.process = process;
    if let Err(error) = thread::Builder::new().name("cachekit-recovery".to_owned()).spawn(work) {
        // The next one that fails asks again.
        desk.process = None;
        log::error!("there is no thread to try failed invalidations again: {error}");
    }
}

fn work() {
    let mut desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(index) = (0..desk.caches.len()).min_by_key(|index| desk.caches[*index].at) else {
            desk.process = None;
            return;
        };
        let wait = desk.caches[index].at.saturating_duration_since(Instant::now());
        if !wait.is_zero() {
            desk = CHANGED.wait_timeout(desk, wait).map_or_else(|e| e.into_inner().0, |(desk, _)| desk);
            continue;
        }
        let cache = desk.caches[index].cache.clone();
        drop(desk);
        let any = cache.core.recovery.as_ref().is_some_and(super::Recovery::replay);
        desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
        // Others only add to the list, so that it is at its place.
        // Under the lock that `ask_for` takes after it has kept something: either it is seen here, or asks again.
        if cache.core.recovery.as_ref().is_none_or(|recovery| !recovery.is_troubled()) {
            let done = desk.caches.swap_remove(index);
            drop(desk);
            // The last handle to a cache ends with its backend, which takes its time.
            drop((done, cache));
            desk = DESK.lock().unwrap_or_else(PoisonError::into_inner);
        } else {
            let turn = &mut desk.caches[index];
            turn.pause = if any { FIRST } else { (turn.pause * 2).min(LONGEST) };
            turn.at = Instant::now() + turn.pause.mul_f64(spread());
        }
    }
}

/// From 0.75 to 1.25, so that the processes of a fleet do not come all at once.
#[allow(clippy::cast_precision_loss, reason = "a random part of a pause")]
fn spread() -> f64 {
    0.75 + (random() % 1000) as f64 / 2000.0
}

/// Tries one; a panic of the backend is a failure.
pub(super) fn attempt(invalidation: &Invalidation) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| now(invalidation.attempt(Flavour::Blocking)).map(drop)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Backend, "the backend panicked")))
}

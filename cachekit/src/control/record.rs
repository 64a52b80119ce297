//! A record of what the functions of a task asked their caches for.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use crate::call;
use crate::events::{Event, EventKind};
use crate::sync::{Mutex, MutexExt as _};

/// What the functions of a task asked their caches for, and what they found.
///
/// ```
/// use cachekit::{Outcome, Record, memoize};
///
/// #[memoize]
/// fn square(n: u64) -> u64 { n * n }
///
/// let (sum, record) = Record::of(|| square(3) + square(3));
/// assert_eq!(sum, 18);
/// assert_eq!(record.count(Outcome::Miss), 1);
/// assert_eq!(record.count(Outcome::Hit), 1);
/// assert_eq!(record.asked()[0].key.as_deref(), Some(&*square::make_cache_key(3)));
/// ```
///
/// It changes nothing about the calls, notes them in whatever [`CacheMode`](crate::CacheMode) they run, and follows a
/// future to whatever thread polls it. Inside another record, both note. `Cache::get_or_insert_with` is noted too, under the
/// key alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    asked: Vec<Asked>,
}

/// One call that a [`Record`] noted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The path of the annotated function; `None` for `Cache::get_or_insert_with`.
    pub function: Option<String>,
    /// The key, as `make_cache_key` gives it; `None` for a call that did not ask.
    pub key: Option<String>,
    /// What the cache had.
    pub outcome: Outcome,
}

/// What a call found; see [`Asked::outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// A value, or another caller's result.
    Hit,
    /// Nothing: it computed.
    Miss,
    /// It did not ask: `unless`, `uncached`, a mode, a cache that is off.
    Bypass,
}

impl Record {
    /// Runs `call`, on this thread, and notes what its functions ask for.
    pub fn of<R>(call: impl FnOnce() -> R) -> (R, Self) {
        let note = Note::new();
        let value = {
            let _entered = Entered::new(&note);
            call()
        };
        (value, note.record())
    }

    /// Runs a future, on whatever threads it is polled, and notes what its functions ask for. Tasks it spawns are outside.
    pub async fn of_async<F: Future>(call: F) -> (F::Output, Self) {
        let note = Note::new();
        let mut call = pin!(call);
        let value = poll_fn(|cx| {
            let _entered = Entered::new(&note);
            call.as_mut().poll(cx)
        })
        .await;
        (value, note.record())
    }

    /// The calls, in the order in which they asked.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// How many calls found this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.asked.iter().filter(|asked| asked.outcome == outcome).count()
    }
}

/// Where a record is written.
struct Note {
    asked: Mutex<Vec<Asked>>,
    /// The record around it, which notes the same.
    outer: Option<Arc<Note>>,
}

thread_local! {
    static NOTE: RefCell<Option<Arc<Note>>> = const { RefCell::new(None) };
}

impl Note {
    fn new() -> Arc<Self> {
        Arc::new(Self { asked: Mutex::default(), outer: NOTE.with_borrow(Clone::clone) })
    }

    fn record(&self) -> Record {
        Record { asked: std::mem::take(&mut *self.asked.locked()) }
    }
}

/// Puts the outer record back, also when the call panics.
struct Entered(Option<Arc<Note>>);

impl Entered {
    fn new(note: &Arc<Note>) -> Self {
        let outer = NOTE.replace(Some(Arc::clone(note)));
        call::set_recording(true);
        Self(outer)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        call::set_recording(self.0.is_some());
        NOTE.set(self.0.take());
    }
}

/// Notes an event of a function, if it is about a call that asked.
pub(crate) fn note(event: &Event<'_>) {
    let outcome = match event.kind {
        EventKind::Hit => Outcome::Hit,
        EventKind::Miss => Outcome::Miss,
        _ => return,
    };
    write(Some(event.function), event.key, outcome);
}

/// Notes a call that did not ask.
pub(crate) fn note_bypass(function: &str) {
    write(Some(function), None, Outcome::Bypass);
}

/// Notes a key of one's own.
pub(crate) fn note_key(key: &str, outcome: Outcome) {
    write(None, Some(key), outcome);
}

fn write(function: Option<&str>, key: Option<&str>, outcome: Outcome) {
    if !call::is_recording() {
        return;
    }
    let innermost = NOTE.with_borrow(Clone::clone);
    let mut next = innermost.as_ref();
    while let Some(note) = next {
        let (function, key) = (function.map(str::to_owned), key.map(str::to_owned));
        note.asked.locked().push(Asked { function, key, outcome });
        next = note.outer.as_ref();
    }
}

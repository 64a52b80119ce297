//! What caches tell those who listen.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use cachekit_backends::Error;

use crate::sync::RwLockExt as _;
use crate::{call, control, registry};

/// What happened; see [`Event::kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A call was answered from the cache.
    Hit,
    /// A call found nothing in the cache and computes.
    Miss,
    /// A call was given an old value, and a newer one is computed behind it.
    Refresh,
    /// A result was stored.
    Stored,
    /// A result was not stored: a filter refused it, it was invalidated while it was computed, or the codec cannot
    /// carry its type.
    Rejected,
    /// Something was forgotten on request.
    Invalidated,
    /// The cache failed; the call went on without it.
    Error,
    /// A value that was served is not what the body gives, and is still in the cache (`verify`).
    Mismatch,
}

/// Something that happened at an annotated function.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// The path of the annotated function.
    pub function: &'a str,
    /// The key of the call, as `make_cache_key` gives it, where the event is about one.
    pub key: Option<&'a str>,
    /// What failed, or why a result was refused, where something did.
    pub error: Option<&'a Error>,
}

type Listener = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

static LISTENERS: RwLock<Vec<(usize, Listener)>> = RwLock::new(Vec::new());

/// Keeps a listener subscribed until it is dropped.
#[must_use = "the listener is unsubscribed when this is dropped"]
pub struct Subscription {
    id: usize,
}

/// Calls `listener` with everything that happens at annotated functions, in the thread where it happens.
///
/// The listener should be quick. It must not panic: a panic goes through to the caller of the function.
///
/// ```
/// use cachekit::{events, memoize};
/// use std::sync::{Arc, Mutex};
///
/// #[memoize]
/// fn double(n: u64) -> u64 { n * 2 }
///
/// let seen = Arc::new(Mutex::new(Vec::new()));
/// let log = Arc::clone(&seen);
/// let subscription = events::subscribe(move |event| log.lock().unwrap().push(event.kind));
/// double(4);
/// double(4);
/// drop(subscription);
/// assert_eq!(*seen.lock().unwrap(), [events::EventKind::Miss, events::EventKind::Stored, events::EventKind::Hit]);
/// ```
pub fn subscribe(listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Subscription {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut listeners = LISTENERS.writing();
    listeners.push((id, Arc::new(listener)));
    registry::set_watched(true);
    Subscription { id }
}

/// Whether anybody listens, or notes what this thread does. Two loads.
pub(crate) fn wanted() -> bool {
    registry::is_watched() || call::is_recording()
}

pub(crate) fn emit(event: &Event<'_>) {
    control::note(event);
    // The listeners run without the lock, so that they may subscribe and call cached functions.
    let listeners: Vec<Listener> = LISTENERS.reading().iter().map(|(_, l)| Arc::clone(l)).collect();
    for listener in listeners {
        listener(event);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut listeners = LISTENERS.writing();
        listeners.retain(|(id, _)| *id != self.id);
        registry::set_watched(!listeners.is_empty());
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

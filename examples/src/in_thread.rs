//! Blocking work as a future.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

/// Runs blocking work on a thread of its own, and waits for it without blocking this one.
///
/// # Panics
///
/// If the work panics, with its panic.
pub async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let shared = Arc::new(Mutex::new(Shared { outcome: None, waiting: None }));
    let theirs = Arc::clone(&shared);
    thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let mut shared = theirs.lock().unwrap_or_else(PoisonError::into_inner);
        shared.outcome = Some(outcome);
        if let Some(waiting) = shared.waiting.take() {
            waiting.wake();
        }
    });
    let outcome = poll_fn(move |cx| {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.waiting = Some(cx.waker().clone());
        shared.outcome.take().map_or(Poll::Pending, Poll::Ready)
    });
    outcome.await.unwrap_or_else(|panic| resume_unwind(panic))
}

struct Shared<T> {
    outcome: Option<thread::Result<T>>,
    waiting: Option<Waker>,
}

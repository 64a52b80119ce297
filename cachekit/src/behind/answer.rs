//! What work that is done elsewhere gives to the caller who waits for it, if it still does.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Instant;

use futures_timer::Delay;

/// The end of the one who works. Dropped, it gives nothing.
pub(crate) struct Promise<T>(Arc<Shared<T>>);

/// The end of the one who waits.
pub(crate) struct Answer<T>(Arc<Shared<T>>);

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// What the work gave, or what it panicked with.
    result: Option<thread::Result<T>>,
    is_over: bool,
    waker: Option<Waker>,
}

impl<T> Answer<T> {
    /// Both ends.
    pub(crate) fn pair() -> (Promise<T>, Self) {
        let state = State { result: None, is_over: false, waker: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        (Promise(Arc::clone(&shared)), Self(shared))
    }

    /// Waits until a moment, or for ever; a panic of the work goes on here. Nothing if time is up or nothing will come.
    pub(crate) fn wait(self, until: Option<Instant>) -> Option<T> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.result.is_none() && !state.is_over {
            state = match until {
                None => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        let result = state.result.take();
        drop(state);
        result.map(unwound)
    }

    /// The async flavour of [`wait`](Self::wait).
    pub(crate) async fn wait_async(self, until: Option<Instant>) -> Option<T> {
        let mut end = pin!(until.map(|until| Delay::new(until.saturating_duration_since(Instant::now()))));
        let result = poll_fn(|cx| {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.result.is_some() || state.is_over {
                return Poll::Ready(state.result.take());
            }
            state.waker = Some(cx.waker().clone());
            drop(state);
            match end.as_mut().as_pin_mut().map(|end| end.poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await;
        result.map(unwound)
    }
}

impl<T> Promise<T> {
    /// Gives what the work gave, or what it panicked with.
    pub(crate) fn keep(self, result: thread::Result<T>) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).result = Some(result);
        // Dropping wakes the one who waits.
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_over = true;
            state.waker.take()
        };
        self.0.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn unwound<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

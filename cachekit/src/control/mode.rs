//! What a task makes of caching.

use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::call;

#[doc = include_str!("../docs/cache_mode.md")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheMode {
    /// As without any scope: read, compute and store what is missing.
    #[default]
    Normal,
    /// Neither read nor store: every call runs its body.
    Off,
    /// Compute and store, whatever is cached. Callers do not wait for each other then.
    Refresh,
    /// Read, but store nothing: what is missing is computed for its caller alone.
    ReadOnly,
}

impl CacheMode {
    /// Runs `call` in this mode, on this thread.
    pub fn scope<R>(self, call: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(self);
        call()
    }

    /// Runs a future in this mode, on whatever threads it is polled. Tasks it spawns are outside.
    pub async fn scope_async<F: Future>(self, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|cx| {
            let _entered = Entered::new(self);
            call.as_mut().poll(cx)
        })
        .await
    }

    /// The mode around the caller.
    pub fn current() -> Self {
        call::caching()
    }
}

/// Puts the outer mode back, also when the call panics.
struct Entered(CacheMode);

impl Entered {
    fn new(mode: CacheMode) -> Self {
        Self(call::set_caching(mode))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        call::set_caching(self.0);
    }
}

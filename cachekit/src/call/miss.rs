//! A miss, with the type of its value: what the expansion does between a call that found nothing and its result.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;

use cachekit_backends::Timeout;

use super::missed::{Missed, Running};
use crate::key::Tags;
use crate::value::{Policy, Same};
use crate::values::typed;

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
pub struct Miss<P: Policy> {
    pub(super) missed: Missed,
    /// A function, so that it goes to any thread.
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy> Miss<P> {
    pub(super) fn new(missed: Missed) -> Self {
        Self { missed, policy: PhantomData }
    }

    /// Sets the lifetime: before the body ran that of this call, afterwards that of its value.
    pub fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        self.missed.set_timeout(timeout.into());
    }

    /// Keeps the result out of the cache.
    pub fn reject(&mut self) {
        if let Some(said) = self.missed.said() {
            said.rejected = true;
        }
    }

    /// Says that the caller is to have this error, and no old value instead.
    pub fn do_not_forgive(&mut self) {
        if let Some(said) = self.missed.said() {
            said.unforgivable = true;
        }
    }

    /// Adds tags that the value decides.
    pub fn tag(&mut self, add: impl FnOnce(&mut Tags)) {
        self.missed.tags().map(add);
    }

    /// Says how values are compared, where their type knows.
    pub fn compare_by(&mut self, same: Option<Same<P::Stored>>) {
        self.missed.compare_by(same);
    }

    /// Runs the body.
    #[inline(never)]
    pub fn run(&mut self, body: impl FnOnce() -> P::Ret) -> P::Ret {
        let running = self.missed.begin();
        let value = body();
        self.missed.end(running);
        value
    }

    /// Before the body runs: what to [finish](Self::finish_run) it with.
    pub(super) fn begin(&mut self) -> Running {
        self.missed.begin()
    }

    /// After the body ran.
    pub(super) fn finish_run(mut self, running: Running, value: P::Ret) -> P::Ret {
        self.missed.end(running);
        self.finish(value)
    }

    /// Runs an async body.
    pub async fn run_async<F: Future<Output = P::Ret>>(&mut self, body: impl FnOnce() -> F) -> P::Ret {
        self.run_around(body()).await
    }

    /// Runs what the value will be made from, or is.
    pub(crate) async fn run_around<F: Future>(&mut self, body: F) -> F::Output {
        let start = self.missed.start();
        let output = {
            let mut body = pin!(body);
            poll_fn(|cx| {
                let _inside = self.missed.enter(&start);
                body.as_mut().poll(cx)
            })
            .await
        };
        self.missed.has_run(start);
        output
    }

    /// Stores the result and gives it to those who wait. Where it failed and there is an old value, that is the result.
    #[inline(never)]
    pub fn finish(self, value: P::Ret) -> P::Ret {
        if !self.missed.is_asked() {
            return value;
        }
        let old = self.missed.finish(P::split(&value).lend(), P::timeout(&value));
        old.map_or(value, |old| P::join(typed(old)))
    }

    /// The async flavour of [`finish`](Self::finish).
    pub async fn finish_async(self, value: P::Ret) -> P::Ret {
        if !self.missed.is_asked() {
            return value;
        }
        let (split, timeout) = (P::split(&value), P::timeout(&value));
        let old = self.missed.finish_async(split.lend(), timeout).await;
        old.map_or(value, |old| P::join(typed(old)))
    }
}

impl<P: Policy> fmt::Debug for Miss<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Miss").field("site", self.missed.site()).finish_non_exhaustive()
    }
}

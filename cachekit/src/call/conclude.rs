//! Where a call computes: here, or behind a caller who does not wait.
//!
//! A caller with an old value that is good enough gets it, and the work is done behind it. One with a time limit has the
//! work done elsewhere too, and waits for it no longer than that. Everybody else does the work itself.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Instant;

use cachekit_backends::{Error, ErrorKind};
use futures_timer::Delay;

use super::miss::Miss;
use super::missed::Missed;
use crate::behind::{Ambient, Answer, LEFT, REFRESHES, can_spawn, spawn};
use crate::site::Site;
use crate::site::stats::count;
use crate::value::Policy;
use crate::values::{Shared, typed};

/// A result that can say that it took too long.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that a call took too long",
    label = "no `Result` with an error that is `From<cachekit::Error>`",
    note = "write what a call gives then: `on_timeout = ..`, or return a `Result` whose error implements \
            `From<cachekit::Error>`"
)]
pub trait TimedOut {
    /// That it took too long.
    fn timed_out(function: &str) -> Self;
}

impl<T, E: From<Error>> TimedOut for Result<T, E> {
    fn timed_out(function: &str) -> Self {
        let message = "expected a result within `hard_timeout`; it may be cached when it comes";
        Err(Error::new(ErrorKind::TimedOut, message).with_context("function", function).into())
    }
}

/// A parameter that a computation takes along when its caller does not wait for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken along by a computation that its caller does not wait for",
    label = "not `Send + 'static`",
    note = "`stale`, `eager`, `soft_timeout` and `hard_timeout` compute behind the caller: take an owned value or an \
            `Arc`, or leave the option out"
)]
pub trait Keep: Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Keep for T {}

/// A borrowed parameter of which a computation takes an owned form along.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken along by a computation that its caller does not wait for",
    label = "no owned form of it that is `Send + 'static`",
    note = "`stale`, `eager`, `soft_timeout` and `hard_timeout` compute behind the caller: `#[derive(Clone)]` on the type, \
            take an owned value or an `Arc`, or leave the option out"
)]
pub trait Own: ToOwned<Owned: Send + 'static> {}

#[diagnostic::do_not_recommend]
impl<T: ToOwned<Owned: Send + 'static> + ?Sized> Own for T {}

/// A parameter, taken along.
pub fn keep<T: Keep>(value: T) -> T {
    value
}

/// The owned form of a borrowed parameter, taken along.
pub fn own<T: Own + ?Sized>(value: &T) -> T::Owned {
    value.to_owned()
}

/// The owned form, lent to a body that wants to borrow.
pub fn lend<T: Own + ?Sized>(value: &T::Owned) -> &T {
    std::borrow::Borrow::borrow(value)
}

/// That a call of this function took too long.
pub fn timed_out<R: TimedOut>(site: &'static Site) -> R {
    R::timed_out(site.name())
}

/// What a call gives that took too long, where only those stop waiting who have an old value.
pub fn never_late<R>() -> R {
    unreachable!("only who has an old value stops waiting")
}

/// What a caller does about a computation.
enum Plan {
    /// Does it.
    Here,
    /// Has the old value, and the computation goes on without it.
    Behind,
    /// Waits for it so long.
    Within(Instant),
}

impl<P: Policy + 'static> Miss<P> {
    /// Does the work, or has it done: see the module.
    pub fn conclude(
        self,
        work: impl FnOnce(Self) -> P::Ret + Send + 'static,
        late: impl FnOnce() -> P::Ret,
    ) -> P::Ret
    where
        P::Ret: Send + 'static,
    {
        match self.missed.plan() {
            Plan::Here => work(self),
            Plan::Behind => self.conclude_behind(work),
            Plan::Within(until) => self.conclude_within(until, work, late),
        }
    }

    fn conclude_behind(mut self, work: impl FnOnce(Self) -> P::Ret + Send + 'static) -> P::Ret {
        let Some(old) = self.old_value() else { return work(self) };
        self.missed.step_aside();
        self.missed.count_as_refresh();
        let ambient = Ambient::capture();
        // A panic of the body is reported by its hook, and concerns nobody else. What finds no thread is dropped, and
        // hands over to the next caller.
        drop(REFRESHES.run(Box::new(move || {
            drop(catch_unwind(AssertUnwindSafe(|| drop(ambient.run(|| work(self))))));
        })));
        old()
    }

    fn conclude_within(
        mut self,
        until: Instant,
        work: impl FnOnce(Self) -> P::Ret + Send + 'static,
        late: impl FnOnce() -> P::Ret,
    ) -> P::Ret
    where
        P::Ret: Send + 'static,
    {
        let old = self.old_value();
        if Instant::now() >= until {
            self.missed.count_as_late();
            return old.map_or_else(late, |old| old());
        }
        if old.is_some() {
            self.missed.step_aside();
        }
        let site = self.missed.site();
        let (promise, answer) = Answer::pair();
        let ambient = Ambient::capture();
        let job = Box::new(move || {
            promise.keep(catch_unwind(AssertUnwindSafe(|| ambient.run(|| work(self)))));
        });
        if let Err(job) = LEFT.run(job)
            && old.is_none()
        {
            // Without a thread to be had, late is better than never.
            job();
        }
        answer.wait(Some(until)).unwrap_or_else(|| {
            count(&site.counters.timeouts);
            old.map_or_else(late, |old| old())
        })
    }

    /// The async flavour of [`conclude`](Self::conclude).
    pub async fn conclude_async<F>(
        mut self,
        work: impl FnOnce(Self) -> F + Send + 'static,
        late: impl FnOnce() -> P::Ret,
    ) -> P::Ret
    where
        P::Ret: Send + 'static,
        F: Future<Output = P::Ret> + Send + 'static,
    {
        match self.missed.plan() {
            Plan::Behind if can_spawn() => {
                let Some(old) = self.old_value() else { return work(self).await };
                self.missed.step_aside();
                self.missed.count_as_refresh();
                let work = Ambient::capture().run_async(work(self));
                // There is somewhere to spawn it.
                drop(spawn(Box::pin(async move { drop(work.await) })));
                old()
            }
            // Nobody waits for what is only compared.
            Plan::Behind if self.missed.is_verifying() => match self.old_value() {
                Some(old) => old(),
                None => work(self).await,
            },
            Plan::Here | Plan::Behind => work(self).await,
            Plan::Within(until) => {
                let old = self.old_value();
                if Instant::now() >= until {
                    self.missed.count_as_late();
                    return old.map_or_else(late, |old| old());
                }
                if old.is_some() {
                    self.missed.step_aside();
                }
                let site = self.missed.site();
                let found = within(until, Ambient::capture().run_async(work(self))).await;
                found.unwrap_or_else(|| {
                    count(&site.counters.timeouts);
                    old.map_or_else(late, |old| old())
                })
            }
        }
    }

    /// What gives the old value, where there is one, wherever the call goes.
    fn old_value(&self) -> Option<impl FnOnce() -> P::Ret + use<P>> {
        let old = self.missed.old_value()?;
        Some(move || P::join(typed(old())))
    }
}

impl Missed {
    fn plan(&self) -> Plan {
        let Some(call) = self.call() else { return Plan::Here };
        if self.is_verifying() || (call.has_old_to_serve() && self.leader().is_some()) {
            return Plan::Behind;
        }
        let freshness = &self.site().options.freshness;
        let soft = freshness.soft_timeout.filter(|_| call.old.is_some());
        let limit = soft.into_iter().chain(freshness.hard_timeout).min();
        match (call.came, limit) {
            (Some(came), Some(limit)) => came.checked_add(limit).map_or(Plan::Here, Plan::Within),
            _ => Plan::Here,
        }
    }

    /// What gives the old value, where there is one, wherever the call goes.
    fn old_value(&self) -> Option<impl FnOnce() -> Shared + use<>> {
        let call = self.call()?;
        let old = call.old.as_ref()?.value.clone();
        let inherit = call.inherit_later();
        Some(move || {
            inherit();
            old
        })
    }

    /// Tells those who come that this caller does not wait.
    fn step_aside(&self) {
        if let Some(leader) = self.leader() {
            leader.go_behind();
        }
    }
}

/// Awaits work no longer than until then. It goes on elsewhere, or, where that is not possible, is given up.
async fn within<T: Send + 'static>(
    until: Instant,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    if can_spawn() {
        let (promise, answer) = Answer::pair();
        drop(spawn(Box::pin(async move { promise.keep(caught(work).await) })));
        return answer.wait_async(Some(until)).await;
    }
    let mut work = pin!(work);
    let mut end = pin!(Delay::new(until.saturating_duration_since(Instant::now())));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// What a future gives, or what it panics with.
async fn caught<F: Future>(work: F) -> thread::Result<F::Output> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

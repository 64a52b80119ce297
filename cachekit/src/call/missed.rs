//! A miss, whatever the type of its value: until its body ran.

use std::future::Future;
use std::pin::Pin;
use std::thread;
use std::time::Instant;

use cachekit_backends::Timeout;

use super::computing::{Computes, Computing};
use super::inherit::{Around, Entered};
use super::one::Call;
use super::settle::Said;
use crate::events::EventKind;
use crate::flight::Leader;
use crate::flight::waits::{Leadership, OnStack};
use crate::io::{Flavour, now};
use crate::key::Tags;
use crate::site::Site;
use crate::site::stats::count;
use crate::value::Split;
use crate::values::{Lent, Shared};

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
pub(crate) struct Missed {
    site: &'static Site,
    /// None for a call that bypasses the cache.
    pub(super) computing: Option<Box<Computing>>,
}

/// A body that is about to run.
pub(super) struct Start {
    at: Instant,
    around: Option<Around>,
}

/// A body that runs on this thread. What marks its stack goes first.
pub(super) struct Running {
    inside: Inside,
    start: Start,
}

/// What marks the stack of a body while it runs. What is inside goes first.
pub(super) struct Inside {
    _around: Option<Entered>,
    _leadership: Option<OnStack>,
}

impl Missed {
    pub(crate) fn new(site: &'static Site, computing: Option<Box<Computing>>) -> Self {
        Self { site, computing }
    }

    /// The right to compute what nobody calls for now. It is a refresh, and no miss.
    pub(super) fn recurring(site: &'static Site, mut computing: Box<Computing>) -> Self {
        count(&site.counters.refreshes);
        computing.said.counted = true;
        Self::new(site, Some(computing))
    }

    /// What is said of it, where that matters.
    pub(super) fn said(&mut self) -> Option<&mut Said> {
        Some(&mut self.computing.as_mut()?.said)
    }

    /// Sets the lifetime: before the body ran that of this call, afterwards that of its value.
    pub(super) fn set_timeout(&mut self, timeout: Timeout) {
        if let Some(said) = self.said() {
            *(if said.ran { &mut said.by_value } else { &mut said.dynamic }) = Some(timeout);
        }
    }

    /// The tags of the call, where its value has some of its own.
    pub(super) fn tags(&mut self) -> Option<&mut Tags> {
        // What is only compared has those that it was found by.
        let computing = self.computing.as_mut().filter(|one| !matches!(one.role, Computes::Verifying(_)));
        Some(&mut computing?.call.tags)
    }

    /// Before the body runs.
    pub(super) fn start(&mut self) -> Start {
        self.count();
        Start { at: Instant::now(), around: self.around() }
    }

    /// While the body runs: on its thread, or at each of its polls.
    pub(super) fn enter(&self, start: &Start) -> Inside {
        // The leadership is around all else.
        let leadership = self.leadership().map(Leadership::enter);
        Inside { _around: start.around.as_ref().map(Around::enter), _leadership: leadership }
    }

    /// Before the body runs on this thread.
    pub(super) fn begin(&mut self) -> Running {
        let start = self.start();
        let inside = self.enter(&start);
        Running { inside, start }
    }

    /// After it ran there.
    pub(super) fn end(&mut self, running: Running) {
        drop(running.inside);
        self.has_run(running.start);
    }

    /// After the body ran.
    pub(super) fn has_run(&mut self, start: Start) {
        let took = start.at.elapsed();
        let Some(said) = self.said() else { return };
        (said.ran, said.took) = (true, took);
        if !self.is_verifying() {
            self.site.counters.computed(took);
        }
        if start.around.is_some() {
            self.inherit(start.around);
        }
    }

    /// Counts a call that computes for itself.
    fn count(&mut self) {
        if let Some(computing) = &mut self.computing
            && !std::mem::replace(&mut computing.said.counted, true)
        {
            count(&self.site.counters.misses);
            computing.call.tell(EventKind::Miss, None);
        }
    }

    /// Counts a call that was given the old value while a newer one is computed.
    pub(super) fn count_as_refresh(&mut self) {
        let is_verifying = self.is_verifying();
        let Some(computing) = &mut self.computing else { return };
        computing.said.counted = true;
        if !is_verifying {
            self.site.counters.hit();
            count(&self.site.counters.refreshes);
            computing.call.tell(EventKind::Refresh, None);
        }
    }

    /// Counts a call that was given the old value, or nothing, as its computation took too long.
    pub(super) fn count_as_late(&mut self) {
        count(&self.site.counters.timeouts);
        self.count();
    }

    pub(super) fn site(&self) -> &'static Site {
        self.site
    }

    pub(super) fn call(&self) -> Option<&Call> {
        Some(&self.computing.as_ref()?.call)
    }

    pub(super) fn leader(&self) -> Option<&Leader<Shared>> {
        match &self.computing.as_ref()?.role {
            Computes::Leading(leader, _) => Some(leader),
            _ => None,
        }
    }

    /// What marks the body's stack while it runs.
    pub(super) fn leadership(&self) -> Option<&Leadership> {
        let computing = self.computing.as_ref()?;
        match &computing.role {
            Computes::Leading(leader, _) => Some(leader.leadership()),
            _ => computing.permit.as_ref()?.leadership(),
        }
    }

    /// Whether the result is anybody's but the caller's.
    pub(super) fn is_asked(&self) -> bool {
        self.computing.is_some()
    }

    /// Stores the result and gives it to those who wait. Where it failed and there is an old value, gives that.
    pub(super) fn finish(mut self, result: Split<Lent<'_>>, by_value: Option<Timeout>) -> Option<Shared> {
        now(self.take(by_value)?.settle(Flavour::Blocking, result))
    }

    /// The async flavour of [`finish`](Self::finish). Boxed, so that its future is compiled here, once.
    pub(super) fn finish_async<'a>(
        mut self,
        result: Split<Lent<'a>>,
        by_value: Option<Timeout>,
    ) -> Pin<Box<dyn Future<Output = Option<Shared>> + Send + 'a>> {
        Box::pin(async move { self.take(by_value)?.settle(Flavour::Async, result).await })
    }

    fn take(&mut self, by_value: Option<Timeout>) -> Option<Box<Computing>> {
        let mut computing = self.computing.take()?;
        computing.said.by_value = computing.said.by_value.or(by_value);
        Some(computing)
    }
}

impl Drop for Missed {
    fn drop(&mut self) {
        // A body that panics failed too: the old value stays, and is not tried to be replaced at once.
        if thread::panicking()
            && let Some(Computing { call, .. }) = self.computing.as_deref_mut()
            && let (Some(old), Some(table)) = (&call.old, call.store.table())
        {
            table.put_off(&call.key, &old.age, self.site.options.freshness.throttle(&old.age.lifetimes));
        }
    }
}

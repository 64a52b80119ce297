//! What becomes of a miss, whatever the type of its value: run the body, store what it gave, hand it to those who wait.

use std::future::Future;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Lifetimes, State, Timeout};

use super::computing::{Computes, Computing};
use super::inherit::{Around, Entered};
use super::one::Call;
use super::place::Place;
use super::verify::SameShared;
use crate::bytes::Lease;
use crate::events::EventKind;
use crate::flight::Leader;
use crate::flight::waits::{Leadership, OnStack};
use crate::fresh::Old;
use crate::io::{Flavour, now};
use crate::key::Tags;
use crate::site::Site;
use crate::site::stats::count;
use crate::value::{Split, Verdict};
use crate::values::Shared;

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
#[allow(clippy::struct_excessive_bools, reason = "each is said by another call of the expansion")]
pub(crate) struct Missed {
    site: &'static Site,
    pub(super) computing: Option<Box<Computing>>,
    ran: bool,
    /// Whether it was counted as a miss, or as what it is instead.
    counted: bool,
    pub(super) rejected: bool,
    /// Whether the old value is no answer to what the body gave.
    pub(super) unforgivable: bool,
    dynamic: Option<Timeout>,
    by_value: Option<Timeout>,
    /// How long the body took.
    took: Duration,
    /// What most have nothing of.
    pub(super) more: Option<Box<More>>,
}

/// What few computations have.
#[derive(Default)]
pub(super) struct More {
    /// How long the value may be fresh, by what it was made from.
    pub(super) longest: Option<Duration>,
    /// Whether it is not known what it was made from.
    pub(super) is_unsure: bool,
    /// How values are compared.
    pub(super) same: Option<SameShared>,
}

/// A body that is about to run.
pub(super) struct Start {
    at: Instant,
    around: Option<Around>,
}

/// What marks the stack of a body while it runs. What is inside goes first.
pub(super) struct Inside {
    _around: Option<Entered>,
    _leadership: Option<OnStack>,
}

impl Missed {
    pub(crate) fn new(site: &'static Site, computing: Option<Box<Computing>>) -> Self {
        Self {
            site,
            computing,
            ran: false,
            counted: false,
            rejected: false,
            unforgivable: false,
            dynamic: None,
            by_value: None,
            took: Duration::ZERO,
            more: None,
        }
    }

    /// The right to compute what nobody calls for now. It is a refresh, and no miss.
    pub(super) fn recurring(site: &'static Site, computing: Box<Computing>) -> Self {
        count(&site.counters.refreshes);
        let mut miss = Self::new(site, Some(computing));
        miss.counted = true;
        miss
    }

    /// Sets the lifetime: before the body ran that of this call, afterwards that of its value.
    pub(super) fn set_timeout(&mut self, timeout: Timeout) {
        let timeout = Some(timeout);
        if self.ran { self.by_value = timeout } else { self.dynamic = timeout }
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

    /// After the body ran.
    pub(super) fn has_run(&mut self, start: Start) {
        self.ran = true;
        self.took = start.at.elapsed();
        if self.computing.is_some() && !self.is_verifying() {
            self.site.counters.computed(self.took);
        }
        if start.around.is_some() {
            self.inherit(start.around);
        }
    }

    /// Counts a call that computes for itself.
    fn count(&mut self) {
        if let Some(computing) = self.computing.as_ref().filter(|_| !self.counted) {
            count(&self.site.counters.misses);
            computing.call.tell(EventKind::Miss, None);
        }
        self.counted = true;
    }

    /// Counts a call that was given the old value while a newer one is computed.
    pub(super) fn count_as_refresh(&mut self) {
        if let Some(computing) = self.computing.as_ref().filter(|_| !self.is_verifying()) {
            self.site.counters.hit();
            count(&self.site.counters.refreshes);
            computing.call.tell(EventKind::Refresh, None);
        }
        self.counted = true;
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
    pub(super) fn finish(mut self, result: Split<Shared>, by_value: Option<Timeout>) -> Option<Shared> {
        let computing = self.computing.take()?;
        self.by_value = self.by_value.or(by_value);
        now(self.settle(computing, Flavour::Blocking, result))
    }

    /// The async flavour of [`finish`](Self::finish). Boxed, so that its future is compiled here, once.
    pub(super) fn finish_async(
        mut self,
        result: Split<Shared>,
        by_value: Option<Timeout>,
    ) -> Pin<Box<dyn Future<Output = Option<Shared>> + Send>> {
        Box::pin(async move {
            let computing = self.computing.take()?;
            self.by_value = self.by_value.or(by_value);
            self.settle(computing, Flavour::Async, result).await
        })
    }

    /// Does so; gives the old value if the caller is to have that.
    async fn settle(
        &self,
        computing: Box<Computing>,
        flavour: Flavour,
        split: Split<Shared>,
    ) -> Option<Shared> {
        // The lease is given back when all is done.
        let Computing { mut call, role, seen, lease, permit, .. } = *computing;
        // The body is done: its place is the next one's.
        drop(permit);
        let old = call.old.take();
        let (leader, birth) = match role {
            Computes::Leading(leader, birth) => (Some(leader), birth),
            Computes::Storing(birth) => (None, birth),
            Computes::Verifying(verification) => {
                let same = self.more.as_ref().and_then(|more| more.same.as_deref());
                call.compare(flavour, verification, old, split, same).await;
                return None;
            }
            Computes::Alone => {
                call.pass_on(self.lifetimes(&call, &split).fresh, None);
                return None;
            }
        };
        // What may be out of date already is nobody else's.
        let leader = match leader {
            Some(leader) if self.more.as_ref().is_some_and(|more| more.is_unsure) => {
                leader.fail();
                None
            }
            leader => leader,
        };
        let lifetimes = self.lifetimes(&call, &split);
        let mut place = Place { flavour, birth: &birth, seen };
        let value = match split {
            Split::Store(_, Verdict::Err) if old.is_some() => {
                return self.fall_back(&call, leader, place, old).await;
            }
            Split::Refuse => return self.fall_back(&call, leader, place, old).await,
            Split::Store(value, _) => Some(value),
            Split::Share => None,
        };
        match &value {
            Some(_) if self.rejected => call.note_stored(false),
            // Another process took it over, and what that computes is newer.
            Some(_) if lease.is_some() && is_lost(lease.as_ref(), flavour).await => call.note_stored(false),
            Some(value) => call.put(&mut place, value, lifetimes).await,
            // The value is gone, and the old one is wrong.
            None if old.is_some() => call.remove(&mut place).await,
            None => {}
        }
        call.pass_on(lifetimes.fresh, place.seen.as_deref());
        if let Some(leader) = leader {
            call.hand_over(leader, &place, value).await;
        }
        None
    }

    /// How long the value may be fresh, by what it was made from.
    fn longest(&self) -> Option<Duration> {
        self.more.as_ref()?.longest
    }

    /// How long a result lives; what is not stored, no longer than what it was made from.
    fn lifetimes(&self, call: &Call, split: &Split<Shared>) -> Lifetimes {
        let Split::Store(_, verdict) = split else { return self.longest().into() };
        let fresh = self.by_value.map_or_else(
            || call.lifetime(self.dynamic, *verdict),
            |timeout| timeout.or_default(call.store.core.default_timeout, &call.store.core.clock),
        );
        let fresh = match self.longest() {
            Some(longest) => Some(fresh.map_or(longest, |fresh| fresh.min(longest))),
            None => fresh,
        };
        self.site.options.freshness.lifetimes(fresh, *verdict, self.took)
    }

    /// What comes of a computation that failed: the old value, if there is one.
    async fn fall_back(
        &self,
        call: &Call,
        leader: Option<Leader<Shared>>,
        mut place: Place<'_>,
        old: Option<Old<Shared>>,
    ) -> Option<Shared> {
        let throttle = |old: &Old<_>| self.site.options.freshness.throttle(&old.age.lifetimes);
        // What is fresh was to be renewed in time, and is as good as it was, whatever came of that.
        let is_given = |old: &Old<_>| !self.unforgivable || old.age.state() == State::Fresh;
        let Some(old) = old.filter(|old| is_given(old) || old.age.state() == State::Stale) else {
            call.pass_on(self.longest(), place.seen.as_deref());
            leader.into_iter().for_each(Leader::fail);
            return None;
        };
        if !is_given(&old) {
            // Not tried again for every caller who is served it, nor served any longer for that.
            let by = throttle(&old).min(old.age.stale_for());
            call.put_off(&mut place, &old, by).await;
            call.pass_on(self.longest(), place.seen.as_deref());
            leader.into_iter().for_each(Leader::fail);
            return None;
        }
        count(&self.site.counters.fallbacks);
        call.put_off(&mut place, &old, throttle(&old)).await;
        if let Some(leader) = leader {
            call.hand_over(leader, &place, Some(old.value.clone())).await;
        }
        Some(call.taken(old.value))
    }
}

async fn is_lost(lease: Option<&Lease>, flavour: Flavour) -> bool {
    match lease {
        Some(lease) => !lease.is_held(flavour).await,
        None => false,
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

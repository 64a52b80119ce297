//! What becomes of a result: it is stored and handed to those who wait, or an old value takes its place.

use std::time::Duration;

use cachekit_backends::{Lifetimes, State, Timeout};

use super::computing::{Computes, Computing};
use super::one::Call;
use super::place::Place;
use super::verify::SameShared;
use crate::bytes::Lease;
use crate::flight::Leader;
use crate::fresh::Old;
use crate::io::Flavour;
use crate::site::stats::count;
use crate::value::{Split, Verdict};
use crate::values::{Lent, Shared};

/// What is said of a computation, and of its result.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is said by another call of the expansion")]
pub(crate) struct Said {
    pub(super) ran: bool,
    /// Whether it was counted as a miss, or as what it is instead.
    pub(super) counted: bool,
    pub(super) rejected: bool,
    /// Whether the old value is no answer to what the body gave.
    pub(super) unforgivable: bool,
    pub(super) dynamic: Option<Timeout>,
    pub(super) by_value: Option<Timeout>,
    /// How long the body took.
    pub(super) took: Duration,
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

impl Computing {
    /// Stores the result and gives it to those who wait. Where it failed and there is an old value, gives that.
    pub(super) async fn settle(self: Box<Self>, flavour: Flavour, split: Split<Lent<'_>>) -> Option<Shared> {
        // The lease is given back when all is done.
        let Self { mut call, role, seen, lease, permit, said, .. } = *self;
        // The body is done: its place is the next one's.
        drop(permit);
        let old = call.old.take();
        let (leader, birth) = match role {
            Computes::Leading(leader, birth) => (Some(leader), birth),
            Computes::Storing(birth) => (None, birth),
            Computes::Verifying(verification) => {
                let same = said.more.as_ref().and_then(|more| more.same.as_deref());
                call.compare(flavour, verification, old, split, same).await;
                return None;
            }
            Computes::Alone => {
                call.pass_on(said.lifetimes(&call, &split).fresh, None);
                return None;
            }
        };
        // What may be out of date already is nobody else's.
        let leader = match leader {
            Some(leader) if said.more.as_ref().is_some_and(|more| more.is_unsure) => {
                leader.fail();
                None
            }
            leader => leader,
        };
        let lifetimes = said.lifetimes(&call, &split);
        let mut place = Place { flavour, birth: &birth, seen };
        let value = match split {
            Split::Store(_, Verdict::Err) if old.is_some() => {
                return said.fall_back(&call, leader, place, old).await;
            }
            Split::Refuse => return said.fall_back(&call, leader, place, old).await,
            Split::Store(value, _) => Some(value),
            Split::Share => None,
        };
        match value {
            Some(_) if said.rejected => call.note_stored(false),
            // Another process took it over, and what that computes is newer.
            Some(_) if lease.is_some() && is_lost(lease.as_ref(), flavour).await => call.note_stored(false),
            Some(value) => call.put(&mut place, value, lifetimes).await,
            // The value is gone, and the old one is wrong.
            None if old.is_some() => call.remove(&mut place).await,
            None => {}
        }
        call.pass_on(lifetimes.fresh, place.seen.as_deref());
        if let Some(leader) = leader {
            let copy = call.store.values.copy;
            call.hand_over(leader, &place, || value.map(copy)).await;
        }
        None
    }
}

impl Said {
    /// How long the value may be fresh, by what it was made from.
    fn longest(&self) -> Option<Duration> {
        self.more.as_ref()?.longest
    }

    /// How long a result lives; what is not stored, no longer than what it was made from.
    fn lifetimes(&self, call: &Call, split: &Split<Lent<'_>>) -> Lifetimes {
        let Split::Store(_, verdict) = split else { return self.longest().into() };
        let fresh = self.by_value.map_or_else(
            || call.lifetime(self.dynamic, *verdict),
            |timeout| timeout.or_default(call.store.core.default_timeout, &call.store.core.clock),
        );
        let fresh = match self.longest() {
            Some(longest) => Some(fresh.map_or(longest, |fresh| fresh.min(longest))),
            None => fresh,
        };
        call.store.site.options.freshness.lifetimes(fresh, *verdict, self.took)
    }

    /// What comes of a computation that failed: the old value, if there is one.
    async fn fall_back(
        &self,
        call: &Call,
        leader: Option<Leader<Shared>>,
        mut place: Place<'_>,
        old: Option<Box<Old<Shared>>>,
    ) -> Option<Shared> {
        let throttle = |old: &Old<_>| call.store.site.options.freshness.throttle(&old.age.lifetimes);
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
        count(&call.store.site.counters.fallbacks);
        call.put_off(&mut place, &old, throttle(&old)).await;
        if let Some(leader) = leader {
            call.hand_over(leader, &place, || Some(old.value.clone())).await;
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

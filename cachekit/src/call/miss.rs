//! A miss: run the body, store what it gave, hand it to those who wait.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Age, ErrorKind, Lifetimes, State, Target, Timeout};

use super::one::Call;
use crate::bytes::{self, Computed, Lease, Names, Note, Seen};
use crate::control::Permit;
use crate::events::EventKind;
use crate::flight::Leader;
use crate::flight::waits::Leadership;
use crate::fresh::Old;
use crate::io::{Flavour, Io, now};
use crate::key::{Tags, names};
use crate::site::Site;
use crate::site::stats::count;
use crate::store::Birth;
use crate::value::{Policy, Split, Verdict};

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
#[allow(clippy::struct_excessive_bools, reason = "each is said by another call of the expansion")]
pub struct Miss<P: Policy> {
    site: &'static Site,
    computing: Option<Box<Computing<P>>>,
    ran: bool,
    /// Whether it was counted as a miss, or as what it is instead.
    counted: bool,
    rejected: bool,
    /// Whether the old value is no answer to what the body gave.
    unforgivable: bool,
    dynamic: Option<Timeout>,
    by_value: Option<Timeout>,
    /// How long the body took.
    took: Duration,
    /// A function, so that it goes to any thread.
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy> Miss<P> {
    pub(crate) fn new(site: &'static Site, computing: Option<Box<Computing<P>>>) -> Self {
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
            policy: PhantomData,
        }
    }

    /// The right to compute what nobody calls for now. It is a refresh, and no miss.
    pub(super) fn recurring(site: &'static Site, computing: Box<Computing<P>>) -> Self {
        count(&site.counters.refreshes);
        let mut miss = Self::new(site, Some(computing));
        miss.counted = true;
        miss
    }

    /// Sets the lifetime: before the body ran that of this call, afterwards that of its value.
    pub fn set_timeout(&mut self, timeout: impl Into<Timeout>) {
        let timeout = Some(timeout.into());
        if self.ran { self.by_value = timeout } else { self.dynamic = timeout }
    }

    /// Keeps the result out of the cache.
    pub fn reject(&mut self) {
        self.rejected = true;
    }

    /// Says that the caller is to have this error, and no old value instead.
    pub fn do_not_forgive(&mut self) {
        self.unforgivable = true;
    }

    /// Adds tags that the value decides.
    pub fn tag(&mut self, add: impl FnOnce(&mut Tags)) {
        if let Some(computing) = &mut self.computing {
            add(&mut computing.call.tags);
        }
    }

    /// Runs the body.
    #[inline(never)]
    pub fn run(&mut self, body: impl FnOnce() -> P::Ret) -> P::Ret {
        self.count();
        let start = Instant::now();
        let value = match self.leadership() {
            Some(leadership) => leadership.run(body),
            None => body(),
        };
        self.has_run(start);
        value
    }

    /// Runs an async body.
    pub async fn run_async<F: Future<Output = P::Ret>>(&mut self, body: impl FnOnce() -> F) -> P::Ret {
        self.count();
        let start = Instant::now();
        let body = body();
        let value = match self.leadership() {
            Some(leadership) => leadership.run_async(body).await,
            None => body.await,
        };
        self.has_run(start);
        value
    }

    /// Runs what the value will be made from. Not what [`run_async`](Self::run_async) is made of: one future within another
    /// would be in the frame of every call, hits included.
    #[cfg(feature = "http")]
    pub(crate) async fn run_around<F: Future>(&mut self, body: F) -> F::Output {
        self.count();
        let start = Instant::now();
        let output = match self.leadership() {
            Some(leadership) => leadership.run_async(body).await,
            None => body.await,
        };
        self.has_run(start);
        output
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
        if let Some(computing) = &self.computing {
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

    pub(super) fn call(&self) -> Option<&Call<P>> {
        Some(&self.computing.as_ref()?.call)
    }

    pub(super) fn leader(&self) -> Option<&Leader<P::Stored>> {
        match &self.computing.as_ref()?.role {
            Computes::Leading(leader, _) => Some(leader),
            _ => None,
        }
    }

    /// What marks the body's stack while it runs.
    fn leadership(&self) -> Option<&Leadership> {
        let computing = self.computing.as_ref()?;
        match &computing.role {
            Computes::Leading(leader, _) => Some(leader.leadership()),
            _ => computing.permit.as_ref()?.leadership(),
        }
    }

    fn has_run(&mut self, start: Instant) {
        self.ran = true;
        self.took = start.elapsed();
        if self.computing.is_some() {
            self.site.counters.computed(self.took);
        }
    }

    /// Stores the result and gives it to those who wait. Where it failed and there is an old value, that is the result.
    #[inline(never)]
    pub fn finish(mut self, value: P::Ret) -> P::Ret {
        let Some(computing) = self.computing.take() else { return value };
        self.by_value = self.by_value.or_else(|| P::timeout(&value));
        now(self.settle(computing, Flavour::Blocking, P::split(&value))).unwrap_or(value)
    }

    /// The async flavour of [`finish`](Self::finish).
    pub async fn finish_async(mut self, value: P::Ret) -> P::Ret {
        let Some(computing) = self.computing.take() else { return value };
        self.by_value = self.by_value.or_else(|| P::timeout(&value));
        let split = P::split(&value);
        Box::pin(self.settle(computing, Flavour::Async, split)).await.unwrap_or(value)
    }

    /// Does so; gives the old value if the caller is to have that.
    async fn settle(
        &self,
        computing: Box<Computing<P>>,
        flavour: Flavour,
        split: Split<P::Stored>,
    ) -> Option<P::Ret> {
        // The lease is given back when all is done.
        let Computing { mut call, role, seen, lease, permit, .. } = *computing;
        // The body is done: its place is the next one's.
        drop(permit);
        let old = call.old.take();
        let (leader, birth) = match role {
            Computes::Leading(leader, birth) => (Some(leader), birth),
            Computes::Storing(birth) => (None, birth),
            Computes::Alone => return None,
        };
        let mut place = Place { flavour, birth: &birth, seen };
        let (value, verdict) = match split {
            Split::Store(_, Verdict::Err) if old.is_some() => {
                return self.fall_back(&call, leader, place, old).await;
            }
            Split::Refuse => return self.fall_back(&call, leader, place, old).await,
            Split::Store(value, verdict) => (Some(value), verdict),
            Split::Share => (None, Verdict::Plain),
        };
        match &value {
            Some(_) if self.rejected => call.note_stored(false),
            // Another process took it over, and what that computes is newer.
            Some(_) if is_lost(lease.as_ref(), flavour).await => call.note_stored(false),
            Some(value) => {
                let fresh = self.by_value.map_or_else(
                    || call.lifetime(self.dynamic, verdict),
                    |timeout| timeout.or_default(call.store.core.default_timeout, &call.store.core.clock),
                );
                let lifetimes = self.site.options.freshness.lifetimes(fresh, verdict, self.took);
                call.put(&mut place, value, lifetimes).await;
            }
            // The value is gone, and the old one is wrong.
            None if old.is_some() => call.remove(&mut place).await,
            None => {}
        }
        if let Some(leader) = leader {
            call.hand_over(leader, &place, value).await;
        }
        None
    }

    /// What comes of a computation that failed: the old value, if there is one.
    async fn fall_back(
        &self,
        call: &Call<P>,
        leader: Option<Leader<P::Stored>>,
        mut place: Place<'_, P::Stored>,
        old: Option<Old<P::Stored>>,
    ) -> Option<P::Ret> {
        let throttle = |old: &Old<_>| self.site.options.freshness.throttle(&old.age.lifetimes);
        // What is fresh was to be renewed in time, and is as good as it was, whatever came of that.
        let is_given = |old: &Old<_>| !self.unforgivable || old.age.state() == State::Fresh;
        let Some(old) = old.filter(|old| is_given(old) || old.age.state() == State::Stale) else {
            leader.into_iter().for_each(Leader::fail);
            return None;
        };
        if !is_given(&old) {
            // Not tried again for every caller who is served it, nor served any longer for that.
            let by = throttle(&old).min(old.age.stale_for());
            call.put_off(&mut place, &old, by).await;
            leader.into_iter().for_each(Leader::fail);
            return None;
        }
        count(&self.site.counters.fallbacks);
        call.put_off(&mut place, &old, throttle(&old)).await;
        if let Some(leader) = leader {
            call.hand_over(leader, &place, Some(old.value.clone())).await;
        }
        Some(P::join(old.value))
    }
}

async fn is_lost(lease: Option<&Lease>, flavour: Flavour) -> bool {
    match lease {
        Some(lease) => !lease.is_held(flavour).await,
        None => false,
    }
}

impl<P: Policy> Drop for Miss<P> {
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

/// Where a result goes, or came from.
pub(super) struct Place<'a, S: Clone + Send + Sync + 'static> {
    pub(super) flavour: Flavour,
    pub(super) birth: &'a Birth<S>,
    pub(super) seen: Option<Box<(Names, Seen)>>,
}

impl<P: Policy> Call<P> {
    /// Stores a result, unless it was invalidated while it was computed.
    async fn put(&self, place: &mut Place<'_, P::Stored>, value: &P::Stored, lifetimes: Lifetimes) {
        if let Some(table) = self.store.table() {
            let (ticket, tags) = (&place.birth.ticket, self.tags.owners());
            let stored = table.insert_computed(&self.key, value.clone(), lifetimes, ticket, tags);
            if stored && let Some(text) = &self.text {
                self.take_place(place.flavour, text).await;
            }
            return self.note_stored(stored);
        }
        let (Some(seen), Some(carrier)) = (&mut place.seen, P::carrier()) else {
            // The backend did not answer before the body; nobody tries it again for this call.
            return;
        };
        let (names, seen) = &mut **seen;
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash(), self.tags.owners()) {
            return self.note_stored(false);
        }
        let io = Io::new(&*self.store.core.backend, place.flavour);
        let result = Computed { value, lifetimes, tags: &self.tags };
        match bytes::fill(&self.store, names, io, carrier, seen, result).await {
            Ok(stored) => {
                self.forget_near();
                self.note_stored(stored);
            }
            Err(error) if error.kind() == ErrorKind::Codec => {
                count(&self.store.site.counters.rejected);
                self.tell(EventKind::Rejected, Some(&error));
            }
            Err(error) => self.store.site.failed(None, &error),
        }
    }

    /// Notes that computing a newer value failed.
    async fn put_off(&self, place: &mut Place<'_, P::Stored>, old: &Old<P::Stored>, by: Duration) {
        if let Some(table) = self.store.table() {
            return table.put_off(&self.key, &old.age, by);
        }
        let Some(seen) = &mut place.seen else { return };
        let (names, seen) = &mut **seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        if let Err(error) = bytes::note(&self.store, names, io, seen, Note::PutOff(by)).await {
            self.store.site.failed(None, &error);
        }
    }

    /// Removes the old value.
    async fn remove(&self, place: &mut Place<'_, P::Stored>) {
        if let Some(table) = self.store.table() {
            return table.remove(&self.key);
        }
        let Some(seen) = &mut place.seen else { return };
        let (names, seen) = &mut **seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        if let Err(error) = bytes::remove(&self.store, names, io, seen).await {
            self.store.site.failed(None, &error);
        }
    }

    /// Gives a result to those who wait, unless it was invalidated meanwhile: then they look again. Nobody joins the
    /// flight once it is closed, so whoever joined did so before the result is verified.
    pub(super) async fn hand_over(
        &self,
        leader: Leader<P::Stored>,
        place: &Place<'_, P::Stored>,
        value: Option<P::Stored>,
    ) {
        if !leader.close() || self.is_current(place).await {
            leader.land(value);
        }
    }

    /// Whether nothing was invalidated since the computation began, as far as can be told.
    async fn is_current(&self, place: &Place<'_, P::Stored>) -> bool {
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash(), self.tags.owners()) {
            return false;
        }
        let Some(seen) = &place.seen else { return true };
        let (names, seen) = &**seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        bytes::is_current(names, io, seen).await.unwrap_or(false)
    }

    /// Forgets what is near under the key, whatever function keeps it: the backend has another value now.
    fn forget_near(&self) {
        self.store.forget_near(Target::Key(&self.key));
        if let (Some(text), Some(siblings)) = (&self.text, self.store.siblings()) {
            siblings.forget_near_text(&self.store.core, text);
        }
    }

    /// Makes this table the only place of a key that others may write.
    async fn take_place(&self, flavour: Flavour, text: &str) {
        let core = &self.store.core;
        if let Some(siblings) = self.store.siblings() {
            siblings.delete(core, text, Some(Arc::as_ptr(&self.store).cast()));
        }
        if core.capability.in_process {
            let name = core.backend_key(&names::fit_text(text));
            // A store in this process does not fail to delete.
            let _ = Io::new(&*core.backend, flavour).delete_many(&[&name]).await;
        }
    }

    pub(super) fn note_stored(&self, stored: bool) {
        let counters = &self.store.site.counters;
        if stored {
            count(&counters.stored);
            self.tell(EventKind::Stored, None);
        } else {
            count(&counters.rejected);
            self.tell(EventKind::Rejected, None);
        }
    }
}

/// A call that computes.
pub(crate) struct Computing<P: Policy> {
    pub(crate) call: Box<Call<P>>,
    pub(crate) role: Computes<P>,
    /// What the backend held, where the values are bytes there and it answered.
    pub(crate) seen: Option<Box<(Names, Seen)>>,
    /// The right to compute for all processes, where that is asked for.
    pub(crate) lease: Option<Lease>,
    /// How old what was found in a backend is.
    pub(crate) age: Option<Age>,
    /// The place of its body among those that may run while the backend is down.
    pub(crate) permit: Option<Permit>,
}

impl<P: Policy> Computing<P> {
    pub(super) fn boxed(
        call: Box<Call<P>>,
        role: Computes<P>,
        seen: Option<Box<(Names, Seen)>>,
    ) -> Box<Self> {
        Box::new(Self { call, role, seen, lease: None, age: None, permit: None })
    }
}

/// On whose behalf a call computes.
pub(crate) enum Computes<P: Policy> {
    /// For all who wait for it.
    Leading(Leader<P::Stored>, Birth<P::Stored>),
    /// For itself, and stores.
    Storing(Birth<P::Stored>),
    /// For itself only.
    Alone,
}

impl<P: Policy> Computes<P> {
    /// When the computation was born, where its result may be stored.
    pub(super) fn birth(&self) -> Option<&Birth<P::Stored>> {
        match self {
            Self::Leading(_, birth) | Self::Storing(birth) => Some(birth),
            Self::Alone => None,
        }
    }
}

impl<P: Policy> fmt::Debug for Miss<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Miss").field("site", &self.site).finish_non_exhaustive()
    }
}

//! A miss: run the body, store what it gave, hand it to those who wait.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_backends::{ErrorKind, Timeout};

use super::lookup::Call;
use crate::bytes::{self, Names, Seen};
use crate::events::EventKind;
use crate::flight::Leader;
use crate::io::{Flavour, Io, now};
use crate::key::names;
use crate::site::Site;
use crate::site::stats::count;
use crate::store::Birth;
use crate::value::{Policy, Split, Verdict};

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
pub struct Miss<P: Policy> {
    site: &'static Site,
    computing: Option<Box<Computing<P>>>,
    ran: bool,
    rejected: bool,
    dynamic: Option<Timeout>,
    by_value: Option<Timeout>,
    policy: PhantomData<P>,
}

impl<P: Policy> Miss<P> {
    pub(crate) fn new(site: &'static Site, computing: Option<Box<Computing<P>>>) -> Self {
        Self {
            site,
            computing,
            ran: false,
            rejected: false,
            dynamic: None,
            by_value: None,
            policy: PhantomData,
        }
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

    /// Runs the body.
    #[inline(never)]
    pub fn run(&mut self, body: impl FnOnce() -> P::Ret) -> P::Ret {
        let start = Instant::now();
        let value = match self.leader() {
            Some(leader) => leader.leadership().run(body),
            None => body(),
        };
        self.has_run(start);
        value
    }

    /// Runs an async body.
    pub async fn run_async<F: Future<Output = P::Ret>>(&mut self, body: impl FnOnce() -> F) -> P::Ret {
        let start = Instant::now();
        let body = body();
        let value = match self.leader() {
            Some(leader) => leader.leadership().run_async(body).await,
            None => body.await,
        };
        self.has_run(start);
        value
    }

    /// Runs what the value will be made from. Not what [`run_async`](Self::run_async) is made of: one future within another
    /// would be in the frame of every call, hits included.
    #[cfg(feature = "http")]
    pub(crate) async fn run_around<F: Future>(&mut self, body: F) -> F::Output {
        let start = Instant::now();
        let output = match self.leader() {
            Some(leader) => leader.leadership().run_async(body).await,
            None => body.await,
        };
        self.has_run(start);
        output
    }

    fn leader(&self) -> Option<&Leader<P::Stored>> {
        match &self.computing.as_ref()?.role {
            Computes::Leading(leader, _) => Some(leader),
            _ => None,
        }
    }

    fn has_run(&mut self, start: Instant) {
        self.ran = true;
        if self.computing.is_some() {
            self.site.counters.computed(start.elapsed());
        }
    }

    /// Stores the result and gives it to those who wait.
    #[inline(never)]
    pub fn finish(mut self, value: P::Ret) -> P::Ret {
        if let Some(computing) = self.computing.take() {
            self.by_value = self.by_value.or_else(|| P::timeout(&value));
            now(self.settle(computing, Flavour::Blocking, P::split(&value)));
        }
        value
    }

    /// The async flavour of [`finish`](Self::finish).
    pub async fn finish_async(mut self, value: P::Ret) -> P::Ret {
        if let Some(computing) = self.computing.take() {
            self.by_value = self.by_value.or_else(|| P::timeout(&value));
            let split = P::split(&value);
            Box::pin(self.settle(computing, Flavour::Async, split)).await;
        }
        value
    }

    async fn settle(&self, computing: Box<Computing<P>>, flavour: Flavour, split: Split<P::Stored>) {
        let Computing { call, role, seen } = *computing;
        let (leader, birth) = match role {
            Computes::Leading(leader, birth) => (Some(leader), birth),
            Computes::Storing(birth) => (None, birth),
            Computes::Alone => return,
        };
        let (value, verdict) = match split {
            Split::Store(value, verdict) => (Some(value), verdict),
            Split::Share => (None, Verdict::Plain),
            Split::Refuse => return leader.into_iter().for_each(Leader::fail),
        };
        let mut place = Place { flavour, birth: &birth, seen };
        match &value {
            Some(_) if self.rejected => call.note_stored(false),
            Some(value) => {
                let lifetime = self.by_value.map_or_else(
                    || call.lifetime(self.dynamic, verdict),
                    |timeout| timeout.or_default(call.store.core.default_timeout),
                );
                call.put(&mut place, value, lifetime).await;
            }
            None => {}
        }
        if let Some(leader) = leader {
            call.hand_over(leader, &place, value).await;
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
    async fn put(&self, place: &mut Place<'_, P::Stored>, value: &P::Stored, lifetime: Option<Duration>) {
        if let Some(table) = self.store.table() {
            let stored = table.insert_computed(&self.key, value.clone(), lifetime, &place.birth.ticket);
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
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash()) {
            return self.note_stored(false);
        }
        let io = Io::new(&*self.store.core.backend, place.flavour);
        match bytes::fill(&self.store, names, io, carrier, seen, value, lifetime).await {
            Ok(stored) => self.note_stored(stored),
            Err(error) if error.kind() == ErrorKind::Codec => {
                count(&self.store.site.counters.rejected);
                self.tell(EventKind::Rejected, Some(&error));
            }
            Err(error) => self.store.site.failed(None, &error),
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
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash()) {
            return false;
        }
        let Some(seen) = &place.seen else { return true };
        let (names, seen) = &**seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        bytes::is_current(names, io, seen).await.unwrap_or(false)
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

    fn note_stored(&self, stored: bool) {
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
}

impl<P: Policy> Computing<P> {
    pub(super) fn boxed(
        call: Box<Call<P>>,
        role: Computes<P>,
        seen: Option<Box<(Names, Seen)>>,
    ) -> Box<Self> {
        Box::new(Self { call, role, seen })
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

impl<P: Policy> fmt::Debug for Miss<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Miss").field("site", &self.site).finish_non_exhaustive()
    }
}

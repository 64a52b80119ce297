//! One call of an annotated function: look, join, compute, store.
//!
//! [`lookup`] is all that a hit in this process costs. What it does not find is a [`Lookup::Pending`], which
//! [`resolve`](Lookup::resolve) turns into a value (another caller's, or the backend's) or into a [`Miss`]: the right
//! to compute. A miss runs the body and is finished with its result; dropped unfinished, it hands over.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cachekit_backends::{Error, ErrorKind, OwnedKey, Timeout};

use crate::ambient;
use crate::bytes::{self, Names, Seen};
use crate::events::{self, EventKind};
use crate::flight::{Leader, Outcome};
use crate::io::{Flavour, Io, now};
use crate::key::CallKey;
use crate::keys;
use crate::registry;
use crate::site::{Site, Types};
use crate::stats::count;
use crate::store::{Birth, Part, Store};
use crate::value::{Policy, Split, Verdict};

/// How a call treats what is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Read it; compute and store what is missing.
    Normal,
    /// Neither read nor write.
    Bypass,
    /// Compute and store, whatever is cached.
    Refresh,
    /// What was just read is not wanted: compute and store, one caller for all.
    Stale,
}

/// What a first look found.
pub enum Lookup<P: Policy> {
    /// A value, in this process.
    Hit(P::Ret),
    /// Nothing yet.
    Pending(Pending<P>),
}

/// A call that found nothing in this process.
pub struct Pending<P: Policy> {
    site: &'static Site,
    call: Option<Call<P>>,
}

/// What is known about a call that asks the cache.
struct Call<P: Policy> {
    store: Arc<Store<P::Stored>>,
    key: OwnedKey,
    instance: Option<OwnedKey>,
    /// The text of the key, where that is not made from arguments.
    text: Option<String>,
    mode: Mode,
}

/// Looks a call up in this process. The arguments are borrowed no longer than this takes.
#[inline]
pub fn lookup<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
    mode: Mode,
) -> Lookup<P> {
    let _ = policy;
    if mode == Mode::Normal
        && !ambient::is_present()
        && !events::wanted()
        && let Some(slot) = site.slot::<P::Stored>(types.id)
        && let Some(store) = slot.store()
        && let Some(table) = store.table()
        && let Some(stored) = table.get(&key)
    {
        site.counters.hit();
        return Lookup::Hit(P::join(stored));
    }
    look_again(site, types, &key, mode)
}

/// What [`lookup`] does when the short way leads nowhere.
#[cold]
#[inline(never)]
fn look_again<P: Policy, K: CallKey>(site: &'static Site, types: Types, key: &K, mode: Mode) -> Lookup<P> {
    let mode = ambient::take_mode(site).unwrap_or(mode);
    if mode == Mode::Bypass {
        return bypass(site);
    }
    if !key.exists() {
        if site.warns_first() {
            log::warn!("{}: called outside a request, so there is no key: running uncached", site.name());
        }
        return bypass(site);
    }
    let Some(store) = resolve_store::<P>(site, types) else { return bypass(site) };
    let call = Call::<P> {
        key: OwnedKey::of(key),
        instance: key.instance(),
        text: key.text().map(str::to_owned),
        store,
        mode,
    };
    if mode == Mode::Normal
        && let Some(stored) = call.store.table().and_then(|table| table.get_owned(&call.key))
    {
        site.counters.hit();
        call.tell(EventKind::Hit, None);
        return Lookup::Hit(P::join(stored));
    }
    Lookup::Pending(Pending { site, call: Some(call) })
}

fn bypass<P: Policy>(site: &'static Site) -> Lookup<P> {
    Lookup::Pending(Pending { site, call: None })
}

/// The store that a call uses; none if caching is off or its cache is not installed.
pub(crate) fn resolve_store<P: Policy>(site: &'static Site, types: Types) -> Option<Arc<Store<P::Stored>>> {
    let generation = registry::generation();
    let cache = match site.cache() {
        Ok(cache) => cache,
        Err(error) => {
            if site.warns_first() {
                log::error!("{}: running uncached: {error}", site.name());
            }
            return None;
        }
    };
    if !cache.core.capability.stores && !site.options.local {
        return None;
    }
    let store = cache.store::<P::Stored>(site, types)?;
    if !ambient::is_scoped() {
        site.slot_or_new::<P::Stored>(types.id)?.resolved(generation, &store);
    }
    Some(store)
}

impl<P: Policy> Lookup<P> {
    /// The value, or the right to compute it.
    ///
    /// # Errors
    ///
    /// The right to compute, which is no error.
    #[inline]
    pub fn resolve(self) -> Result<P::Ret, Miss<P>> {
        match self {
            Self::Hit(value) => Ok(value),
            Self::Pending(pending) => now(pending.resolve(Flavour::Blocking)),
        }
    }

    /// The async flavour of [`resolve`](Self::resolve).
    ///
    /// # Errors
    ///
    /// The right to compute, which is no error.
    #[inline]
    pub async fn resolve_async(self) -> Result<P::Ret, Miss<P>> {
        match self {
            Self::Hit(value) => Ok(value),
            Self::Pending(pending) => pending.resolve(Flavour::Async).await,
        }
    }
}

impl<P: Policy> Pending<P> {
    async fn resolve(self, flavour: Flavour) -> Result<P::Ret, Miss<P>> {
        let site = self.site;
        let Some(call) = self.call else {
            count(&site.counters.bypasses);
            return Err(Miss::new(site, None));
        };
        match call.resolve(flavour).await {
            Ok(value) => Ok(value),
            Err(computing) => {
                count(&site.counters.misses);
                computing.call.tell(EventKind::Miss, None);
                Err(Miss::new(site, Some(computing)))
            }
        }
    }
}

/// A call that computes.
struct Computing<P: Policy> {
    call: Call<P>,
    role: Computes<P>,
    /// What the backend held, where the values are bytes there and it answered.
    seen: Option<(Names, Seen)>,
}

/// On whose behalf a call computes.
enum Computes<P: Policy> {
    /// For all who wait for it.
    Leading(Leader<P::Stored>, Birth<P::Stored>),
    /// For itself, and stores.
    Storing(Birth<P::Stored>),
    /// For itself only.
    Alone,
}

impl<P: Policy> Call<P> {
    async fn resolve(self, flavour: Flavour) -> Result<P::Ret, Computing<P>> {
        let store = Arc::clone(&self.store);
        let instance = self.instance.as_ref().map(OwnedKey::hash);
        if self.mode == Mode::Refresh {
            let role = Computes::Storing(store.begin(instance));
            return Err(self.look_in_backend(flavour, role).await.1);
        }
        loop {
            match store.join(&self.key, instance) {
                Part::Lead(leader, birth) => {
                    if let Some(stored) = self.look_in_table(flavour).await {
                        leader.land(Some(stored.clone()));
                        return Ok(self.found(stored));
                    }
                    let (found, computing) =
                        self.look_in_backend(flavour, Computes::Leading(leader, birth)).await;
                    let Some(stored) = found else { return Err(computing) };
                    let Computing { call, role, .. } = computing;
                    if let Computes::Leading(leader, _birth) = role {
                        leader.land(Some(stored.clone()));
                    }
                    return Ok(call.found(stored));
                }
                Part::Follow(follower) => {
                    match follower.wait(flavour, store.core.flight_timeout, store.fence()).await {
                        Outcome::Landed(value) => {
                            let value = value.map(P::join).or_else(P::shared);
                            if let Some(value) = value {
                                count(&store.site.counters.coalesced);
                                self.tell(EventKind::Hit, None);
                                return Ok(value);
                            }
                        }
                        Outcome::Again => {}
                        // Out of patience, or the others keep failing: what this caller computes is as good.
                        Outcome::Alone => {
                            let role = Computes::Storing(store.begin(instance));
                            return Err(self.look_in_backend(flavour, role).await.1);
                        }
                    }
                }
                Part::Alone => return Err(self.alone()),
            }
        }
    }

    fn alone(self) -> Computing<P> {
        Computing { call: self, role: Computes::Alone, seen: None }
    }

    fn found(&self, stored: P::Stored) -> P::Ret {
        self.store.site.counters.hit();
        self.tell(EventKind::Hit, None);
        P::join(stored)
    }

    /// Looks in this process once more, now that nobody else computes: in the table, and, for a key that others may
    /// write, where they write it.
    async fn look_in_table(&self, flavour: Flavour) -> Option<P::Stored> {
        if self.mode != Mode::Normal {
            return None;
        }
        let table = self.store.table()?;
        if let Some(stored) = table.get_owned(&self.key) {
            return Some(stored);
        }
        let core = &self.store.core;
        if self.text.is_none() && !core.seeded.load(Ordering::Acquire) {
            return None;
        }
        let text = self.key_text();
        if let Some(stored) = self.store.siblings()?.get::<P::Stored>(core, &text) {
            return Some(stored);
        }
        if !core.capability.in_process {
            return None;
        }
        let carrier = P::carrier()?;
        let names = Names::new(&self.store, &self.key, &text, self.instance.as_ref());
        let io = Io::new(&*core.backend, flavour);
        bytes::peek(&self.store, &names, io, carrier).await.ok().flatten()
    }

    /// Looks in the backend, where the values are bytes there.
    async fn look_in_backend(
        self,
        flavour: Flavour,
        role: Computes<P>,
    ) -> (Option<P::Stored>, Computing<P>) {
        let (store, Some(carrier)) = (&self.store, P::carrier()) else {
            return (None, Computing { call: self, role, seen: None });
        };
        if store.table().is_some() {
            return (None, Computing { call: self, role, seen: None });
        }
        let names = Names::new(store, &self.key, &self.key_text(), self.instance.as_ref());
        let io = Io::new(&*store.core.backend, flavour);
        match bytes::fetch(store, &names, io, carrier, self.lifetime(None, Verdict::Plain)).await {
            Ok((found, seen)) => {
                let found = found.filter(|_| self.mode == Mode::Normal);
                (found, Computing { call: self, role, seen: Some((names, seen)) })
            }
            Err(error) => {
                store.site.failed(None, &error);
                (None, Computing { call: self, role, seen: None })
            }
        }
    }

    fn key_text(&self) -> String {
        self.text
            .clone()
            .unwrap_or_else(|| keys::text(&self.store.core, self.store.site, self.store.types, &self.key))
    }

    fn tell(&self, kind: EventKind, error: Option<&Error>) {
        if events::wanted() {
            self.store.site.tell(kind, Some(&self.key_text()), error);
        }
    }

    /// How long a result lives: what was set at run time, what this call says, what the attribute says.
    fn lifetime(&self, dynamic: Option<Timeout>, verdict: Verdict) -> Option<Duration> {
        let options = &self.store.site.options;
        let by_verdict = match verdict {
            Verdict::Plain => None,
            Verdict::None => options.none_timeout,
            Verdict::Err => options.err_timeout,
        };
        by_verdict
            .or_else(|| self.store.site.timeout_now())
            .or(dynamic)
            .or(options.timeout)
            .unwrap_or_default()
            .or_default(self.store.core.default_timeout)
    }
}

/// The right to compute a call. Dropped without [`finish`](Self::finish), it hands over to those who wait.
pub struct Miss<P: Policy> {
    site: &'static Site,
    computing: Option<Computing<P>>,
    ran: bool,
    rejected: bool,
    dynamic: Option<Timeout>,
    by_value: Option<Timeout>,
    policy: PhantomData<P>,
}

impl<P: Policy> Miss<P> {
    fn new(site: &'static Site, computing: Option<Computing<P>>) -> Self {
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
    pub fn finish(mut self, value: P::Ret) -> P::Ret {
        if let Some(computing) = self.computing.take() {
            now(self.settle(computing, Flavour::Blocking, P::split(&value)));
        }
        value
    }

    /// The async flavour of [`finish`](Self::finish).
    pub async fn finish_async(mut self, value: P::Ret) -> P::Ret {
        if let Some(computing) = self.computing.take() {
            let split = P::split(&value);
            self.settle(computing, Flavour::Async, split).await;
        }
        value
    }

    async fn settle(&self, computing: Computing<P>, flavour: Flavour, split: Split<P::Stored>) {
        let Computing { call, role, seen } = computing;
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
        let Some(leader) = leader else { return };
        // What was invalidated meanwhile is nobody else's: those who wait compute again. Nobody joins from here on, so
        // that whoever joined did so before this is found out.
        if !leader.close() || call.is_current(&place).await {
            leader.land(value);
        }
    }
}

/// Where a result goes.
struct Place<'a, S: Clone + Send + Sync + 'static> {
    flavour: Flavour,
    birth: &'a Birth<S>,
    seen: Option<(Names, Seen)>,
}

impl<P: Policy> Call<P> {
    /// Stores a result, unless it was invalidated while it was computed.
    async fn put(&self, place: &mut Place<'_, P::Stored>, value: &P::Stored, lifetime: Option<Duration>) {
        if let Some(table) = self.store.table() {
            let stored = table.insert_computed(self.key.clone(), value.clone(), lifetime, &place.birth.ticket);
            if stored && let Some(text) = &self.text {
                self.take_place(place.flavour, text).await;
            }
            return self.note_stored(stored);
        }
        let (Some((names, seen)), Some(carrier)) = (&mut place.seen, P::carrier()) else {
            // The backend did not answer before the body; nobody tries it again for this call.
            return;
        };
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

    /// Whether nothing was invalidated since the computation began, as far as can be told.
    async fn is_current(&self, place: &Place<'_, P::Stored>) -> bool {
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash()) {
            return false;
        }
        let Some((names, seen)) = &place.seen else { return true };
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
            let name = core.backend_key(&keys::fit_text(text));
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

/// What is cached for a call, asked for without computing anything.
pub struct Peek<P: Policy> {
    call: Option<Call<P>>,
}

/// Asks what is cached for a call.
pub fn peek<P: Policy, K: CallKey>(site: &'static Site, types: Types, policy: P, key: K) -> Peek<P> {
    let _ = policy;
    let call = key.exists().then(|| resolve_store::<P>(site, types)).flatten().map(|store| Call {
        store,
        key: OwnedKey::of(&key),
        instance: key.instance(),
        text: key.text().map(str::to_owned),
        mode: Mode::Normal,
    });
    Peek { call }
}

impl<P: Policy> Peek<P> {
    /// What is cached.
    pub fn resolve(self) -> Option<P::Ret> {
        now(self.look(Flavour::Blocking))
    }

    /// The async flavour of [`resolve`](Self::resolve).
    pub async fn resolve_async(self) -> Option<P::Ret> {
        self.look(Flavour::Async).await
    }

    async fn look(self, flavour: Flavour) -> Option<P::Ret> {
        let call = self.call?;
        if call.store.table().is_some() {
            return call.look_in_table(flavour).await.map(P::join);
        }
        let names = Names::new(&call.store, &call.key, &call.key_text(), call.instance.as_ref());
        let io = Io::new(&*call.store.core.backend, flavour);
        match bytes::peek(&call.store, &names, io, P::carrier()?).await {
            Ok(found) => found.map(P::join),
            Err(error) => {
                call.store.site.failed(None, &error);
                None
            }
        }
    }
}

/// The key of a call, as [`Cache::get`](crate::Cache::get) takes it.
pub fn make_key<K: CallKey>(site: &'static Site, types: Types, key: K) -> String {
    if let Some(text) = key.text() {
        return text.to_owned();
    }
    if !key.exists() {
        return String::new();
    }
    // Without its cache the function is never cached; the default one names the key then.
    let cache = site.cache().unwrap_or_else(|_| registry::current());
    keys::text(&cache.core, site, types, &OwnedKey::of(&key))
}

macro_rules! opaque_debug {
    ($($name:ident),*) => {$(
        impl<P: Policy> fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

opaque_debug!(Lookup, Pending, Miss, Peek);

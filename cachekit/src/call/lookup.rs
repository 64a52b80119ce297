//! One call of an annotated function: look, join, compute, store.
//!
//! [`lookup`] is all that a hit in this process costs. What it does not find is a [`Lookup::Pending`], which
//! [`resolve`](Lookup::resolve) turns into a value (another caller's, or the backend's) or into a [`Miss`]: the right
//! to compute. A miss runs the body and is finished with its result; dropped unfinished, it hands over.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cachekit_backends::__private::AtOnce;
use cachekit_backends::{Age, Error, Found, OwnedKey, Timeout};

use super::concern::is_kept_out;
use super::miss::{Computes, Computing, Miss, Place as Put};
use super::mode::{self, Leave, Mode};
use super::peek::make_key;
use crate::behind;
use crate::behind::recur::Id;
use crate::bytes::{self, Names, Note, Seen};
use crate::control::{self, Place};
use crate::events::{self, EventKind};
use crate::flight::{Follower, Outcome};
use crate::fresh::{Judged, Old, Wish};
use crate::io::{Flavour, Io, now};
use crate::key::{CallKey, Tags, names};
use crate::near::Approach;
use crate::registry;
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::store::{Part, Store};
use crate::value::{Carrier, Policy, Verdict};

/// Counts a value that was read in [`Mode::Checked`] and is wanted.
pub fn accept<K: CallKey>(site: &'static Site, types: Types, key: impl FnOnce() -> K) {
    site.counters.hit();
    if events::wanted() {
        site.tell(EventKind::Hit, Some(&make_key(site, types, key())), None);
    }
}

/// What a first look found.
pub enum Lookup<P: Policy> {
    /// A value, in this process.
    Hit(P::Ret),
    /// Nothing yet.
    Pending(Pending<P>),
}

/// A call that found nothing in this process. Small: it is in the frame of those that do.
pub struct Pending<P: Policy> {
    site: &'static Site,
    call: Option<Box<Call<P>>>,
}

/// What is known about a call that asks the cache.
pub(crate) struct Call<P: Policy> {
    pub(crate) store: Arc<Store<P::Stored>>,
    pub(crate) key: OwnedKey,
    pub(crate) instance: Option<OwnedKey>,
    /// The text of the key, where that is not made from arguments.
    pub(crate) text: Option<String>,
    /// What it can be forgotten by besides.
    pub(crate) tags: Tags,
    pub(crate) mode: Mode,
    /// What was found and is to be replaced by something newer.
    pub(crate) old: Option<Old<P::Stored>>,
    /// When the caller came, where it does not wait for ever.
    pub(crate) came: Option<Instant>,
    /// It stores nothing, and computes for itself alone.
    pub(crate) reads_only: bool,
    /// How long it may wait for a place to compute in, where those are limited.
    pub(crate) deadline: Option<Instant>,
}

/// Looks a call up in this process. The arguments are borrowed no longer than this takes.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn lookup<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
    mode: Mode,
) -> Lookup<P> {
    let mut mode = mode;
    if mode == Mode::Normal {
        match at_once::<P, K>(site, types, &key) {
            Ok(value) => return Lookup::Hit(value),
            Err(seen) => mode = seen,
        }
    }
    look_again(site, types, policy, key, mode)
}

/// Looks a call up where a value is plain to see; if there is none, gives the mode in which to
/// [look again](look_again).
///
/// # Errors
///
/// The mode, which is no error.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn lookup_at_once<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
) -> Result<P::Ret, Mode> {
    let _ = policy;
    at_once::<P, K>(site, types, &key)
}

#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn at_once<P: Policy, K: CallKey>(site: &'static Site, types: Types, key: &K) -> Result<P::Ret, Mode> {
    let Some(table) = site.table_at_once::<P::Stored>(types) else { return Err(Mode::Normal) };
    match table.get_at_once(key) {
        AtOnce::Found(stored, thread) => {
            site.counters.hit_in(thread);
            Ok(P::join(stored))
        }
        AtOnce::Absent => Err(Mode::Absent),
        AtOnce::Unclear => Err(Mode::Normal),
    }
}

/// Runs what a call does that finds nothing at once: out of line, so that the others need not make room for it.
#[cold]
#[inline(never)]
pub fn cold<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// Looks a call up, when the short way led nowhere.
#[cold]
#[inline(never)]
pub fn look_again<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
    mode: Mode,
) -> Lookup<P> {
    let _ = policy;
    let leave = Leave::now();
    let mode = leave.of(mode::take_mode(site).unwrap_or(mode));
    if mode == Mode::Bypass || (site.is_off() && !mode::is_scoped()) {
        return bypass(site);
    }
    if !key.exists() {
        if site.warns_first() {
            log::warn!("{}: called outside a request, so there is no key: running uncached", site.name());
        }
        return bypass(site);
    }
    let Some(store) = resolve_store::<P>(site, types) else { return bypass(site) };
    if is_kept_out(&store, &key) {
        return bypass(site);
    }
    let reads_only = !leave.stores || key.reads_only();
    if reads_only && !mode.reads() {
        return bypass(site);
    }
    let freshness = &site.options.freshness;
    let found = if mode.reads() && mode != Mode::Absent {
        store.front().and_then(|table| table.look(&key)).map(|found| freshness.judge(found))
    } else {
        None
    };
    let (served, old) = match found {
        // The key itself is made only where somebody wants to hear of it.
        Some(Judged::Serve(stored)) if !events::wanted() => {
            if mode != Mode::Checked {
                site.counters.hit();
            }
            return Lookup::Hit(P::join(stored));
        }
        Some(Judged::Serve(stored)) => (Some(stored), None),
        Some(Judged::Old(old)) => (None, Some(old)),
        None => (None, None),
    };
    let call = Call::<P> {
        old,
        came: freshness.has_timeout().then(Instant::now),
        reads_only,
        ..Call::new(store, &key, mode)
    };
    if let Some(stored) = served {
        return Lookup::Hit(call.found(stored));
    }
    Lookup::Pending(Pending { site, call: Some(Box::new(call)) })
}

fn bypass<P: Policy>(site: &'static Site) -> Lookup<P> {
    Lookup::Pending(Pending { site, call: None })
}

/// The store that a call uses; none if caching is off or its cache is not installed.
pub(crate) fn resolve_store<P: Policy>(site: &'static Site, types: Types) -> Option<Arc<Store<P::Stored>>> {
    if !mode::is_scoped()
        && let Some(store) = site.last_store::<P::Stored>(types)
    {
        return Some(Arc::clone(store));
    }
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
    if !cache.core.capability.stores {
        // A cache that keeps nothing switches caching off, values that would stay in this process included.
        if !mode::is_scoped() {
            site.set_off(generation);
        }
        return None;
    }
    let store = cache.store::<P::Stored>(site, types)?;
    // A function of which only some calls are cached is not found the short way.
    if !mode::is_scoped() && site.ramp() == 100 {
        site.resolved(types, generation, &store);
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
            Self::Pending(pending) => pending.resolve_now(),
        }
    }

    /// The value, or what has to be resolved.
    ///
    /// # Errors
    ///
    /// What has to be resolved, which is no error.
    #[inline]
    pub fn at_once(self) -> Result<P::Ret, Pending<P>> {
        match self {
            Self::Hit(value) => Ok(value),
            Self::Pending(pending) => Err(pending),
        }
    }

    /// The async flavour of [`resolve`](Self::resolve).
    ///
    /// # Errors
    ///
    /// The right to compute, which is no error.
    pub async fn resolve_async(self) -> Result<P::Ret, Miss<P>> {
        match self {
            Self::Hit(value) => Ok(value),
            Self::Pending(pending) => pending.resolve_async().await,
        }
    }
}

impl<P: Policy> Pending<P> {
    #[cold]
    #[inline(never)]
    fn resolve_now(self) -> Result<P::Ret, Miss<P>> {
        let site = self.site;
        match self.begin() {
            Begun::Done(outcome) => missed(site, outcome),
            Begun::Waits(call, part) => missed(site, now(call.resolve(Flavour::Blocking, part))),
            Begun::Bypasses => Err(Miss::new(site, None)),
        }
    }

    /// The value, or the right to compute it.
    ///
    /// # Errors
    ///
    /// The right to compute, which is no error.
    pub async fn resolve_async(self) -> Result<P::Ret, Miss<P>> {
        let site = self.site;
        match self.begin() {
            Begun::Done(outcome) => missed(site, outcome),
            // Boxed, so that the future of a call that finds or computes its value stays small.
            Begun::Waits(call, part) => missed(site, Box::pin(call.resolve(Flavour::Async, part)).await),
            Begun::Bypasses => Err(Miss::new(site, None)),
        }
    }

    /// Goes as far as nothing but the table of this process is needed: most calls that miss go no further.
    fn begin(self) -> Begun<P> {
        let Some(mut call) = self.call else {
            count(&self.site.counters.bypasses);
            if mode::is_recording() {
                control::note_bypass(self.site.name());
            }
            return Begun::Bypasses;
        };
        let joins = call.mode != Mode::Refresh && !call.reads_only;
        let (true, Some(table)) = (joins, call.store.table()) else {
            return Begun::Waits(call, None);
        };
        if call.text.is_some() || call.store.core.seeded.load(Ordering::Acquire) {
            return Begun::Waits(call, None);
        }
        match call.join() {
            Part::Lead(leader, birth) => {
                let found = if call.mode.reads() { table.look_owned(&call.key) } else { None };
                Begun::Done(match call.judge(found) {
                    Some(stored) => {
                        leader.land(Some(stored.clone()));
                        Ok(call.found(stored))
                    }
                    None => Err(Computing::boxed(call, Computes::Leading(leader, birth), None)),
                })
            }
            part => Begun::Waits(call, Some(part)),
        }
    }
}

/// How far a call came without asking anybody.
enum Begun<P: Policy> {
    Done(Result<P::Ret, Box<Computing<P>>>),
    /// Others have to be waited for or asked; the part is what it has in the flight it joined, if it did.
    Waits(Box<Call<P>>, Option<Part<P::Stored>>),
    Bypasses,
}

fn missed<P: Policy>(
    site: &'static Site,
    outcome: Result<P::Ret, Box<Computing<P>>>,
) -> Result<P::Ret, Miss<P>> {
    outcome.map_err(|computing| Miss::new(site, Some(computing)))
}

impl<P: Policy> Call<P> {
    async fn resolve(
        self: Box<Self>,
        flavour: Flavour,
        mut joined: Option<Part<P::Stored>>,
    ) -> Result<P::Ret, Box<Computing<P>>> {
        let mut this = self;
        let store = Arc::clone(&this.store);
        this.deadline = this.recompute_limit().map(|_| Instant::now() + store.core.flight_timeout);
        let instance = this.instance.as_ref().map(OwnedKey::hash);
        if this.reads_only {
            let found = this.look(flavour).await;
            if let Some(stored) = this.judge(found) {
                return Ok(this.found(stored));
            }
            let served = if this.has_old_to_serve() { this.serve_old() } else { None };
            return served.ok_or_else(|| this.alone());
        }
        if this.mode == Mode::Refresh {
            let role = Computes::Storing(store.begin(instance));
            return Err(this.look_in_backend(flavour, role).await.1);
        }
        loop {
            match joined.take().unwrap_or_else(|| this.join()) {
                Part::Lead(leader, birth) => {
                    let found = this.look_in_table(flavour).await;
                    if let Some(stored) = this.judge(found) {
                        leader.land(Some(stored.clone()));
                        return Ok(this.found(stored));
                    }
                    let (found, computing) =
                        this.look_in_backend(flavour, Computes::Leading(leader, birth)).await;
                    let Some(stored) = found else { return Err(computing) };
                    let Computing { call, role, seen, .. } = *computing;
                    if let Computes::Leading(leader, birth) = role {
                        let place = Put { flavour, birth: &birth, seen };
                        call.hand_over(leader, &place, Some(stored.clone())).await;
                    }
                    return Ok(call.found(stored));
                }
                // Somebody computes a newer value, or the caller itself does, further up on its stack.
                Part::Follow(_) | Part::Alone if this.has_old_to_serve() => {
                    return this.serve_old().ok_or_else(|| this.alone());
                }
                Part::Follow(follower) => match this.follow(flavour, &follower).await {
                    Some(Outcome::Landed(value)) => {
                        if let Some(value) = value.map(P::join).or_else(P::shared) {
                            if this.mode != Mode::Checked {
                                count(&store.site.counters.coalesced);
                                this.tell(EventKind::Hit, None);
                            }
                            return Ok(value);
                        }
                    }
                    Some(Outcome::Again | Outcome::Aside) => {}
                    // Out of patience, or the others keep failing: what this caller computes is as good.
                    Some(Outcome::Alone) => {
                        let role = Computes::Storing(store.begin(instance));
                        return Err(this.look_in_backend(flavour, role).await.1);
                    }
                    None => return this.serve_old().ok_or_else(|| this.alone()),
                },
                Part::Alone => return Err(this.alone()),
            }
        }
    }

    /// Waits for the leader of the flight; nothing comes of it where there is an old value that is good enough.
    async fn follow(
        &mut self,
        flavour: Flavour,
        follower: &Follower<P::Stored>,
    ) -> Option<Outcome<P::Stored>> {
        let store = Arc::clone(&self.store);
        let mut knows = false;
        loop {
            match follower.wait(flavour, self.patience(), store.fence(), knows).await {
                Outcome::Aside => {
                    knows = true;
                    self.look_aside(flavour).await;
                    if self.has_old_to_serve() {
                        return None;
                    }
                }
                outcome => return Some(outcome),
            }
        }
    }

    /// How long this caller waits for another one.
    fn patience(&self) -> Duration {
        let patience = self.store.core.flight_timeout;
        let Some(came) = self.came else { return patience };
        let freshness = &self.store.site.options.freshness;
        let soft = freshness.soft_timeout.filter(|_| self.old.is_some());
        let limits = soft.into_iter().chain(freshness.hard_timeout);
        limits.map(|limit| limit.saturating_sub(came.elapsed())).fold(patience, Duration::min)
    }

    /// Looks for an old value while somebody else computes a newer one.
    async fn look_aside(&mut self, flavour: Flavour) {
        if !self.mode.reads() {
            return;
        }
        let found = if self.store.table().is_some() {
            self.look_in_table(flavour).await
        } else if let Some(carrier) = P::carrier() {
            let names = self.names();
            let io = Io::new(&*self.store.core.backend, flavour);
            bytes::peek(&self.store, &names, io, carrier).await.ok().flatten()
        } else {
            None
        };
        if let Some(stored) = self.judge(found.clone()) {
            // Good as it is, which somebody else saw to meanwhile.
            let age = found.and_then(|found| found.age).unwrap_or(Age::NEW);
            self.old = Some(Old { value: stored, age, wish: Wish::Renew });
        }
    }

    /// Whether there is an old value that may be served while a newer one is computed.
    pub(crate) fn has_old_to_serve(&self) -> bool {
        self.old.as_ref().is_some_and(|old| old.wish == Wish::Renew)
    }

    /// The old value, as a hit.
    pub(crate) fn serve_old(&mut self) -> Option<P::Ret> {
        let old = self.old.take()?;
        Some(self.found(old.value))
    }

    /// A value that is to be served; an old one is kept at hand.
    pub(crate) fn judge(&mut self, found: Option<Found<P::Stored>>) -> Option<P::Stored> {
        match found.map(|found| self.store.site.options.freshness.judge(found)) {
            Some(Judged::Serve(stored)) => Some(stored),
            Some(Judged::Old(old)) => {
                self.old = Some(old);
                None
            }
            None => {
                self.old = None;
                None
            }
        }
    }

    /// Keeps a value at hand, for when no newer one can be had.
    pub(crate) fn keep(&mut self, found: Found<P::Stored>) {
        let age = found.age.unwrap_or(Age::NEW);
        self.old = Some(Old { value: found.value, age, wish: Wish::Renew });
    }

    pub(crate) fn computing(self: Box<Self>, role: Computes<P>) -> Box<Computing<P>> {
        Computing::boxed(self, role, None)
    }

    pub(crate) fn join(&self) -> Part<P::Stored> {
        self.store.join(&self.key, self.instance.as_ref().map(OwnedKey::hash), &self.tags)
    }

    /// The backend's names for what belongs to the call.
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.store, &self.key, &self.key_text(), self.instance.as_ref(), &self.tags)
    }

    pub(crate) fn new<K: CallKey>(store: Arc<Store<P::Stored>>, key: &K, mode: Mode) -> Self {
        Self {
            instance: key.instance(),
            text: key.text().map(str::to_owned),
            tags: key.tags(),
            ..Self::of(store, OwnedKey::of(key), mode)
        }
    }

    /// A call of which there is no more to know than its key.
    pub(crate) fn of(store: Arc<Store<P::Stored>>, key: OwnedKey, mode: Mode) -> Self {
        Self {
            store,
            key,
            instance: None,
            text: None,
            tags: Tags::default(),
            mode,
            reads_only: false,
            deadline: None,
            old: None,
            came: None,
        }
    }

    fn alone(self: Box<Self>) -> Box<Computing<P>> {
        Computing::boxed(self, Computes::Alone, None)
    }

    pub(super) fn found(&self, stored: P::Stored) -> P::Ret {
        if self.mode != Mode::Checked {
            self.store.site.counters.hit();
            self.tell(EventKind::Hit, None);
        }
        P::join(stored)
    }

    /// Looks in this process once more, now that nobody else computes: in the table, and, for a key that others may
    /// write, where they write it.
    pub(crate) async fn look_in_table(&self, flavour: Flavour) -> Option<Found<P::Stored>> {
        if !self.mode.reads() {
            return None;
        }
        if let Some(found) = self.store.front()?.look_owned(&self.key) {
            return Some(found);
        }
        if self.store.near().is_some() {
            return None;
        }
        let core = &self.store.core;
        let seeded = self.instance.is_none() && core.seeded.load(Ordering::Acquire);
        if self.text.is_none() && !seeded {
            return None;
        }
        let text = self.key_text();
        if let Some(value) = self.store.siblings()?.get::<P::Stored>(core, &text) {
            return Some(Found { value, age: None });
        }
        if !core.capability.in_process {
            return None;
        }
        let carrier = P::carrier()?;
        let names = Names::new(&self.store, &self.key, &text, self.instance.as_ref(), &self.tags);
        let io = Io::new(&*core.backend, flavour);
        bytes::peek(&self.store, &names, io, carrier).await.ok().flatten()
    }

    /// Looks in the backend, where the values are bytes there.
    pub(crate) async fn look_in_backend(
        self: Box<Self>,
        flavour: Flavour,
        role: Computes<P>,
    ) -> (Option<P::Stored>, Box<Computing<P>>) {
        let Some(carrier) = P::carrier() else {
            return (None, Computing::boxed(self, role, None));
        };
        if self.store.table().is_some() {
            return (None, Computing::boxed(self, role, None));
        }
        let store = Arc::clone(&self.store);
        let names = self.names();
        let io = Io::new(&*store.core.backend, flavour);
        let mut permit = None;
        let this = self;
        let instance = this.instance.as_ref().map(OwnedKey::hash);
        loop {
            if !this.is_withheld() {
                let approach = if this.mode.reads() { Approach::begin(&store, instance) } else { None };
                match bytes::fetch(&store, &names, io, carrier, this.whole_lifetime()).await {
                    Ok((found, seen)) => {
                        if let (Some(approach), Some(found)) = (approach, &found) {
                            approach.arrive(&this.key, instance, &names, found);
                        }
                        return this.fetched(flavour, role, found, names, seen, carrier).await;
                    }
                    Err(error) => store.site.failed(None, &error),
                }
            }
            if permit.is_none() {
                match this.place_to_compute(flavour, &role).await {
                    Place::Free(free) => permit = Some(free),
                    Place::Waited(waited) => {
                        // Meanwhile the backend may be back.
                        permit = Some(waited);
                        continue;
                    }
                    Place::None => {}
                }
            }
            let mut computing = Computing::boxed(this, role, None);
            computing.permit = permit;
            return (None, computing);
        }
    }

    /// What comes of a fetch.
    async fn fetched(
        self: Box<Self>,
        flavour: Flavour,
        role: Computes<P>,
        found: Option<Found<P::Stored>>,
        names: Names,
        mut seen: Seen,
        carrier: Carrier<P::Stored>,
    ) -> (Option<P::Stored>, Box<Computing<P>>) {
        let mut call = self;
        let store = Arc::clone(&call.store);
        let io = Io::new(&*store.core.backend, flavour);
        let found = found.filter(|_| call.mode.reads());
        let age = found.as_ref().and_then(|found| found.age);
        if store.site.options.freshness.refresh_every.is_some() {
            behind::recur::note(&Id::new(&store, &call.key));
        }
        let is_idle = age.is_some_and(|age| age.lifetimes.idle.is_some());
        let stored = call.judge(found);
        if is_idle
            && stored.is_some()
            && let Err(error) = bytes::note(&store, &names, io, &mut seen, Note::Touched).await
        {
            store.site.failed(None, &error);
        }
        if stored.is_none() && call.wants_lease() {
            return call.compete(flavour, role, names, seen, carrier).await;
        }
        let mut computing = Computing::boxed(call, role, Some(Box::new((names, seen))));
        computing.age = age;
        (stored, computing)
    }

    pub(crate) fn key_text(&self) -> String {
        self.text
            .clone()
            .unwrap_or_else(|| names::text(&self.store.core, self.store.site, self.store.types, &self.key))
    }

    pub(crate) fn tell(&self, kind: EventKind, error: Option<&Error>) {
        if events::wanted() {
            self.store.site.tell(kind, Some(&self.key_text()), error);
        }
    }

    /// How long an entry lives at most, as far as is known before its value.
    pub(crate) fn whole_lifetime(&self) -> Option<Duration> {
        let freshness = &self.store.site.options.freshness;
        Some(
            self.lifetime(None, Verdict::Plain)?
                .saturating_add(freshness.stale)
                .saturating_add(freshness.grace),
        )
    }

    /// How long a result lives: what was set at run time, what this call says, what the attribute says.
    pub(crate) fn lifetime(&self, dynamic: Option<Timeout>, verdict: Verdict) -> Option<Duration> {
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

impl<P: Policy> fmt::Debug for Lookup<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hit(_) => "Lookup::Hit",
            Self::Pending(_) => "Lookup::Pending",
        })
    }
}

impl<P: Policy> fmt::Debug for Pending<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("site", &self.site).finish_non_exhaustive()
    }
}

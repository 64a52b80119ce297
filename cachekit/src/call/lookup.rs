//! One call of an annotated function: look, join, compute, store.
//!
//! [`lookup`] is all that a hit in this process costs. What it does not find is a [`Lookup::Pending`], which
//! [`resolve`](Lookup::resolve) turns into a value (another caller's, or the backend's) or into a [`Miss`]: the right
//! to compute. A miss runs the body and is finished with its result; dropped unfinished, it hands over.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cachekit_backends::__private::AtOnce;
use cachekit_backends::{Error, OwnedKey, Timeout};

use super::miss::{Computes, Computing, Miss, Place};
use super::mode::{self, Mode};
use super::peek::make_key;
use crate::bytes::{self, Names};
use crate::events::{self, EventKind};
use crate::flight::Outcome;
use crate::io::{Flavour, Io, now};
use crate::key::CallKey;
use crate::key::names;
use crate::registry;
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::store::{Part, Store};
use crate::value::{Policy, Verdict};

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
    pub(crate) mode: Mode,
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
    let _ = policy;
    let mut mode = mode;
    if mode == Mode::Normal
        && let Some(table) = site.table_at_once::<P::Stored>(types)
    {
        match table.get_at_once(&key) {
            AtOnce::Found(stored, thread) => {
                site.counters.hit_in(thread);
                return Lookup::Hit(P::join(stored));
            }
            AtOnce::Absent => mode = Mode::Absent,
            AtOnce::Unclear => {}
        }
    }
    look_again(site, types, key, mode)
}

/// What [`lookup`] does when the short way leads nowhere.
#[cold]
#[inline(never)]
fn look_again<P: Policy, K: CallKey>(site: &'static Site, types: Types, key: K, mode: Mode) -> Lookup<P> {
    let mode = mode::take_mode(site).unwrap_or(mode);
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
    let found = if mode.reads() && mode != Mode::Absent {
        store.table().and_then(|table| table.get(&key))
    } else {
        None
    };
    let found = match found {
        // The key itself is made only where somebody wants to hear of it.
        Some(stored) if !events::wanted() => {
            if mode != Mode::Checked {
                site.counters.hit();
            }
            return Lookup::Hit(P::join(stored));
        }
        found => found,
    };
    let call = Call::<P> {
        key: OwnedKey::of(&key),
        instance: key.instance(),
        text: key.text().map(str::to_owned),
        store,
        mode,
    };
    if let Some(stored) = found {
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
    if !mode::is_scoped() {
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

    /// The value, by computing it where nobody has it. In a box, so that it is no part of the future of a hit.
    pub fn compute_async<F: Future<Output = P::Ret>>(
        self,
        body: impl FnOnce() -> F,
    ) -> Pin<Box<impl Future<Output = P::Ret>>> {
        Box::pin(async move {
            match self.resolve_async().await {
                Ok(value) => value,
                Err(mut miss) => {
                    let value = miss.run_async(body).await;
                    miss.finish_async(value).await
                }
            }
        })
    }

    /// Goes as far as nothing but the table of this process is needed: most calls that miss go no further.
    fn begin(self) -> Begun<P> {
        let Some(call) = self.call else {
            count(&self.site.counters.bypasses);
            return Begun::Bypasses;
        };
        let (true, Some(table)) = (call.mode != Mode::Refresh, call.store.table()) else {
            return Begun::Waits(call, None);
        };
        if call.text.is_some() || call.store.core.seeded.load(Ordering::Acquire) {
            return Begun::Waits(call, None);
        }
        match call.store.join(&call.key, call.instance.as_ref().map(OwnedKey::hash)) {
            Part::Lead(leader, birth) => {
                let found = if call.mode.reads() { table.get_owned(&call.key) } else { None };
                Begun::Done(if let Some(stored) = found {
                    leader.land(Some(stored.clone()));
                    Ok(call.found(stored))
                } else {
                    Err(Computing::boxed(call, Computes::Leading(leader, birth), None))
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
    outcome.map_err(|computing| {
        count(&site.counters.misses);
        computing.call.tell(EventKind::Miss, None);
        Miss::new(site, Some(computing))
    })
}

impl<P: Policy> Call<P> {
    async fn resolve(
        self: Box<Self>,
        flavour: Flavour,
        mut joined: Option<Part<P::Stored>>,
    ) -> Result<P::Ret, Box<Computing<P>>> {
        let store = Arc::clone(&self.store);
        let instance = self.instance.as_ref().map(OwnedKey::hash);
        if self.mode == Mode::Refresh {
            let role = Computes::Storing(store.begin(instance));
            return Err(self.look_in_backend(flavour, role).await.1);
        }
        loop {
            match joined.take().unwrap_or_else(|| store.join(&self.key, instance)) {
                Part::Lead(leader, birth) => {
                    if let Some(stored) = self.look_in_table(flavour).await {
                        leader.land(Some(stored.clone()));
                        return Ok(self.found(stored));
                    }
                    let (found, computing) =
                        self.look_in_backend(flavour, Computes::Leading(leader, birth)).await;
                    let Some(stored) = found else { return Err(computing) };
                    let Computing { call, role, seen } = *computing;
                    if let Computes::Leading(leader, birth) = role {
                        let place = Place { flavour, birth: &birth, seen };
                        call.hand_over(leader, &place, Some(stored.clone())).await;
                    }
                    return Ok(call.found(stored));
                }
                Part::Follow(follower) => {
                    match follower.wait(flavour, store.core.flight_timeout, store.fence()).await {
                        Outcome::Landed(value) => {
                            let value = value.map(P::join).or_else(P::shared);
                            if let Some(value) = value {
                                if self.mode != Mode::Checked {
                                    count(&store.site.counters.coalesced);
                                    self.tell(EventKind::Hit, None);
                                }
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

    fn alone(self: Box<Self>) -> Box<Computing<P>> {
        Computing::boxed(self, Computes::Alone, None)
    }

    fn found(&self, stored: P::Stored) -> P::Ret {
        if self.mode != Mode::Checked {
            self.store.site.counters.hit();
            self.tell(EventKind::Hit, None);
        }
        P::join(stored)
    }

    /// Looks in this process once more, now that nobody else computes: in the table, and, for a key that others may
    /// write, where they write it.
    pub(crate) async fn look_in_table(&self, flavour: Flavour) -> Option<P::Stored> {
        if !self.mode.reads() {
            return None;
        }
        let table = self.store.table()?;
        if let Some(stored) = table.get_owned(&self.key) {
            return Some(stored);
        }
        let core = &self.store.core;
        let seeded = self.instance.is_none() && core.seeded.load(Ordering::Acquire);
        if self.text.is_none() && !seeded {
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
        self: Box<Self>,
        flavour: Flavour,
        role: Computes<P>,
    ) -> (Option<P::Stored>, Box<Computing<P>>) {
        let (store, Some(carrier)) = (&self.store, P::carrier()) else {
            return (None, Computing::boxed(self, role, None));
        };
        if store.table().is_some() {
            return (None, Computing::boxed(self, role, None));
        }
        let names = Names::new(store, &self.key, &self.key_text(), self.instance.as_ref());
        let io = Io::new(&*store.core.backend, flavour);
        match bytes::fetch(store, &names, io, carrier, self.lifetime(None, Verdict::Plain)).await {
            Ok((found, seen)) => {
                let found = found.filter(|_| self.mode.reads());
                (found, Computing::boxed(self, role, Some(Box::new((names, seen)))))
            }
            Err(error) => {
                store.site.failed(None, &error);
                (None, Computing::boxed(self, role, None))
            }
        }
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

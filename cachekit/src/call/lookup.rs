//! One call of an annotated function: look, join, compute, store.
//!
//! [`at_once`] is all that a hit in this process costs. What it does not find is looked for [again](Unclear::look). What is
//! not there then either is a [`Lookup::Pending`], which [`resolve`](Lookup::resolve) turns into a value (another
//! caller's, or the backend's) or into a [`Miss`]: the right to compute. A miss runs the body and is finished with its
//! result; dropped unfinished, it hands over.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cachekit_backends::__private::AtOnce;

use super::computing::{Computes, Computing};
use super::concern::is_kept_out;
use super::miss::Miss;
use super::mode::{self, Leave, Mode};
use super::one::Call;
use super::peek::make_key;
use super::verify::is_verified;
use crate::control;
use crate::events::{self, EventKind};
use crate::fresh::Judged;
use crate::io::{Flavour, now};
use crate::key::CallKey;
use crate::registry;
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::store::{Part, Store};
use crate::value::Policy;

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

/// The value of a call, where it is plain to see that this process has it. The arguments are borrowed no longer than this
/// takes.
///
/// # Errors
///
/// What looks for it again, which is no error.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn at_once<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: &K,
    mode: Mode,
) -> Result<P::Ret, Unclear<P>> {
    let _ = policy;
    let mut mode = mode;
    if mode == Mode::Normal
        && let Some(table) = site.table_at_once::<P::Stored>(types)
    {
        match table.get(key) {
            AtOnce::Found(stored, thread) => {
                site.counters.hit_in(thread);
                return Ok(P::join(stored));
            }
            AtOnce::Absent => mode = Mode::Absent,
            AtOnce::Unclear => {}
        }
    }
    Err(Unclear { site, types, mode, policy: PhantomData })
}

/// Looks a call up in this process, as [`at_once`] and then [again](Unclear::look).
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn lookup<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
    mode: Mode,
) -> Lookup<P> {
    match at_once(site, types, policy, &key, mode) {
        Ok(value) => Lookup::Hit(value),
        Err(again) => again.look(key),
    }
}

/// The value of a call: found, or computed by the body.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
pub fn answer<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
    mode: Mode,
    body: impl FnOnce() -> P::Ret,
) -> P::Ret {
    match at_once(site, types, policy, &key, mode) {
        Ok(value) => value,
        Err(unclear) => unclear.compute(key, body),
    }
}

/// Does what a hit does not need: in a function of its own, so that a hit pays nothing for it, not even for the registers
/// and the stack that it takes.
#[cold]
#[inline(never)]
pub fn cold<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// A call whose value was not plain to see.
pub struct Unclear<P: Policy> {
    site: &'static Site,
    types: Types,
    mode: Mode,
    policy: PhantomData<fn() -> P>,
}

impl<P: Policy> Unclear<P> {
    /// The value, by computing it where nobody has it.
    #[cold]
    #[inline(never)]
    fn compute<K: CallKey>(self, key: K, body: impl FnOnce() -> P::Ret) -> P::Ret {
        match self.look(key).resolve() {
            Ok(value) => value,
            Err(mut miss) => {
                let value = miss.run(body);
                miss.finish(value)
            }
        }
    }

    /// Looks the call up, wherever in this process its value may be.
    #[cold]
    #[inline(never)]
    pub fn look<K: CallKey>(self, key: K) -> Lookup<P> {
        let Self { site, types, mode, .. } = self;
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
        // Who inherits looks below, where it learns more of what it finds; so does who verifies, and can do it there.
        let looks = mode.reads() && mode != Mode::Absent && !mode::is_inheriting();
        let found = if looks && !is_verified(&store, &key) {
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
    // A function of which only some calls are cached, or some are verified, is not found the short way.
    if !mode::is_scoped() && site.ramp() == 100 && site.options.verify.is_none() {
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
                let found = if call.mode.reads() { call.look_in(table) } else { None };
                Begun::Done(match call.judge(found) {
                    Some(stored) => {
                        leader.land(Some(stored.clone()));
                        call.serve(stored)
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

impl<P: Policy> fmt::Debug for Unclear<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unclear").field("site", &self.site).field("mode", &self.mode).finish_non_exhaustive()
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

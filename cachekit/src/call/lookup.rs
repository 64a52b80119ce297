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

use cachekit_backends::__private::AtOnce;

use super::miss::Miss;
use super::mode::Mode;
use super::one::Identity;
use super::peek::make_key;
use super::seek::{Asked, Undecided};
use crate::events::{self, EventKind};
use crate::fresh::Judged;
use crate::key::CallKey;
use crate::site::{Site, Types};
use crate::value::Policy;
use crate::values::{AnyTable, Given, Values};

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
    pending: Undecided,
    policy: PhantomData<fn() -> P>,
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
        match table.get(key, |thread| site.counters.hit_in(thread)) {
            AtOnce::Found(stored) => return Ok(P::join(stored)),
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
    pub(super) fn compute<K: CallKey>(self, key: K, body: impl FnOnce() -> P::Ret) -> P::Ret {
        match self.look(key).resolve() {
            Ok(value) => value,
            // Written out, as in `or_run`: this is compiled for each body there is, and all that it calls is not.
            Err(mut miss) => {
                let running = miss.begin();
                let value = body();
                miss.finish_run(running, value)
            }
        }
    }

    /// Looks the call up, wherever in this process its value may be.
    #[cold]
    #[inline(never)]
    pub fn look<K: CallKey>(self, key: K) -> Lookup<P> {
        let site = self.site;
        let identity = || Identity::of(site, &key);
        let asked = Asked {
            site,
            types: self.types,
            values: Values::of::<P>(),
            mode: self.mode,
            exists: key.exists(),
            reads_only: key.reads_only(),
            identity: &identity,
        };
        let Some(mut seeker) = asked.seek() else { return Pending::of(Undecided::bypassing(site)) };
        let table = seeker.table().and_then(<dyn AnyTable>::typed::<P::Stored>);
        match table.and_then(|table| table.look(&key)).map(|found| site.options.freshness.judge(found)) {
            Some(Judged::Serve(stored)) => {
                seeker.note_hit(&identity);
                return Lookup::Hit(P::join(stored));
            }
            Some(Judged::Old(old)) => seeker.old = Some(Box::new(old.share())),
            None => {}
        }
        Pending::of(seeker.undecided(identity()))
    }
}

impl<P: Policy> Lookup<P> {
    /// The value: what was found, or what the body gives.
    pub fn or_run(self, body: impl FnOnce() -> P::Ret) -> P::Ret {
        match self.resolve() {
            Ok(value) => value,
            Err(mut miss) => {
                let running = miss.begin();
                let value = body();
                miss.finish_run(running, value)
            }
        }
    }

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
    fn of(pending: Undecided) -> Lookup<P> {
        Lookup::Pending(Self { pending, policy: PhantomData })
    }

    fn resolve_now(self) -> Result<P::Ret, Miss<P>> {
        self.pending.resolve().map(Given::typed::<P>).map_err(Miss::new)
    }

    /// The value, or the right to compute it.
    ///
    /// # Errors
    ///
    /// The right to compute, which is no error.
    pub async fn resolve_async(self) -> Result<P::Ret, Miss<P>> {
        let resolved = match self.pending.begin() {
            Ok(resolved) => resolved,
            Err(waiting) => waiting.await,
        };
        resolved.map(Given::typed::<P>).map_err(Miss::new)
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
        f.debug_struct("Pending").field("site", self.pending.site()).finish_non_exhaustive()
    }
}

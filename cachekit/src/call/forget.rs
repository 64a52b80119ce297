//! The `delete_memoized` family: forgetting calls, instances and functions.
//!
//! Each forgets in the backend first and in this process second. Whatever a computation of this process fetched before
//! the backend forgot, is fenced off by the second step; whatever it fetches later is new.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cachekit_backends::{KeyStream, OwnedKey, Result, Target};

use super::one::Identity;
use super::seek::resolve_store;
use crate::bytes::{self, Names};
use crate::cache::Cache;
use crate::control::{self, Invalidation};
use crate::events::EventKind;
use crate::io::{Flavour, Io, now};
use crate::key::CallKey;
use crate::key::{Tags, names};
use crate::site::{Site, Types};
use crate::store::Store;
use crate::value::Policy;
use crate::values::Values;

/// Something that is being forgotten; `T` is what there is to say about it.
#[must_use = "nothing is forgotten until this is resolved"]
pub struct Forget<T> {
    site: &'static Site,
    order: Order,
    report: fn(bool) -> T,
}

enum Order {
    /// Nothing: there is no such call, or no cache.
    Nothing,
    /// One call.
    Call(Arc<OneCall>),
    /// One instance, or the whole function.
    Stamp { instance: Option<OwnedKey>, change: Change },
}

/// What becomes of a stamp. Either way the entries under the old one are forgotten.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A new one takes its place.
    Replace,
    /// It goes, and the next call creates a new one.
    Remove,
}

/// Forgets one call.
pub fn delete_one<P: Policy, K: CallKey>(
    site: &'static Site,
    types: Types,
    policy: P,
    key: K,
) -> Forget<bool> {
    let _ = policy;
    let store = key.exists().then(|| resolve_store(site, types, Values::of::<P>())).flatten();
    let order = store.map_or(Order::Nothing, |store| {
        Order::Call(Arc::new(OneCall { store, identity: Identity::of(site, &key) }))
    });
    Forget { site, order, report: |deleted| deleted }
}

/// Forgets all calls of one instance, in all instantiations of the method.
pub(super) fn delete_instance<R: KeyStream>(site: &'static Site, receiver: R) -> Forget<()> {
    stamp(site, Some(OwnedKey::of(&receiver)), Change::Replace)
}

/// Forgets all calls of a function: every instance, every instantiation.
pub(super) fn delete_all(site: &'static Site) -> Forget<()> {
    stamp(site, None, Change::Replace)
}

/// Forgets the stamp of one instance.
pub(super) fn delete_verhash_instance<R: KeyStream>(site: &'static Site, receiver: R) -> Forget<()> {
    stamp(site, Some(OwnedKey::of(&receiver)), Change::Remove)
}

/// Forgets the stamp of a function.
pub(super) fn delete_verhash(site: &'static Site) -> Forget<()> {
    stamp(site, None, Change::Remove)
}

fn stamp(site: &'static Site, instance: Option<OwnedKey>, change: Change) -> Forget<()> {
    Forget { site, order: Order::Stamp { instance, change }, report: drop }
}

impl<T> Forget<T> {
    /// Forgets it.
    ///
    /// # Errors
    ///
    /// When the backend fails: it may not be forgotten then.
    pub fn resolve(self) -> Result<T> {
        now(self.carry_out(Flavour::Blocking))
    }

    /// The async flavour of [`resolve`](Self::resolve).
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub async fn resolve_async(self) -> Result<T> {
        self.carry_out(Flavour::Async).await
    }

    /// Forgets in the backend and, whatever came of that, in this process; or has it wait for a commit.
    async fn carry_out(self, flavour: Flavour) -> Result<T> {
        let Self { site, order, report } = self;
        let cache = site.cache()?;
        let invalidation = match order {
            Order::Nothing => {
                site.tell(EventKind::Invalidated, None, None);
                return Ok(report(false));
            }
            Order::Call(call) => Invalidation::call(cache, site, call),
            Order::Stamp { instance, change } => Invalidation::stamp(cache, site, instance, change),
        };
        if control::is_open() {
            control::hold(invalidation);
            return Ok(report(false));
        }
        invalidation.carry_out(flavour).await.map(report)
    }
}

/// Forgets one instance or the whole function, in the backend and, whatever came of that, in this process.
pub(crate) async fn forget_stamp(
    site: &'static Site,
    cache: &Cache,
    flavour: Flavour,
    instance: Option<&OwnedKey>,
    change: Change,
) -> Result<bool> {
    let mut outcome = change_stamp(site, cache, flavour, instance, change).await;
    if instance.is_none() && outcome.is_ok() {
        outcome = clear_seeds(site, cache, flavour).await;
    }
    let target = instance.map_or(Target::All, |instance| Target::Owner(instance.hash()));
    for store in cache.stores().of(site) {
        store.invalidate(target);
    }
    outcome.map(|()| false)
}

/// Replaces or removes the stamp of a function or an instance, where values are bytes in a backend.
async fn change_stamp(
    site: &'static Site,
    cache: &Cache,
    flavour: Flavour,
    instance: Option<&OwnedKey>,
    change: Change,
) -> Result<()> {
    let core = &cache.core;
    if core.capability.in_process || site.options.local || !core.capability.stores {
        return Ok(());
    }
    let function = names::function(site);
    let entries = site.timeout_now().or(site.options.timeout).unwrap_or_default();
    let (name, lifetime) = match instance {
        None => (names::function_stamp(core, &function), None),
        Some(instance) => (
            names::instance_stamp(core, &function, names::instance(core, site, instance)),
            bytes::stamp_lifetime(entries.or_default(core.default_timeout, &core.clock).map(|fresh| {
                let freshness = &site.options.freshness;
                fresh.saturating_add(freshness.stale).saturating_add(freshness.grace)
            })),
        ),
    };
    let io = Io::new(&*core.backend, flavour);
    match change {
        Change::Replace => bytes::replace_stamp(io, &name, lifetime).await,
        Change::Remove => io.delete_many(&[&name]).await.map(drop),
    }
}

/// Removes what users set under the keys of a function, where that stands beside its table.
async fn clear_seeds(site: &'static Site, cache: &Cache, flavour: Flavour) -> Result<()> {
    let core = &cache.core;
    if !core.capability.in_process || !core.seeded.load(Ordering::Acquire) {
        return Ok(());
    }
    let prefix = core.backend_key(&format!("{}:", names::function(site)));
    Io::new(&*core.backend, flavour).clear(&prefix).await
}

/// A call to forget.
pub(crate) struct OneCall {
    store: Arc<Store>,
    identity: Identity,
}

impl OneCall {
    /// The text of its key.
    pub(crate) fn key_text(&self) -> String {
        let Self { store, identity: Identity { key, text, .. } } = self;
        text.clone().unwrap_or_else(|| names::text(&store.core, store.site, store.types, key))
    }

    /// Its names in the backend, where it is there.
    fn names(&self) -> Option<Names> {
        let Self { store, identity: Identity { key, instance, .. } } = self;
        let no_tags = Tags::default();
        let is_there = store.table().is_none();
        is_there.then(|| Names::new(store, key, &self.key_text(), instance.as_ref(), &no_tags))
    }

    /// The text under which others may have written, where they may.
    fn text(&self) -> Option<String> {
        let seeded = self.store.core.seeded.load(Ordering::Acquire);
        (self.identity.text.is_some() || seeded).then(|| self.key_text())
    }

    /// Forgets it in the backend and, whatever came of that, in this process; says whether it was there.
    pub(crate) async fn forget(&self, cache: &Cache, flavour: Flavour) -> Result<bool> {
        let io = Io::new(&*cache.core.backend, flavour);
        let there = match self.names() {
            Some(names) => bytes::forget(names.value(), io, cache.core.capability.compare_and_set).await,
            None => Ok(false),
        };
        let here = self.forget_here(cache, flavour).await;
        there.and_then(|there| here.map(|here| there || here))
    }

    async fn forget_here(&self, cache: &Cache, flavour: Flavour) -> Result<bool> {
        let mut deleted = self.store.invalidate(Target::Key(&self.identity.key));
        // A text is a place that others may have written.
        if let Some(text) = self.text()
            && cache.core.capability.in_process
        {
            deleted |= cache.forget(flavour, &[&text]).await? == [true];
        }
        Ok(deleted)
    }
}

impl<T> fmt::Debug for Forget<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forget").field("site", &self.site).finish_non_exhaustive()
    }
}

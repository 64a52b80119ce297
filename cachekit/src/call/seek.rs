//! What a call does that was not plain to see, whatever the types of its key and value: whether it is cached at all, in
//! which store, and how far it comes without asking anybody.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::computing::{Computes, Computing};
use super::concern::is_kept_out;
use super::missed::Missed;
use super::mode::{self, Leave, Mode};
use super::one::{Call, Identity};
use super::verify::is_verified;
use crate::control;
use crate::events::{self, EventKind};
use crate::fresh::Old;
use crate::io::{Flavour, now};
use crate::registry;
use crate::site::stats::count;
use crate::site::{Site, Types};
use crate::store::{Part, Store};
use crate::values::{AnyTable, Given, Shared, Values};

/// What a call asks for. Its key is made only where it is needed.
pub(super) struct Asked<'a> {
    pub(super) site: &'static Site,
    pub(super) types: Types,
    pub(super) values: &'static Values,
    pub(super) mode: Mode,
    /// Whether there is a key at all.
    pub(super) exists: bool,
    /// Whether the key is of a call that stores nothing.
    pub(super) reads_only: bool,
    pub(super) identity: &'a dyn Fn() -> Identity,
}

/// A call that asks the cache, before its key is made.
pub(super) struct Seeker {
    store: Arc<Store>,
    mode: Mode,
    reads_only: bool,
    /// Whether it may be served what is found before its flight is joined.
    looks: bool,
    /// What was found and is to be replaced by something newer.
    pub(super) old: Option<Box<Old<Shared>>>,
}

impl Asked<'_> {
    /// Whom the cache is asked by; nobody, if the call bypasses it.
    pub(super) fn seek(&self) -> Option<Seeker> {
        let Self { site, types, values, identity, .. } = *self;
        let leave = Leave::now();
        let mode = leave.of(mode::take_mode(site).unwrap_or(self.mode));
        if mode == Mode::Bypass || (site.is_off() && !mode::is_scoped()) {
            return None;
        }
        if !self.exists {
            if site.warns_first() {
                log::warn!("{}: called outside a request, so there is no key: running uncached", site.name());
            }
            return None;
        }
        let store = resolve_store(site, types, values)?;
        if is_kept_out(&store, identity) {
            return None;
        }
        let reads_only = !leave.stores || self.reads_only;
        if reads_only && !mode.reads() {
            return None;
        }
        // Who inherits looks below, where it learns more of what it finds; so does who verifies, and can do it there.
        let looks =
            mode.reads() && mode != Mode::Absent && !mode::is_inheriting() && !is_verified(&store, identity);
        Some(Seeker { store, mode, reads_only, looks, old: None })
    }
}

impl Seeker {
    /// Where a value may be that is served at once.
    pub(super) fn table(&self) -> Option<&dyn AnyTable> {
        self.store.front().filter(|_| self.looks)
    }

    /// Counts a hit, unless it is still asked about.
    pub(super) fn note_hit(&self, identity: &dyn Fn() -> Identity) {
        if self.mode == Mode::Checked {
            return;
        }
        self.store.site.counters.hit();
        if events::wanted() {
            let call = Call::new(Arc::clone(&self.store), identity(), self.mode);
            call.tell(EventKind::Hit, None);
        }
    }

    /// The call, which found nothing at once.
    pub(super) fn undecided(self, identity: Identity) -> Undecided {
        let Self { store, mode, reads_only, old, .. } = self;
        let site = store.site;
        let came = site.options.freshness.has_timeout().then(Instant::now);
        // Changed where it is: it is too large to be moved about.
        let mut call = Box::new(Call::new(store, identity, mode));
        (call.old, call.came, call.reads_only) = (old, came, reads_only);
        Undecided { site, call: Some(call) }
    }
}

/// The store that a call uses; none if caching is off or its cache is not installed.
pub(super) fn resolve_store(
    site: &'static Site,
    types: Types,
    values: &'static Values,
) -> Option<Arc<Store>> {
    if !mode::is_scoped()
        && let Some(store) = site.last_store(types, values)
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
    let store = cache.store(site, types, values)?;
    // A function of which only some calls are cached, or some are verified, is not found the short way.
    if !mode::is_scoped() && site.ramp() == 100 && site.options.verify.is_none() {
        site.resolved(types, generation, &store);
    }
    Some(store)
}

/// A call that found nothing at once; none where it bypasses the cache.
pub(super) struct Undecided {
    site: &'static Site,
    call: Option<Box<Call>>,
}

/// What a call comes to: its value, or the right to compute it.
pub(super) type Resolved = Result<Given, Missed>;

/// That, once others have answered. Boxed, so that it is compiled here, once.
pub(super) type Waiting = Pin<Box<dyn Future<Output = Resolved> + Send>>;

impl Undecided {
    pub(super) fn bypassing(site: &'static Site) -> Self {
        Self { site, call: None }
    }

    pub(super) fn site(&self) -> &'static Site {
        self.site
    }

    /// The value, or the right to compute it.
    pub(super) fn resolve(self) -> Resolved {
        let site = self.site;
        match self.go() {
            Gone::Done(outcome) => missed(site, outcome),
            Gone::Waits(call, part) => missed(site, now(call.resolve(Flavour::Blocking, part))),
            Gone::Bypasses => Err(Missed::new(site, None)),
        }
    }

    /// The same, where nobody has to be asked; or what asks.
    pub(super) fn begin(self) -> Result<Resolved, Waiting> {
        let site = self.site;
        match self.go() {
            Gone::Done(outcome) => Ok(missed(site, outcome)),
            Gone::Waits(call, part) => {
                Err(Box::pin(async move { missed(site, call.resolve(Flavour::Async, part).await) }))
            }
            Gone::Bypasses => Ok(Err(Missed::new(site, None))),
        }
    }

    /// Goes as far as nothing but the table of this process is needed: most calls that miss go no further.
    fn go(self) -> Gone {
        let Some(mut call) = self.call else {
            count(&self.site.counters.bypasses);
            if mode::is_recording() {
                control::note_bypass(self.site.name());
            }
            return Gone::Bypasses;
        };
        let joins = call.mode != Mode::Refresh && !call.reads_only;
        let (true, Some(table)) = (joins, call.store.table()) else {
            return Gone::Waits(call, None);
        };
        if call.text.is_some() || call.store.core.seeded.load(Ordering::Acquire) {
            return Gone::Waits(call, None);
        }
        match call.join() {
            Part::Lead(leader, birth) => {
                let found = if call.mode.reads() { call.look_in(table) } else { None };
                Gone::Done(match call.judge(found) {
                    Some(stored) => {
                        leader.land(Some(stored.clone()));
                        call.serve(stored)
                    }
                    None => Err(call.computing(Computes::Leading(leader, birth))),
                })
            }
            part => Gone::Waits(call, Some(part)),
        }
    }
}

/// How far a call came without asking anybody.
enum Gone {
    Done(Result<Given, Box<Computing>>),
    /// Others have to be waited for or asked; the part is what it has in the flight it joined, if it did.
    Waits(Box<Call>, Option<Part>),
    Bypasses,
}

fn missed(site: &'static Site, outcome: Result<Given, Box<Computing>>) -> Resolved {
    outcome.map_err(|computing| Missed::new(site, Some(computing)))
}

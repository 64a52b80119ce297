//! Where a call looks that found nothing at once: in its table again, in the backend, for an old value.
//!
//! What few calls await is boxed: it would be part of the future of all, which is copied once for each.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cachekit_backends::{Age, Found, OwnedKey};

use super::computing::{Computes, Computing};
use super::one::Call;
use crate::bytes::{self, Names, Note, Seen};
use crate::control::Place;
use crate::fresh::{Old, Wish};
use crate::io::{Flavour, Io, give_way};
use crate::near::Approach;
use crate::value::Carrier;
use crate::values::Shared;

impl Call {
    /// Looks in this process once more, now that nobody else computes: in the table, and, for a key that others may
    /// write, where they write it.
    pub(crate) async fn look_in_table(&self, flavour: Flavour) -> Option<Found<Shared>> {
        if !self.mode.reads() {
            return None;
        }
        if let Some(found) = self.look_in(self.store.front()?) {
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
        if let Some(value) = self.store.siblings()?.get_shared(core, &text, self.store.values.id) {
            return Some(Found { value, age: None });
        }
        if !core.capability.in_process {
            return None;
        }
        let carrier = (self.store.values.carrier)()?;
        let names = Names::new(&self.store, &self.key, &text, self.instance.as_ref(), &self.tags);
        let io = Io::new(&*core.backend, flavour);
        let (found, seen) = bytes::peek(&self.store, &names, io, carrier).await.ok().flatten()?;
        self.note_read(&names, &seen, found.age.as_ref());
        Some(found)
    }

    /// Looks in the backend, where the values are bytes there.
    pub(crate) async fn look_in_backend(
        self: Box<Self>,
        flavour: Flavour,
        role: Computes,
    ) -> (Option<Shared>, Box<Computing>) {
        let Some(carrier) = (self.store.values.carrier)() else {
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
                if let Computes::Leading(leader, _) = &role {
                    if leader.expects_company() {
                        // Who joins before the read is served by it.
                        give_way(flavour).await;
                    }
                    leader.depart();
                }
                let approach = if this.mode.reads() { Approach::begin(&store, instance) } else { None };
                match bytes::fetch(&store, &names, io, carrier, this.whole_lifetime()).await {
                    Ok((found, seen)) => {
                        if let (Some(approach), Some(found)) = (approach, &found) {
                            approach.arrive(&this.key, instance, &names, found, &seen);
                        }
                        return this.fetched(flavour, role, found, names, seen, carrier).await;
                    }
                    Err(error) => store.site.failed(None, &error),
                }
            }
            if permit.is_none() {
                match Box::pin(this.place_to_compute(flavour, &role)).await {
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
        role: Computes,
        found: Option<Found<Shared>>,
        names: Names,
        mut seen: Seen,
        carrier: Carrier,
    ) -> (Option<Shared>, Box<Computing>) {
        let mut call = self;
        let store = Arc::clone(&call.store);
        let io = Io::new(&*store.core.backend, flavour);
        let found = found.filter(|_| call.mode.reads());
        let age = found.as_ref().and_then(|found| found.age);
        if found.is_some() {
            call.note_read(&names, &seen, age.as_ref());
        }
        let is_idle = age.is_some_and(|age| age.lifetimes.idle.is_some());
        let stored = call.judge(found);
        if is_idle
            && stored.is_some()
            && let Err(error) = Box::pin(bytes::note(&store, &names, io, &mut seen, Note::Touched)).await
        {
            store.site.failed(None, &error);
        }
        if stored.is_none() && call.wants_lease() {
            return Box::pin(call.compete(flavour, role, names, seen, carrier)).await;
        }
        let mut computing = Computing::boxed(call, role, Some(Box::new((names, seen))));
        computing.age = age;
        (stored, computing)
    }

    /// Looks for an old value while somebody else computes a newer one.
    pub(super) async fn look_aside(&mut self, flavour: Flavour) {
        if !self.mode.reads() {
            return;
        }
        let found = self.look(flavour).await;
        if let Some(stored) = self.judge(found.clone()) {
            // Good as it is, which somebody else saw to meanwhile.
            let age = found.and_then(|found| found.age).unwrap_or(Age::NEW);
            self.old = Some(Box::new(Old { value: stored, age, wish: Wish::Renew }));
        }
    }
}

//! Where a call looks that found nothing at once: in its table again, in the backend, for an old value.
//!
//! What few calls await is boxed: it would be part of the future of all, which is copied once for each.

use std::future::Future;
use std::pin::Pin;
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

/// What was found in the backend, and what computes where that is not enough.
pub(super) type Looked = (Option<Shared>, Box<Computing>);
type Looking = Pin<Box<dyn Future<Output = Looked> + Send>>;

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

impl Computing {
    /// Looks in the backend, where the values are bytes there.
    pub(super) async fn look_in_backend(mut self: Box<Self>, flavour: Flavour) -> Looked {
        let Some(carrier) = (self.call.store.values.carrier)() else { return (None, self) };
        if self.call.store.table().is_some() {
            return (None, self);
        }
        let store = Arc::clone(&self.call.store);
        let names = self.call.names();
        let io = Io::new(&*store.core.backend, flavour);
        let instance = self.call.instance.as_ref().map(OwnedKey::hash);
        let fetched = loop {
            let call = &self.call;
            if !call.is_withheld() {
                if let Computes::Leading(leader, _) = &self.role {
                    if leader.expects_company() {
                        // Who joins before the read is served by it.
                        give_way(flavour).await;
                    }
                    leader.depart();
                }
                let approach = if call.mode.reads() { Approach::begin(&store, instance) } else { None };
                match bytes::fetch(&store, &names, io, carrier, call.whole_lifetime()).await {
                    Ok((found, seen)) => {
                        if let (Some(approach), Some(found)) = (approach, &found) {
                            approach.arrive(&call.key, instance, &names, found, &seen);
                        }
                        break self.fetched(flavour, found, names, seen, carrier);
                    }
                    Err(error) => store.site.failed(None, &error),
                }
            }
            if self.permit.is_none() {
                match Box::pin(call.place_to_compute(flavour, &self.role)).await {
                    Place::Free(free) => self.permit = Some(free),
                    Place::Waited(waited) => {
                        // Meanwhile the backend may be back.
                        self.permit = Some(waited);
                        continue;
                    }
                    Place::None => {}
                }
            }
            return (None, self);
        };
        match fetched {
            Ok(looked) => looked,
            Err(looking) => looking.await,
        }
    }

    /// What comes of a fetch; in a future where the backend has to be told or asked something more.
    fn fetched(
        mut self: Box<Self>,
        flavour: Flavour,
        found: Option<Found<Shared>>,
        names: Names,
        seen: Seen,
        carrier: Carrier,
    ) -> Result<Looked, Looking> {
        // It answers: nobody has to wait for a place.
        self.permit = None;
        let call = &mut self.call;
        let found = found.filter(|_| call.mode.reads());
        let age = found.as_ref().and_then(|found| found.age);
        if found.is_some() {
            call.note_read(&names, &seen, age.as_ref());
        }
        let stored = call.judge(found);
        if stored.is_none() && call.wants_lease() {
            return Err(Box::pin(self.compete(flavour, names, seen, carrier)));
        }
        let is_touched = stored.is_some() && age.is_some_and(|age| age.lifetimes.idle.is_some());
        self.age = age;
        self.seen = Some(Box::new((names, seen)));
        if !is_touched {
            return Ok((stored, self));
        }
        Err(Box::pin(async move {
            self.touch(flavour).await;
            (stored, self)
        }))
    }

    /// Tells the backend that the value was used.
    async fn touch(&mut self, flavour: Flavour) {
        let Some(seen) = &mut self.seen else { return };
        let (names, seen) = &mut **seen;
        let store = &self.call.store;
        let io = Io::new(&*store.core.backend, flavour);
        if let Err(error) = bytes::note(store, names, io, seen, Note::Touched).await {
            store.site.failed(None, &error);
        }
    }
}

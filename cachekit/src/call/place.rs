//! Where the result of a call goes: into the table or the backend, to those who wait, and out again.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{ErrorKind, Lifetimes, Target};

use super::one::Call;
use crate::bytes::{self, Computed, Names, Note, Seen};
use crate::events::EventKind;
use crate::flight::Leader;
use crate::fresh::Old;
use crate::io::{Flavour, Io};
use crate::key::names;
use crate::site::stats::count;
use crate::store::Birth;
use crate::values::{Lent, Shared};

/// Where a result goes, or came from.
pub(super) struct Place<'a> {
    pub(super) flavour: Flavour,
    pub(super) birth: &'a Birth,
    pub(super) seen: Option<Box<(Names, Seen)>>,
}

impl Call {
    /// Stores a result, unless it was invalidated while it was computed.
    pub(super) async fn put(&self, place: &mut Place<'_>, value: Lent<'_>, lifetimes: Lifetimes) {
        if let Some(table) = self.store.table() {
            let (ticket, tags) = (&place.birth.ticket, self.tags.owners());
            let stored = table.insert_computed(&self.key, value, lifetimes, ticket, tags);
            if stored && let Some(text) = &self.text {
                self.take_place(place.flavour, text).await;
            }
            return self.note_stored(stored);
        }
        let (Some(seen), Some(carrier)) = (&mut place.seen, (self.store.values.carrier)()) else {
            // The backend did not answer before the body; nobody tries it again for this call.
            return;
        };
        let (names, seen) = &mut **seen;
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash(), self.tags.owners()) {
            return self.note_stored(false);
        }
        let io = Io::new(&*self.store.core.backend, place.flavour);
        let result = Computed { value, lifetimes, tags: &self.tags };
        match bytes::fill(&self.store, names, io, carrier, seen, result).await {
            Ok(stored) => {
                self.forget_near();
                self.note_stored(stored);
            }
            Err(error) if error.kind() == ErrorKind::Codec => {
                count(&self.store.site.counters.rejected);
                self.tell(EventKind::Rejected, Some(&error));
            }
            Err(error) => self.store.site.failed(None, &error),
        }
    }

    /// Notes that computing a newer value failed.
    pub(super) async fn put_off(&self, place: &mut Place<'_>, old: &Old<Shared>, by: Duration) {
        if let Some(table) = self.store.table() {
            return table.put_off(&self.key, &old.age, by);
        }
        let Some(seen) = &mut place.seen else { return };
        let (names, seen) = &mut **seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        if let Err(error) = bytes::note(&self.store, names, io, seen, Note::PutOff(by)).await {
            self.store.site.failed(None, &error);
        }
    }

    /// Removes the old value.
    pub(super) async fn remove(&self, place: &mut Place<'_>) {
        if let Some(table) = self.store.table() {
            return table.remove(&self.key);
        }
        let Some(seen) = &mut place.seen else { return };
        let (names, seen) = &mut **seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        if let Err(error) = bytes::remove(&self.store, names, io, seen).await {
            self.store.site.failed(None, &error);
        }
    }

    /// Gives a result to those who wait, unless it was invalidated meanwhile: then they look again. Nobody joins the
    /// flight once it is closed, so whoever joined did so before the result is verified.
    pub(super) async fn hand_over(
        &self,
        leader: Leader<Shared>,
        place: &Place<'_>,
        value: impl FnOnce() -> Option<Shared>,
    ) {
        if !leader.close() {
            // Nobody waits, and nobody will.
            leader.land(None);
        } else if self.is_current(place).await {
            leader.land(value());
        }
    }

    /// Gives what was found in the backend to those who wait: those who joined before it was asked have what they asked for,
    /// for the others it is verified.
    pub(super) async fn hand_over_found(&self, leader: Leader<Shared>, place: &Place<'_>, value: &Shared) {
        if !leader.close() {
            leader.land(None);
        } else if !leader.arrive(value.clone()) || self.is_current(place).await {
            leader.land(Some(value.clone()));
        }
    }

    /// Whether nothing was invalidated since the computation began, as far as can be told.
    async fn is_current(&self, place: &Place<'_>) -> bool {
        if !self.store.fence().is_current(&place.birth.ticket, self.key.hash(), self.tags.owners()) {
            return false;
        }
        let Some(seen) = &place.seen else { return true };
        let (names, seen) = &**seen;
        let io = Io::new(&*self.store.core.backend, place.flavour);
        bytes::is_current(&self.store.core, names, io, seen, &self.tags).await.unwrap_or(false)
    }

    /// Forgets what is near under the key, whatever function keeps it: the backend has another value now.
    fn forget_near(&self) {
        self.store.forget_near(Target::Key(&self.key));
        if let (Some(text), Some(siblings)) = (&self.text, self.store.siblings()) {
            siblings.forget_near_text(&self.store.core, text);
        }
    }

    /// Makes this table the only place of a key that others may write.
    async fn take_place(&self, flavour: Flavour, text: &str) {
        let core = &self.store.core;
        if let Some(siblings) = self.store.siblings() {
            siblings.delete(core, text, Some(Arc::as_ptr(&self.store)));
        }
        if core.capability.in_process {
            let name = core.backend_key(&names::fit_text(text));
            // A store in this process does not fail to delete.
            let _ = Io::new(&*core.backend, flavour).delete_many(&[&name]).await;
        }
    }

    pub(super) fn note_stored(&self, stored: bool) {
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

//! After the body ran: what it gave is put where it belongs, stored, and handed to those who wait.

use cachekit_backends::Timeout;

use super::{Kept, Open, Running};
use crate::bytes::bulk::{self, Filled, Filling};
use crate::call::computing::Computes;
use crate::events::EventKind;
use crate::flight::Leader;
use crate::io::{Flavour, Io};
use crate::listing::{Answer, Listing};
use crate::site::stats::count;
use crate::value::{Policy, Split, Verdict};
use crate::values::Shared;

/// What is handed to those who wait; no value where that is shared but not stored.
type Handing<Id> = (Running<Id>, Option<Shared>);

impl<P: Policy, Id: Clone> Open<P, Id> {
    /// Takes over what the body gave for what is being computed.
    pub(super) fn take<L>(
        &mut self,
        mut listing: L,
        answer: &mut Answer<L, Id>,
        keep: impl Fn(&L::Value) -> bool,
        lifetime: impl Fn(&L::Value) -> Option<Timeout>,
    ) where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        for (place, running) in std::mem::take(&mut self.computing).into_iter().enumerate() {
            let value = answer.take_from(&mut listing, place, &running.item.id);
            let is_rejected = value.as_ref().is_some_and(|value| !keep(value));
            let by_value = value.as_ref().and_then(&lifetime);
            let (stored, verdict) = match P::split(&value).share() {
                Split::Store(stored, verdict) => (Some(stored), verdict),
                Split::Share => (None, Verdict::Plain),
                Split::Refuse => {
                    running.item.put::<P, L>(answer, value, None);
                    if let Computes::Leading(leader, _) = running.role {
                        leader.fail();
                    }
                    continue;
                }
            };
            running.item.put::<P, L>(answer, value, stored.as_ref());
            self.computed.push(Kept { running, value: stored, verdict, by_value, is_rejected });
        }
    }

    /// Says that there is nothing for what is being computed.
    pub(super) fn fail(&mut self) {
        for running in std::mem::take(&mut self.computing) {
            if let Computes::Leading(leader, _) = running.role {
                leader.fail();
            }
        }
    }

    /// Stores what was taken over, all at once, and hands it over.
    pub(super) async fn store(&mut self, flavour: Flavour) {
        let mut computed = std::mem::take(&mut self.computed);
        if self.store.table().is_some() {
            for kept in &computed {
                self.put_in_table(kept);
            }
        } else {
            self.put_in_backend(&mut computed, flavour).await;
        }
        for kept in &computed {
            let fresh = kept.value.as_ref().and_then(|_| self.lifetime(kept));
            kept.running.item.call.pass_on(fresh, kept.running.seen.as_ref());
        }
        let computed = computed.into_iter().map(|kept| (kept.running, kept.value));
        let handing = computed
            .filter(|(running, _)| matches!(&running.role, Computes::Leading(leader, _) if leader.close()));
        let handing = handing.collect();
        self.hand_over(handing, flavour).await;
    }

    fn put_in_table(&self, kept: &Kept<Id>) {
        let call = &kept.running.item.call;
        let (Some(table), Some(value), Some(birth)) =
            (self.store.table(), &kept.value, kept.running.role.birth())
        else {
            return;
        };
        let stored = !kept.is_rejected
            && table.insert_computed(
                &call.key,
                &**value,
                self.lifetime(kept).into(),
                &birth.ticket,
                call.tags.owners(),
            );
        call.note_stored(stored);
    }

    async fn put_in_backend(&self, computed: &mut [Kept<Id>], flavour: Flavour) {
        let Some(carrier) = (self.store.values.carrier)() else { return };
        let (mut items, mut calls) = (Vec::with_capacity(computed.len()), Vec::with_capacity(computed.len()));
        for kept in computed {
            let lifetime = self.lifetime(kept);
            let Running { item, role, seen } = &mut kept.running;
            // Where the backend did not answer before the body, nobody tries it again for this call.
            let (Some(value), Some(birth), Some((names, seen))) = (&kept.value, role.birth(), seen) else {
                continue;
            };
            if kept.is_rejected
                || !self.store.fence().is_current(
                    &birth.ticket,
                    item.call.key.hash(),
                    item.call.tags.owners(),
                )
            {
                item.call.note_stored(false);
                continue;
            }
            items.push(Filling { names, seen, value: &**value, lifetime, tags: &item.call.tags });
            calls.push(&item.call);
        }
        if items.is_empty() {
            return;
        }
        let io = Io::new(&*self.store.core.backend, flavour);
        let (filled, failure) = bulk::fill(&self.store, io, carrier, items).await;
        for (call, filled) in calls.into_iter().zip(filled) {
            match filled {
                Filled::Stored => call.note_stored(true),
                Filled::Rejected => call.note_stored(false),
                Filled::Unfit(error) => {
                    count(&self.store.site.counters.rejected);
                    call.tell(EventKind::Rejected, Some(&error));
                }
                Filled::Failed => {}
            }
        }
        if let Some(error) = failure {
            self.store.site.failed(None, &error);
        }
    }

    fn lifetime(&self, kept: &Kept<Id>) -> Option<std::time::Duration> {
        let core = &self.store.core;
        kept.by_value.map_or_else(
            || kept.running.item.call.lifetime(self.dynamic, kept.verdict),
            |timeout| timeout.or_default(core.default_timeout, &core.clock),
        )
    }

    /// Gives values to those who wait, unless they were invalidated meanwhile: then these look again. The flights are
    /// closed, so whoever joined did so before the values are verified, which is one look for all.
    pub(super) async fn hand_over(&self, handing: Vec<Handing<Id>>, flavour: Flavour) {
        if handing.is_empty() {
            return;
        }
        let fence = self.store.fence();
        let asked = handing.iter().filter_map(|(running, _)| running.seen.as_ref());
        let asked: Vec<_> = asked.map(|(names, seen)| (names, seen)).collect();
        let io = Io::new(&*self.store.core.backend, flavour);
        let mut current = bulk::are_current(&asked, io).await.unwrap_or_default().into_iter();
        drop(asked);
        for (running, value) in handing {
            let Running { item, role, seen } = running;
            // What cannot be told is not handed on.
            let is_current = seen.is_none() || current.next() == Some(true);
            if let Computes::Leading(leader, birth) = role
                && is_current
                && fence.is_current(&birth.ticket, item.call.key.hash(), item.call.tags.owners())
            {
                Leader::land(leader, value);
            }
        }
    }
}

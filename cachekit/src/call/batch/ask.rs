//! Before the body runs: which ids it is to compute.

use std::time::Instant;

use cachekit_backends::OwnedKey;

use super::{Item, Open, Running, Way};
use crate::bytes::{Names, bulk};
use crate::call::computing::Computes;
use crate::call::mode::Mode;
use crate::events::EventKind;
use crate::flight::Outcome;
use crate::io::{Flavour, Io};
use crate::listing::{Answer, Listing};
use crate::site::stats::count;
use crate::store::Part;
use crate::value::{Policy, Verdict};
use crate::values::{Shared, typed};

impl<P: Policy, Id: Clone> Open<P, Id> {
    /// Goes on until the body is needed, and gives the ids to run it for, or until all is known.
    pub(super) async fn ask<L>(&mut self, flavour: Flavour, answer: &mut Answer<L, Id>) -> Option<Vec<Id>>
    where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        loop {
            let joined = self.join();
            self.computing = self.look(joined, flavour, answer).await;
            if !self.computing.is_empty() {
                for running in &self.computing {
                    count(&self.store.site.counters.misses);
                    running.item.call.tell(EventKind::Miss, None);
                }
                return Some(self.computing.iter().map(|running| running.item.id.clone()).collect());
            }
            if self.following.is_empty() {
                return None;
            }
            // Nothing is led here any more: whoever is waited for cannot be waiting for this call.
            self.wait(flavour, answer).await;
        }
    }

    /// Joins the flights of what is open; gives what this call is to see to itself.
    fn join(&mut self) -> Vec<Running<Id>> {
        let mut ours = Vec::with_capacity(self.sought.len());
        for (item, way) in std::mem::take(&mut self.sought) {
            let instance = item.call.instance.as_ref().map(OwnedKey::hash);
            let role = match way {
                // Whoever stores nothing computes for itself.
                _ if item.call.reads_only || item.call.mode == Mode::Bypass => Computes::Alone,
                Way::Store => Computes::Storing(self.store.begin(instance)),
                Way::Join => match self.store.join_for(
                    &item.call.key,
                    instance,
                    &item.call.tags,
                    Some(&self.leadership),
                ) {
                    Part::Lead(leader, birth) => Computes::Leading(leader, birth),
                    Part::Alone => Computes::Alone,
                    Part::Follow(follower) => {
                        self.following.push((item, follower));
                        continue;
                    }
                },
            };
            ours.push(Running { item, role, seen: None });
        }
        ours
    }

    /// Looks once more in this process, or in the backend for all at once; gives what is not there.
    async fn look<L>(
        &self,
        mut joined: Vec<Running<Id>>,
        flavour: Flavour,
        answer: &mut Answer<L, Id>,
    ) -> Vec<Running<Id>>
    where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        if joined.is_empty() {
            return joined;
        }
        let found = if self.store.table().is_some() {
            self.look_in_table(&joined, flavour).await
        } else {
            self.look_in_backend(&mut joined, flavour).await
        };
        let (mut left, mut handing) = (Vec::with_capacity(joined.len()), Vec::new());
        for (running, found) in joined.into_iter().zip(found) {
            let Some(stored) = found else {
                left.push(running);
                continue;
            };
            let is_followed = matches!(&running.role, Computes::Leading(leader, _) if leader.close());
            let copy = (is_followed || running.item.is_repeated()).then(|| stored.clone());
            let value = P::join(typed(running.item.call.found(stored)));
            running.item.put::<P, L>(answer, value, copy.as_ref());
            if is_followed {
                handing.push((running, copy));
            }
        }
        self.hand_over(handing, flavour).await;
        left
    }

    async fn look_in_table(&self, joined: &[Running<Id>], flavour: Flavour) -> Vec<Option<Shared>> {
        let mut found = Vec::with_capacity(joined.len());
        for running in joined {
            let call = &running.item.call;
            let looks = matches!(running.role, Computes::Leading(..)) || call.reads_only;
            let found_here = if looks { call.look_in_table(flavour).await } else { None };
            found.push(found_here.map(|found| found.value));
        }
        found
    }

    /// One read for all but those that are computed for this caller alone, which asks nobody.
    async fn look_in_backend(&self, joined: &mut [Running<Id>], flavour: Flavour) -> Vec<Option<Shared>> {
        let (store, mut values) = (&self.store, Vec::with_capacity(joined.len()));
        values.resize_with(joined.len(), || None);
        let is_asked = |running: &Running<Id>| {
            let call = &running.item.call;
            (!matches!(running.role, Computes::Alone) || call.reads_only) && !call.is_withheld()
        };
        let asked: Vec<usize> = (0..joined.len()).filter(|place| is_asked(&joined[*place])).collect();
        let (Some(carrier), Some(first)) = ((self.store.values.carrier)(), asked.first()) else {
            return values;
        };
        let call = &joined[*first].item.call;
        let first = call.names();
        let names: Vec<Names> =
            asked.iter().map(|place| first.of_another(&store.core, &joined[*place].item.call.key)).collect();
        let io = Io::new(&*store.core.backend, flavour);
        let lifetime = call.lifetime(None, Verdict::Plain);
        match bulk::fetch(store, &names.iter().collect::<Vec<_>>(), io, carrier, lifetime).await {
            Ok(found) => {
                for ((place, names), (found, seen)) in asked.into_iter().zip(names).zip(found) {
                    let running = &mut joined[place];
                    let found = found.filter(|_| running.item.call.mode.reads());
                    values[place] = found.map(|found| {
                        running.item.call.note_read(&names, &seen, found.age.as_ref());
                        found.value
                    });
                    running.seen = Some((names, seen));
                }
            }
            Err(error) => store.site.failed(None, &error),
        }
        values
    }

    /// Waits for what others compute, all in all no longer than for one of them.
    async fn wait<L>(&mut self, flavour: Flavour, answer: &mut Answer<L, Id>)
    where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        let deadline = Instant::now() + self.store.core.flight_timeout;
        for (item, follower) in std::mem::take(&mut self.following) {
            let patience = deadline.saturating_duration_since(Instant::now());
            match follower.wait(flavour, patience, self.store.fence(), true).await {
                Outcome::Landed(stored) => {
                    let mut item = item;
                    let stored = item.call.look_landed(flavour).await.or(stored);
                    self.landed(item, stored, answer);
                }
                Outcome::Again | Outcome::Aside => self.sought.push((item, Way::Join)),
                // Out of patience, or the others keep failing: what this caller computes is as good.
                Outcome::Alone => self.sought.push((item, Way::Store)),
            }
        }
    }

    fn landed<L>(&mut self, item: Item<Id>, stored: Option<Shared>, answer: &mut Answer<L, Id>)
    where
        P: Policy<Ret = Option<L::Value>>,
        L: Listing,
    {
        let copy = if item.is_repeated() { stored.clone() } else { None };
        let Some(value) = stored.map(|stored| P::join(typed(stored))).or_else(P::shared) else {
            return self.sought.push((item, Way::Join));
        };
        count(&self.store.site.counters.coalesced);
        item.call.tell(EventKind::Hit, None);
        item.put::<P, L>(answer, value, copy.as_ref());
    }
}

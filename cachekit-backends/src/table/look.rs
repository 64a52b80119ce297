//! Reads that ask how old a value is, and whether anybody uses it.

use std::time::Duration;

use super::core::Core;
use super::entry::Ref;
use super::readers::Guard;
use super::reclaim::pin;
use super::{Age, KeyStream, OwnedKey, Table};
use crate::Moment;

/// What [`Table::look`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<V> {
    /// The value.
    pub value: V,
    /// How old it is, if there is more to know of it than that it is alive.
    pub age: Option<Age>,
}

/// What an entry is tied to, for who makes another value from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ties {
    /// How much longer it is fresh; `None` is for ever.
    pub left: Option<Duration>,
    /// Whom it belongs to: its receiver, its tags.
    pub owners: Vec<u64>,
}

/// A live entry, and how old it is, if there is more to know of it than that it is alive.
struct Live<'g> {
    entry: Ref<'g>,
    age: Option<Age>,
}

impl Live<'_> {
    fn found<V: Clone + 'static>(self) -> Found<V> {
        Found { value: self.entry.value::<V>().clone(), age: self.age }
    }
}

impl<V: Send + Sync + 'static> Table<V> {
    /// The value under the key, if it has not ended, and how old it is. Notes that it was asked for.
    pub fn look<K: KeyStream + ?Sized>(&self, key: &K) -> Option<Found<V>>
    where
        V: Clone,
    {
        let reader = pin();
        let entry = self.core.find(self.core.seed.hash(key), &key, &reader)?;
        Some(self.core.look(entry)?.found())
    }

    /// As [`look`](Self::look), for an encoded key.
    pub fn look_owned(&self, key: &OwnedKey) -> Option<Found<V>>
    where
        V: Clone,
    {
        let reader = pin();
        Some(self.core.look_owned(key, &reader)?.found())
    }

    /// As [`look_owned`](Self::look_owned), with what the entry is tied to.
    pub fn look_with_ties(&self, key: &OwnedKey) -> Option<(Found<V>, Ties)>
    where
        V: Clone,
    {
        let reader = pin();
        let live = self.core.look_owned(key, &reader)?;
        let ties = self.core.ties(&live);
        Some((live.found(), ties))
    }

    /// As [`look_owned`](Self::look_owned), for one who does not use it.
    pub fn glance(&self, key: &OwnedKey) -> Option<Found<V>>
    where
        V: Clone,
    {
        let reader = pin();
        Some(self.core.glance(key, &reader)?.found())
    }

    /// Notes that computing a newer value under the key failed, and is not to be tried again for so long. Only if it is
    /// still the value of that age.
    pub fn put_off(&self, key: &OwnedKey, of: &Age, by: Duration) {
        self.core.put_off(key, of, by);
    }

    /// Whether the live entry under the key was asked for since this was last asked; none if there is no such entry.
    pub fn was_used(&self, key: &OwnedKey) -> Option<bool> {
        self.core.was_used(key)
    }
}

impl Core {
    /// The entry, if it is live. Notes that it was asked for.
    fn look<'g>(&self, entry: Ref<'g>) -> Option<Live<'g>> {
        if !self.is_live(entry) {
            return None;
        }
        let age = entry.life().map(|life| {
            let now = self.clock.now();
            life.touch(now);
            life.age(now)
        });
        Some(Live { entry, age })
    }

    fn look_owned<'g>(&'g self, key: &OwnedKey, reader: &'g Guard) -> Option<Live<'g>> {
        self.look(self.find_owned(key, reader)?)
    }

    fn ties(&self, live: &Live<'_>) -> Ties {
        let entry = live.entry;
        let left = match live.age {
            Some(age) => age.lifetimes.fresh.map(|fresh| fresh.saturating_sub(age.age)),
            None => (entry.expires != Moment::NEVER).then(|| entry.expires.since(self.clock.now())),
        };
        Ties { left, owners: entry.owners().collect() }
    }

    fn glance<'g>(&'g self, key: &OwnedKey, reader: &'g Guard) -> Option<Live<'g>> {
        let entry = self.find_owned(key, reader)?;
        let age = entry.life().map(|life| life.age(self.clock.now()));
        self.is_alive(entry).then_some(Live { entry, age })
    }

    fn put_off(&self, key: &OwnedKey, of: &Age, by: Duration) {
        let reader = pin();
        let entry = self.find_owned(key, &reader);
        if let Some(life) = entry.and_then(Ref::life) {
            life.put_off(of, self.clock.now(), by);
        }
    }

    fn was_used(&self, key: &OwnedKey) -> Option<bool> {
        let reader = pin();
        let entry = self.find_owned(key, &reader)?;
        self.is_alive(entry).then(|| {
            let was_used = entry.uses() > 0;
            entry.set_uses(0);
            was_used
        })
    }

    /// Whether it has neither ended nor been invalidated; asking is no use of it.
    fn is_alive(&self, entry: Ref<'_>) -> bool {
        let epoch = self.fence.epoch();
        self.clock.is_before(entry.dead_at()) && (entry.epoch() == epoch || self.fence.admits(entry, epoch))
    }
}

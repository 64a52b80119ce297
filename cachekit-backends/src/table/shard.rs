//! A part of a table with a lock of its own for writers.

use std::ptr::NonNull;

use super::Table;
use super::entry::{About, Entry, MOST_OWNERS, Owned, Ref};
use super::key::OwnedKey;
use super::life::Lifetimes;
use super::policy::{Policy, Uses};
use super::reclaim::Limbo;
use super::slots::{Head, OwnedSlots, Slot, Slots};
use crate::Moment;
use crate::sync::{Mutex, MutexExt as _, MutexGuard};

/// Entries that one insertion looks at for their age, besides one more for each that it removes.
const LOOKS: usize = 4;
/// A table of at most so many entries spends some memory on short probes.
const FEW: usize = 1 << 16;
/// Expired entries that one insertion removes at most.
const SWEEP: usize = 128;

/// On cache lines of its own: who writes in one does not feel the others' locks.
#[repr(align(64))]
pub(super) struct Shard<V: Send + Sync + 'static> {
    books: Mutex<Books<V>>,
}

/// What writers keep beside the slots. Owns the entries.
struct Books<V> {
    /// By the number that the policy knows them by.
    entries: Vec<Option<Owned<V>>>,
    /// Numbers that are not in use.
    free: Vec<u32>,
    live: usize,
    /// Slots that were ever used: those of entries and vacant ones.
    used: usize,
    /// The entry that is looked at next for its age.
    hand: usize,
    /// No entry expires before this.
    due: Moment,
    /// The same for those that the hand has passed, and for those that came meanwhile.
    due_next: Moment,
    writes: usize,
    policy: Policy,
    limbo: Limbo<Retired<V>>,
}

/// What was taken out. Dropping it frees it.
#[allow(dead_code, reason = "what is held here is only dropped")]
pub(super) enum Retired<V> {
    Entry(Owned<V>),
    Entries(Vec<Option<Owned<V>>>),
    Slots(OwnedSlots<V>),
}

impl<V> Retired<V> {
    /// How many entries it may hold.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Entry(_) => 1,
            Self::Entries(entries) => entries.len(),
            Self::Slots(_) => 0,
        }
    }
}

impl<V: Send + Sync + 'static> Shard<V> {
    pub(super) fn new(quota: usize) -> Self {
        Self { books: Mutex::new(Books::new(quota)) }
    }

    /// The slots of a new shard.
    pub(super) fn head() -> Head<V> {
        Head::new(OwnedSlots::with_room_for(0, true))
    }

    pub(super) fn write<'a>(&'a self, table: &'a Table<V>, head: &'a Head<V>) -> Writing<'a, V> {
        Writing { head, table, books: self.books.locked() }
    }
}

impl<V> Books<V> {
    fn new(quota: usize) -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            live: 0,
            used: 0,
            hand: 0,
            due: Moment::NEVER,
            due_next: Moment::NEVER,
            writes: 0,
            policy: Policy::new(quota),
            limbo: Limbo::default(),
        }
    }
}

/// What the policy asks of the entries.
struct Counters<'a, V>(&'a [Option<Owned<V>>]);

impl<V> Uses for Counters<'_, V> {
    fn uses(&self, id: u32) -> u8 {
        self.0[id as usize].as_ref().map_or(0, |entry| entry.get().uses())
    }

    fn set_uses(&self, id: u32, uses: u8) {
        if let Some(entry) = &self.0[id as usize] {
            entry.get().set_uses(uses);
        }
    }

    fn hash(&self, id: u32) -> u32 {
        self.0[id as usize].as_ref().map_or(0, |entry| half(entry.get().hash()))
    }
}

/// The half of a hash that tells the entries of a shard apart.
#[allow(clippy::cast_possible_truncation, reason = "half of it is meant")]
fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// When an entry lives.
#[derive(Clone, Copy)]
pub(super) struct Lived {
    pub(super) now: Moment,
    pub(super) lifetimes: Lifetimes,
    /// An epoch at which it is known to be valid.
    pub(super) epoch: u64,
}

/// A shard under its lock.
pub(super) struct Writing<'a, V: Send + Sync + 'static> {
    head: &'a Head<V>,
    table: &'a Table<V>,
    books: MutexGuard<'a, Books<V>>,
}

impl<'a, V: Send + Sync + 'static> Writing<'a, V> {
    /// Ends the writing. What is returned is to be dropped when the lock is free.
    pub(super) fn finish(mut self) -> Vec<Retired<V>> {
        self.books.limbo.ripe()
    }

    /// Writes so far.
    pub(super) fn writes(&self) -> usize {
        self.books.writes
    }

    fn slots(&self) -> Slots<'a, V> {
        // SAFETY: only the holder of the lock replaces the array, and it frees the old one only after `finish`.
        unsafe { self.head.unguarded() }
    }

    /// Whether the table is so small that it spends memory on short probes.
    fn is_of_few(&self) -> bool {
        self.table.capacity <= FEW
    }

    fn position(&self, key: &OwnedKey) -> Option<usize> {
        self.slots().position(key.hash(), |place| {
            // SAFETY: what is in a slot is an entry that the books own, and they do not change meanwhile.
            unsafe { Ref::new(place) }.key() == key.as_bytes()
        })
    }

    fn at(&self, index: usize) -> Option<Ref<'_, V>> {
        match self.slots().at(index) {
            // SAFETY: as in `position`; whoever changes the books needs `&mut self`.
            Slot::Entry(place) => Some(unsafe { Ref::new(place) }),
            _ => None,
        }
    }

    /// The live entry under the key.
    pub(super) fn find(&self, key: &OwnedKey) -> Option<Ref<'_, V>> {
        self.at(self.position(key)?).filter(|entry| self.table.is_live(*entry))
    }

    /// Stores an entry in the place of the one with its key.
    pub(super) fn put(&mut self, key: &OwnedKey, value: V, lived: Lived, owners: &[u64]) {
        self.books.writes += 1;
        let Lived { now, lifetimes, epoch } = lived;
        self.sweep(now);
        if lifetimes.until_idle().is_some() {
            self.table.clock.expect_questions();
        }
        let owners = &owners[..owners.len().min(MOST_OWNERS)];
        let mut about = About { now, lifetimes, epoch, owners, node: 0, uses: 0 };
        let position = self.position(key);
        if let Some(old) = position.and_then(|index| self.at(index)) {
            (about.node, about.uses) = (old.node(), old.uses());
        } else {
            if !self.table.take_room() && !self.evict() {
                self.table.overdraw();
            }
            about.node = self.books.free.pop().unwrap_or_else(|| {
                self.books.entries.push(None);
                // A shard is never that large.
                u32::try_from(self.books.entries.len() - 1).unwrap_or(u32::MAX)
            });
        }
        let node = about.node as usize;
        let place = Owned::new(key, value, &about).filter(|entry| Slots::takes(entry.place()));
        let Some(entry) = place else {
            // A key of gigabytes, or an address with no room for a tag: what cannot be kept is not there.
            if let Some(index) = position {
                self.remove_at(index);
            } else {
                self.books.free.push(about.node);
                self.table.give_room(1);
            }
            return;
        };
        let place = entry.place();
        let old = self.books.entries[node].replace(entry);
        if let (Some(index), Some(old)) = (position, old) {
            self.slots().set(index, key.hash(), place);
            self.books.limbo.push(Retired::Entry(old));
        } else {
            if self.books.used >= self.slots().limit(self.is_of_few()) {
                self.rebuild();
            } else {
                self.occupy(key.hash(), place);
            }
            self.books.live += 1;
            self.books.policy.insert(about.node, half(key.hash()));
        }
        let end = now.after(lifetimes.until_idle());
        self.books.due = self.books.due.min(end);
        self.books.due_next = self.books.due_next.min(end);
    }

    /// Makes an entry visible to readers.
    fn occupy(&mut self, hash: u64, place: NonNull<Entry<V>>) {
        let slots = self.slots();
        let (index, was_used) = slots.free(hash);
        slots.set(index, hash, place);
        self.books.used += usize::from(!was_used);
    }

    /// Moves the entries to an array that fits them.
    fn rebuild(&mut self) {
        let quota = self.table.quota();
        let wanted = self.books.live + self.books.live / 2 + 4;
        let room = if self.books.live < quota { wanted.min(quota + quota / 16 + 4) } else { wanted };
        let new = OwnedSlots::with_room_for(room, self.is_of_few());
        let slots = new.get();
        for entry in self.books.entries.iter().flatten() {
            let hash = entry.get().hash();
            slots.set(slots.free(hash).0, hash, entry.place());
        }
        self.books.used = self.books.entries.iter().flatten().count();
        self.replace_slots(new);
    }

    fn replace_slots(&mut self, new: OwnedSlots<V>) {
        let old = self.head.replace(new);
        self.books.limbo.push_large(Retired::Slots(old));
    }

    /// Takes an entry out of the slots and the books; its room in the table stays taken.
    fn take_out(&mut self, index: usize) -> Option<u32> {
        let slots = self.slots();
        let node = self.at(index)?.node();
        slots.vacate(index);
        self.books.live -= 1;
        self.books.free.push(node);
        if let Some(entry) = self.books.entries[node as usize].take() {
            self.books.limbo.push(Retired::Entry(entry));
        }
        // Vacant slots in front of a never used one lead nowhere: give them back.
        let mut index = index;
        while matches!(slots.at(slots.after(index)), Slot::Unused) && matches!(slots.at(index), Slot::Vacant)
        {
            slots.forget(index);
            self.books.used -= 1;
            index = slots.before(index);
        }
        Some(node)
    }

    fn remove_at(&mut self, index: usize) {
        if let Some(node) = self.take_out(index) {
            self.books.policy.remove(node);
            self.table.give_room(1);
        }
    }

    /// Where the entry of a number is.
    fn index_of(&self, node: usize) -> Option<usize> {
        let entry = self.books.entries[node].as_ref()?;
        self.slots().position(entry.get().hash(), |other| other == entry.place())
    }

    fn remove_node(&mut self, node: usize) {
        if let Some(index) = self.index_of(node) {
            self.remove_at(index);
        }
    }

    /// Removes the entry under the key; says whether it was live.
    pub(super) fn remove(&mut self, key: &OwnedKey) -> bool {
        let Some(index) = self.position(key) else { return false };
        let live = self.at(index).is_some_and(|entry| self.table.is_live(entry));
        self.remove_at(index);
        live
    }

    /// Takes everything out. What is returned is freed when no reader is left.
    pub(super) fn clear(&mut self) -> [Retired<V>; 2] {
        let limbo = std::mem::take(&mut self.books.limbo);
        let old = std::mem::replace(&mut *self.books, Books { limbo, ..Books::new(self.table.quota()) });
        self.table.give_room(old.live);
        let slots = self.head.replace(OwnedSlots::with_room_for(0, true));
        [Retired::Entries(old.entries), Retired::Slots(slots)]
    }

    /// Removes the entries that are dead or that `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Ref<'_, V>) -> bool) {
        for node in 0..self.books.entries.len() {
            let entry = self.books.entries[node].as_ref().map(Owned::get);
            if entry.is_some_and(|entry| !self.table.is_live(entry) || !keep(entry)) {
                self.remove_node(node);
            }
        }
    }

    /// Removes all expired entries; says how many are left.
    pub(super) fn expire(&mut self, now: Moment) -> usize {
        if self.books.due <= now {
            let mut due = Moment::NEVER;
            for node in 0..self.books.entries.len() {
                match self.expiry(node) {
                    Some(expires) if expires <= now => self.remove_node(node),
                    Some(expires) => due = due.min(expires),
                    None => {}
                }
            }
            (self.books.due, self.books.due_next, self.books.hand) = (due, Moment::NEVER, 0);
        }
        self.books.live
    }

    fn expiry(&self, node: usize) -> Option<Moment> {
        self.books.entries[node].as_ref().map(|entry| entry.get().dead_at())
    }

    /// Moves the hand on by a few entries and removes those that expired.
    pub(super) fn sweep(&mut self, now: Moment) {
        let (mut looks, mut removed) = (LOOKS, 0);
        while self.books.due <= now && looks > 0 && removed < SWEEP {
            let node = self.books.hand;
            if node == self.books.entries.len() {
                self.books.hand = 0;
                self.books.due = std::mem::replace(&mut self.books.due_next, Moment::NEVER);
                continue;
            }
            self.books.hand += 1;
            match self.expiry(node) {
                Some(expires) if expires <= now => {
                    self.remove_node(node);
                    removed += 1;
                }
                Some(expires) => {
                    self.books.due_next = self.books.due_next.min(expires);
                    looks -= 1;
                }
                None => looks -= 1,
            }
        }
    }

    /// Takes an entry out for another one, which inherits its room; says whether there was one.
    pub(super) fn evict(&mut self) -> bool {
        let books = &mut *self.books;
        let Some(node) = books.policy.evict(&Counters(&books.entries), u32::MAX) else { return false };
        self.index_of(node as usize).and_then(|index| self.take_out(index)).is_some()
    }
}

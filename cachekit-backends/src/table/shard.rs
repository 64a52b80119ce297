//! A part of a table with a lock of its own for writers.

use std::ptr::NonNull;

use super::core::Core;
use super::entries::Entries;
use super::entry::{Header, Owned, Ref};
use super::key::OwnedKey;
use super::kind::Kind;
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
pub(super) struct Shard {
    books: Mutex<Books>,
}

/// What writers keep beside the slots. Owns the entries.
struct Books {
    /// By the number that the policy knows them by.
    entries: Entries,
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
    limbo: Limbo<Retired>,
}

/// What was taken out. Dropping it frees it.
#[allow(dead_code, reason = "what is held here is only dropped")]
pub(super) enum Retired {
    Entry(Owned),
    /// In a box, for there is one of them where there are many of the others.
    Entries(Box<Entries>),
    Slots(OwnedSlots),
}

impl Retired {
    /// How many entries it may hold.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Entry(_) => 1,
            Self::Entries(entries) => entries.len(),
            Self::Slots(_) => 0,
        }
    }
}

impl Shard {
    pub(super) fn new(kind: &'static Kind, quota: usize) -> Self {
        Self { books: Mutex::new(Books::new(kind, quota)) }
    }

    /// The slots of a new shard.
    pub(super) fn head() -> Head {
        Head::new(OwnedSlots::with_room_for(0, true))
    }

    pub(super) fn write<'a>(&'a self, table: &'a Core, head: &'a Head) -> Writing<'a> {
        Writing { head, table, books: self.books.locked() }
    }
}

impl Books {
    fn new(kind: &'static Kind, quota: usize) -> Self {
        Self {
            entries: Entries::new(kind),
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
struct Counters<'a>(&'a Entries);

impl Uses for Counters<'_> {
    fn uses(&self, id: u32) -> u8 {
        self.0.get(id as usize).map_or(0, |entry| entry.uses())
    }

    fn set_uses(&self, id: u32, uses: u8) {
        if let Some(entry) = self.0.get(id as usize) {
            entry.set_uses(uses);
        }
    }

    fn hash(&self, id: u32) -> u32 {
        self.0.get(id as usize).map_or(0, |entry| half(entry.hash()))
    }
}

/// The half of a hash that tells the entries of a shard apart.
#[allow(clippy::cast_possible_truncation, reason = "half of it is meant")]
fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A shard under its lock.
pub(super) struct Writing<'a> {
    head: &'a Head,
    table: &'a Core,
    books: MutexGuard<'a, Books>,
}

impl<'a> Writing<'a> {
    /// Ends the writing. What is returned is to be dropped when the lock is free.
    pub(super) fn finish(mut self) -> Vec<Retired> {
        self.books.limbo.ripe()
    }

    /// Writes so far.
    pub(super) fn writes(&self) -> usize {
        self.books.writes
    }

    fn slots(&self) -> Slots<'a> {
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
            unsafe { Ref::new(place, self.table.kind) }.key().is(key.as_bytes())
        })
    }

    fn at(&self, index: usize) -> Option<Ref<'_>> {
        match self.slots().at(index) {
            // SAFETY: as in `position`; whoever changes the books needs `&mut self`.
            Slot::Entry(place) => Some(unsafe { Ref::new(place, self.table.kind) }),
            _ => None,
        }
    }

    /// The live entry under the key.
    pub(super) fn find(&self, key: &OwnedKey) -> Option<Ref<'_>> {
        self.at(self.position(key)?).filter(|entry| self.table.is_live(*entry))
    }

    /// Stores an entry in the place of the one with its key. `epoch` is one at which it is known to be valid. None is for what
    /// cannot be kept: it is not there.
    pub(super) fn put(&mut self, key: &OwnedKey, entry: Option<Owned>, now: Moment, epoch: u64) {
        self.books.writes += 1;
        self.sweep(now);
        let position = self.position(key);
        let Some(mut entry) = entry else {
            if let Some(index) = position {
                self.remove_at(index);
            }
            return;
        };
        let end = entry.get().dead_at();
        if end != Moment::NEVER {
            self.table.clock.expect_questions();
        }
        let place = entry.place();
        if let Some((index, old)) = position.and_then(|index| Some((index, self.at(index)?))) {
            let (node, uses) = (old.node(), old.uses());
            entry.enter(node, epoch, uses);
            let old = self.books.entries.put(node as usize, entry);
            self.slots().set(index, key.hash(), place);
            if let Some(old) = old {
                self.books.limbo.push(Retired::Entry(old));
            }
        } else {
            if !self.table.take_room() && !self.evict() {
                self.table.overdraw();
            }
            let node = self.books.free.pop().unwrap_or_else(|| self.books.entries.add());
            entry.enter(node, epoch, 0);
            self.books.entries.put(node as usize, entry);
            if self.books.used >= self.slots().limit(self.is_of_few()) {
                self.rebuild();
            } else {
                self.occupy(key.hash(), place);
            }
            self.books.live += 1;
            self.books.policy.insert(node, half(key.hash()));
        }
        self.books.due = self.books.due.min(end);
        self.books.due_next = self.books.due_next.min(end);
    }

    /// Makes an entry visible to readers.
    fn occupy(&mut self, hash: u64, place: NonNull<Header>) {
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
        for entry in self.books.entries.iter() {
            let hash = entry.hash();
            slots.set(slots.free(hash).0, hash, entry.place());
        }
        self.books.used = self.books.entries.iter().count();
        self.replace_slots(new);
    }

    fn replace_slots(&mut self, new: OwnedSlots) {
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
        if let Some(entry) = self.books.entries.take(node as usize) {
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

    fn remove_node(&mut self, node: usize) {
        let entry = self.books.entries.get(node);
        if let Some(index) = entry.and_then(|entry| self.slots().position_of(entry.hash(), entry.place())) {
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
    pub(super) fn clear(&mut self) -> [Retired; 2] {
        let limbo = std::mem::take(&mut self.books.limbo);
        let old = std::mem::replace(
            &mut *self.books,
            Books { limbo, ..Books::new(self.table.kind, self.table.quota()) },
        );
        self.table.give_room(old.live);
        let slots = self.head.replace(OwnedSlots::with_room_for(0, true));
        [Retired::Entries(Box::new(old.entries)), Retired::Slots(slots)]
    }

    /// Removes the entries that are dead or that `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Ref<'_>) -> bool) {
        for node in 0..self.books.entries.len() {
            let entry = self.books.entries.get(node);
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
        self.books.entries.get(node).map(Ref::dead_at)
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
        let Some((node, hash)) = books.policy.evict(&Counters(&books.entries), u32::MAX) else {
            return false;
        };
        let Some(entry) = self.books.entries.get(node as usize) else { return false };
        let index = self.slots().position_of(u64::from(hash) << 32, entry.place());
        index.and_then(|index| self.take_out(index)).is_some()
    }
}

//! A part of a table with a lock of its own for writers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicPtr, Ordering};

use seize::{Guard as _, LocalGuard, reclaim};

use super::entry::Entry;
use super::key::OwnedKey;
use super::slots::Slots;
use super::{COLLECTOR, Table};
use crate::Moment;
use crate::sync::{Mutex, MutexExt as _, MutexGuard};

/// Expired entries that one insertion removes at most.
pub(super) const SWEEP: usize = 64;

pub(super) struct Shard<V: Send + Sync + 'static> {
    slots: AtomicPtr<Slots<V>>,
    books: Mutex<Books>,
}

/// What writers keep beside the slots.
#[derive(Default)]
struct Books {
    live: usize,
    /// Slots that were ever used: live and vacant ones.
    used: usize,
    /// Where the next eviction looks first.
    hand: usize,
    /// When entries expire, soonest first, with their hashes. May name entries that went or were replaced.
    expiries: BinaryHeap<Reverse<(Moment, u64)>>,
}

impl<V: Send + Sync + 'static> Shard<V> {
    pub(super) fn new() -> Self {
        let slots = Box::into_raw(Box::new(Slots::with_room_for(0)));
        Self { slots: AtomicPtr::new(slots), books: Mutex::default() }
    }

    #[inline]
    pub(super) fn slots<'g>(&self, guard: &'g LocalGuard<'_>) -> &'g Slots<V> {
        // SAFETY: the pointer is never null, and an array is retired only after another took its place; the guard,
        // made before the load, keeps it from being reclaimed until 'g ends.
        unsafe { &*guard.protect(&self.slots, Ordering::Acquire) }
    }

    pub(super) fn write<'a>(&'a self, table: &'a Table<V>) -> Writing<'a, V> {
        Writing { shard: self, table, books: self.books.locked(), garbage: Garbage::new() }
    }
}

impl<V: Send + Sync + 'static> Drop for Shard<V> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody reads or writes any more, and the pointer is that of a box of ours.
        let slots = unsafe { Box::from_raw(*self.slots.get_mut()) };
        drop_entries(&slots);
    }
}

/// Drops all entries of an array that nobody else can reach.
fn drop_entries<V>(slots: &Slots<V>) {
    for index in 0..slots.len() {
        let entry = slots.at(index).entry.swap(std::ptr::null_mut(), Ordering::Relaxed);
        if !entry.is_null() {
            // SAFETY: the caller's promise; every entry is a box of ours, in one slot only.
            drop(unsafe { Box::from_raw(entry) });
        }
    }
}

/// What was taken out under the lock, to be handed to the collector once the lock is free.
pub(super) struct Garbage<V: Send + Sync + 'static> {
    entries: Vec<*mut Entry<V>>,
    /// Arrays, and whether the entries in them go with them.
    arrays: Vec<(*mut Slots<V>, bool)>,
}

impl<V: Send + Sync + 'static> Garbage<V> {
    fn new() -> Self {
        Self { entries: Vec::new(), arrays: Vec::new() }
    }

    pub(super) fn retire(self) {
        for entry in self.entries {
            // SAFETY: the entry was taken out of its slot, so no later reader reaches it, and it is a box of ours.
            unsafe { COLLECTOR.retire(entry, reclaim::boxed) };
        }
        for (array, with_entries) in self.arrays {
            let reclaim = if with_entries { reclaim_all::<V> } else { reclaim::boxed::<Slots<V>> };
            // SAFETY: another array took its place, so no later reader reaches it, and it is a box of ours.
            unsafe { COLLECTOR.retire(array, reclaim) };
        }
    }
}

/// Reclaims an array and the entries in it.
///
/// # Safety
///
/// As `Box::from_raw`, for the array and each entry in it.
unsafe fn reclaim_all<V>(array: *mut Slots<V>, _: &seize::Collector) {
    // SAFETY: the caller's promise.
    let slots = unsafe { Box::from_raw(array) };
    drop_entries(&slots);
}

/// A shard under its lock.
pub(super) struct Writing<'a, V: Send + Sync + 'static> {
    shard: &'a Shard<V>,
    table: &'a Table<V>,
    books: MutexGuard<'a, Books>,
    garbage: Garbage<V>,
}

impl<'a, V: Send + Sync + 'static> Writing<'a, V> {
    pub(super) fn finish(self) -> Garbage<V> {
        self.garbage
    }

    fn slots(&self) -> &'a Slots<V> {
        // SAFETY: only the holder of the lock replaces the array, and it retires the old one only after `finish`.
        unsafe { &*self.shard.slots.load(Ordering::Relaxed) }
    }

    fn entry_at(&self, index: usize) -> Option<&'a Entry<V>> {
        let entry = self.slots().at(index).entry.load(Ordering::Relaxed);
        // SAFETY: only the holder of the lock takes entries out, and it retires them only after `finish`.
        unsafe { entry.as_ref() }
    }

    fn index_of(&self, key: &OwnedKey) -> Option<usize> {
        for (index, slot) in self.slots().probe(key.hash()) {
            match slot.hash.load(Ordering::Relaxed) {
                0 => return None,
                hash if hash == key.hash() && self.entry_at(index).is_some_and(|e| e.key == *key) => {
                    return Some(index);
                }
                _ => {}
            }
        }
        None
    }

    /// The live entry under the key.
    pub(super) fn find(&self, key: &OwnedKey) -> Option<&'a Entry<V>> {
        self.index_of(key).and_then(|index| self.entry_at(index)).filter(|entry| self.table.is_live(entry))
    }

    /// Stores an entry in the place of the one with its key.
    pub(super) fn put(&mut self, entry: Entry<V>) {
        self.expire(SWEEP);
        let hash = entry.key.hash();
        if entry.expires != Moment::NEVER {
            self.books.expiries.push(Reverse((entry.expires, hash)));
        }
        let old = self.index_of(&entry.key);
        let entry = Box::into_raw(Box::new(entry));
        if let Some(index) = old {
            let old = self.slots().at(index).entry.swap(entry, Ordering::AcqRel);
            self.garbage.entries.push(old);
        } else {
            if (self.books.used + 1) * 4 > self.slots().len() * 3 {
                self.rebuild();
            }
            self.occupy(self.slots(), hash, entry);
            self.books.live += 1;
            self.table.len.fetch_add(1, Ordering::Relaxed);
        }
        self.prune_expiries();
    }

    /// Puts an entry into the first slot of its probe that holds none.
    fn occupy(&mut self, slots: &Slots<V>, hash: u64, entry: *mut Entry<V>) {
        for (_, slot) in slots.probe(hash) {
            if slot.entry.load(Ordering::Relaxed).is_null() {
                self.books.used += usize::from(slot.hash.load(Ordering::Relaxed) == 0);
                slot.hash.store(hash, Ordering::Release);
                slot.entry.store(entry, Ordering::Release);
                return;
            }
        }
        unreachable!("a quarter of the slots is never used");
    }

    /// Moves the entries to an array that fits them.
    fn rebuild(&mut self) {
        let old = self.slots();
        let new = Slots::with_room_for(self.books.live + 1);
        self.books.used = 0;
        for index in 0..old.len() {
            let entry = old.at(index).entry.load(Ordering::Relaxed);
            // SAFETY: as in `entry_at`.
            if let Some(found) = unsafe { entry.as_ref() } {
                self.occupy(&new, found.key.hash(), entry);
            }
        }
        self.replace(new, false);
    }

    fn replace(&mut self, new: Slots<V>, with_entries: bool) {
        let old = self.shard.slots.swap(Box::into_raw(Box::new(new)), Ordering::AcqRel);
        self.garbage.arrays.push((old, with_entries));
        self.books.hand = 0;
    }

    fn remove_at(&mut self, index: usize) {
        let slots = self.slots();
        let entry = slots.at(index).entry.swap(std::ptr::null_mut(), Ordering::AcqRel);
        self.garbage.entries.push(entry);
        self.books.live -= 1;
        self.table.len.fetch_sub(1, Ordering::Relaxed);
        // Vacant slots in front of a never used one lead nowhere: give them back.
        let mut index = index;
        while slots.at(index + 1).hash.load(Ordering::Relaxed) == 0
            && slots.at(index).hash.load(Ordering::Relaxed) != 0
            && slots.at(index).entry.load(Ordering::Relaxed).is_null()
        {
            slots.at(index).hash.store(0, Ordering::Release);
            self.books.used -= 1;
            index = index.wrapping_sub(1) & (slots.len() - 1);
        }
    }

    /// Removes the entry under the key; says whether it was live.
    pub(super) fn remove(&mut self, key: &OwnedKey) -> bool {
        let Some(index) = self.index_of(key) else { return false };
        let live = self.entry_at(index).is_some_and(|entry| self.table.is_live(entry));
        self.remove_at(index);
        live
    }

    pub(super) fn clear(&mut self) {
        self.table.len.fetch_sub(self.books.live, Ordering::Relaxed);
        self.books.live = 0;
        self.books.used = 0;
        self.books.expiries = BinaryHeap::new();
        self.replace(Slots::with_room_for(0), true);
    }

    /// Removes the entries that are dead or that `keep` does not want.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Entry<V>) -> bool) {
        for index in 0..self.slots().len() {
            if self.entry_at(index).is_some_and(|entry| !self.table.is_live(entry) || !keep(entry)) {
                self.remove_at(index);
            }
        }
    }

    /// Removes expired entries, at most so many.
    pub(super) fn expire(&mut self, most: usize) {
        let mut removed = 0;
        while removed < most
            && let Some(Reverse((expires, hash))) = self.books.expiries.peek().copied()
            && !self.table.is_before(expires)
        {
            self.books.expiries.pop();
            removed += 1;
            let indices: Vec<usize> = self
                .slots()
                .probe(hash)
                .take_while(|(_, slot)| slot.hash.load(Ordering::Relaxed) != 0)
                .filter(|(index, slot)| {
                    slot.hash.load(Ordering::Relaxed) == hash
                        && self.entry_at(*index).is_some_and(|e| e.expires <= expires)
                })
                .map(|(index, _)| index)
                .collect();
            for index in indices {
                self.remove_at(index);
            }
        }
    }

    /// Keeps the list of expiries from outgrowing the entries: replaced and removed ones leave theirs behind.
    fn prune_expiries(&mut self) {
        if self.books.expiries.len() > 2 * self.books.live + SWEEP {
            let slots = self.slots();
            self.books.expiries = (0..slots.len())
                .filter_map(|index| self.entry_at(index))
                .filter(|entry| entry.expires != Moment::NEVER)
                .map(|entry| Reverse((entry.expires, entry.key.hash())))
                .collect();
        }
    }

    /// Evicts one entry: a dead one, else the first that was not used since the hand last passed it. The entry just
    /// written, `newest`, stays unless it is alone.
    pub(super) fn evict(&mut self, newest: u64) {
        self.expire(SWEEP);
        while self.table.len.load(Ordering::Relaxed) > self.table.capacity && self.books.live > 0 {
            let index = self.books.hand & (self.slots().len() - 1);
            self.books.hand = index + 1;
            let Some(entry) = self.entry_at(index) else { continue };
            let newest = entry.key.hash() == newest;
            if newest && self.books.live == 1 {
                return;
            }
            if !newest && (!self.table.is_live(entry) || entry.cool()) {
                self.remove_at(index);
            }
        }
    }
}

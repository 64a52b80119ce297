//! The array that readers probe: open addressing over hashes and pointers.
//!
//! A slot whose hash is zero was never used and ends a probe. A slot with a hash but no pointer is vacant. Readers
//! may meet a slot in the middle of a change; the entry they reach says itself what it is, so the worst is a miss.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use seize::{Guard, LocalGuard};

use super::entry::Entry;
use super::key::OwnedKey;

pub(super) struct Slots<V> {
    slots: Box<[Slot<V>]>,
}

pub(super) struct Slot<V> {
    pub(super) hash: AtomicU64,
    pub(super) entry: AtomicPtr<Entry<V>>,
}

impl<V> Slots<V> {
    /// An empty array with room for twice as many entries as `entries`.
    pub(super) fn with_room_for(entries: usize) -> Self {
        let len = (entries * 2).next_power_of_two().max(8);
        let empty = || Slot { hash: AtomicU64::new(0), entry: AtomicPtr::default() };
        Self { slots: std::iter::repeat_with(empty).take(len).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn at(&self, index: usize) -> &Slot<V> {
        &self.slots[index & (self.slots.len() - 1)]
    }

    /// The slots in the order in which `hash` is looked for.
    #[inline]
    pub(super) fn probe(&self, hash: u64) -> impl Iterator<Item = (usize, &Slot<V>)> {
        let mask = self.slots.len() - 1;
        #[allow(clippy::cast_possible_truncation, reason = "the mask keeps the low bits anyway")]
        let start = hash as usize;
        (0..=mask).map(move |step| {
            let index = start.wrapping_add(step) & mask;
            (index, &self.slots[index])
        })
    }

    #[inline]
    pub(super) fn find<'g>(
        &self,
        hash: u64,
        matches: impl Fn(&OwnedKey) -> bool,
        guard: &'g LocalGuard<'_>,
    ) -> Option<&'g Entry<V>> {
        for (_, slot) in self.probe(hash) {
            let found = slot.hash.load(Ordering::Acquire);
            if found == hash {
                let entry = guard.protect(&slot.entry, Ordering::Acquire);
                // SAFETY: a non-null pointer in a slot is a live entry; it is retired only after it was taken out of
                // its slot, and this guard, made before the load, keeps it from being reclaimed until 'g ends.
                if let Some(entry) = unsafe { entry.as_ref() }
                    && entry.key.hash() == hash
                    && matches(&entry.key)
                {
                    return Some(entry);
                }
            } else if found == 0 {
                return None;
            }
        }
        None
    }

    pub(super) fn for_each(&self, guard: &LocalGuard<'_>, mut visit: impl FnMut(&Entry<V>)) {
        for slot in &self.slots {
            let entry = guard.protect(&slot.entry, Ordering::Acquire);
            // SAFETY: as in `find`.
            if let Some(entry) = unsafe { entry.as_ref() } {
                visit(entry);
            }
        }
    }
}

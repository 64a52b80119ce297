//! The array that readers probe: open addressing over pointers that carry a part of the hash.
//!
//! A null slot was never used and ends a probe; a vacant one held an entry that went. Readers may meet a slot in the
//! middle of a change; the entry they reach says itself what it is, so the worst is a miss.

use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::entry::{Entry, Ref};

/// Where pointers have room for a tag: user space ends below bit 47 or 48. Android tags pointers itself.
const TAGGED: bool = cfg!(all(target_pointer_width = "64", not(target_os = "android")));
const TAG_SHIFT: u32 = if TAGGED { 48 } else { 0 };
const TAG: usize = if TAGGED { 0xFFFF << TAG_SHIFT } else { 0 };

/// What is in a slot that was never used, and in a vacant one: addresses of no entry, with no tag.
const UNUSED: usize = 0;
const VACANT: usize = 1;

/// What is in a slot.
pub(super) enum Slot<V> {
    Unused,
    Vacant,
    Entry(NonNull<Entry<V>>),
}

pub(super) struct Slots<V> {
    /// Addresses of entries, exposed, and tags.
    words: Box<[AtomicUsize]>,
    few: bool,
    entries: PhantomData<*const Entry<V>>,
}

// SAFETY: what is in it are addresses; `find` says when the entries behind them may be used.
unsafe impl<V: Send + Sync> Send for Slots<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Slots<V> {}

impl<V> Slots<V> {
    /// An empty array in which so many entries fill two thirds, or half if they are `few`.
    pub(super) fn with_room_for(entries: usize, few: bool) -> Self {
        let len = if few { entries.max(2) * 2 } else { entries * 3 / 2 };
        // Short probes cost little memory where there are few entries.
        let words = std::iter::repeat_with(|| AtomicUsize::new(UNUSED)).take(len).collect();
        Self { words, few, entries: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// How many slots may ever be used: some must end the probes.
    pub(super) fn limit(&self) -> usize {
        if self.few { self.len() * 3 / 4 } else { self.len() * 7 / 8 }
    }

    /// Whether an address leaves room for the tag.
    pub(super) fn takes(entry: NonNull<Entry<V>>) -> bool {
        entry.addr().get() & TAG == 0
    }

    pub(super) fn set(&self, index: usize, hash: u64, entry: NonNull<Entry<V>>) {
        self.words[index].store(entry.as_ptr().expose_provenance() | tag(hash), Ordering::Release);
    }

    pub(super) fn vacate(&self, index: usize) {
        self.words[index].store(VACANT, Ordering::Release);
    }

    pub(super) fn forget(&self, index: usize) {
        self.words[index].store(UNUSED, Ordering::Release);
    }

    pub(super) fn at(&self, index: usize) -> Slot<V> {
        read(self.words[index].load(Ordering::Acquire))
    }

    /// The entries that are found now.
    pub(super) fn entries(&self) -> impl Iterator<Item = NonNull<Entry<V>>> {
        (0..self.len()).filter_map(|index| match self.at(index) {
            Slot::Entry(entry) => Some(entry),
            _ => None,
        })
    }

    /// The slot after this one, and the one before it.
    #[inline]
    pub(super) fn after(&self, index: usize) -> usize {
        if index + 1 == self.len() { 0 } else { index + 1 }
    }

    pub(super) fn before(&self, index: usize) -> usize {
        if index == 0 { self.len() - 1 } else { index - 1 }
    }

    /// Where the entry with this hash for which `is_it` holds is.
    pub(super) fn position(&self, hash: u64, is_it: impl Fn(NonNull<Entry<V>>) -> bool) -> Option<usize> {
        let tag = tag(hash);
        let mut index = self.home(hash);
        loop {
            let word = self.words[index].load(Ordering::Acquire);
            match read(word) {
                Slot::Unused => return None,
                Slot::Entry(entry) if word & TAG == tag && is_it(entry) => return Some(index),
                _ => index = self.after(index),
            }
        }
    }

    /// The first slot that an entry with this hash may take, and whether it was used before.
    pub(super) fn free(&self, hash: u64) -> (usize, bool) {
        let mut index = self.home(hash);
        loop {
            match self.at(index) {
                Slot::Unused => return (index, false),
                Slot::Vacant => return (index, true),
                Slot::Entry(_) => index = self.after(index),
            }
        }
    }

    /// The entry with this hash for which `is_it` holds.
    ///
    /// # Safety
    ///
    /// No entry that is in a slot from now on is freed before `'a` ends.
    #[inline]
    pub(super) unsafe fn find<'a>(
        &self,
        hash: u64,
        is_it: impl Fn(Ref<'a, V>) -> bool,
    ) -> Option<Ref<'a, V>> {
        let tag = tag(hash);
        let mut index = self.home(hash);
        loop {
            // SAFETY: `home` is less than the length, and what follows it begins anew at the length.
            let word = unsafe { self.words.get_unchecked(index) }.load(Ordering::Acquire);
            // What is left of it if it has this tag.
            let address = word ^ tag;
            if address & TAG == 0 && (TAGGED || address > VACANT) {
                // SAFETY: a word with a tag, or else neither unused nor vacant, is that of an entry, whose address is
                // not zero; the rest is the caller's promise.
                let entry =
                    unsafe { Ref::new(NonNull::with_exposed_provenance(NonZero::new_unchecked(address))) };
                if is_it(entry) {
                    return Some(entry);
                }
            } else if word == UNUSED {
                return None;
            }
            index = self.after(index);
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        // The low half of the hash as a fraction of the length, which is below 2^32.
        #[allow(clippy::cast_possible_truncation, reason = "less than the length")]
        let home = (((hash & 0xFFFF_FFFF) * self.words.len() as u64) >> 32) as usize;
        home
    }
}

/// The tag of a hash, in its place. Never zero, as that of a slot without an entry.
#[inline]
fn tag(hash: u64) -> usize {
    // The high bits: the low ones choose the slot, those between them the shard.
    #[allow(clippy::cast_possible_truncation, reason = "where there are fewer bits, there are no tags")]
    let bits = hash as usize & TAG;
    if TAGGED { bits | 1 << TAG_SHIFT } else { 0 }
}

fn read<V>(word: usize) -> Slot<V> {
    match (word, NonZero::new(word & !TAG)) {
        (VACANT, _) => Slot::Vacant,
        (_, None) => Slot::Unused,
        (_, Some(address)) => Slot::Entry(NonNull::with_exposed_provenance(address)),
    }
}

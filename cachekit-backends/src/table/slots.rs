//! The array that readers probe: open addressing over pointers that carry a part of the hash.
//!
//! A null slot was never used and ends a probe; a vacant one held an entry that went. Readers may meet a slot in the
//! middle of a change; the entry they reach says itself what it is, so the worst is a miss.
//!
//! Its mask (one less than its length, a power of two) is in front of the slots, so that a reader comes from the shard's
//! pointer to its slot without a step between them.

use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::entry::{Entry, Ref};
use super::readers::Guard;

/// Where pointers have room for a tag: user space ends below bit 47 or 48. Android tags pointers itself.
const TAGGED: bool = cfg!(all(target_pointer_width = "64", not(target_os = "android")));
/// The low bits of a word, which are the tag; the address stands above them.
const TAG_BITS: u32 = if TAGGED { 16 } else { 0 };
const TAG: usize = (1 << TAG_BITS) - 1;

/// What is in a slot that was never used, and in a vacant one: addresses of no entry, with the tag of no hash.
const UNUSED: usize = 0;
const VACANT: usize = 2;

/// What is in a slot.
pub(super) enum Slot<V> {
    Unused,
    Vacant,
    Entry(NonNull<Entry<V>>),
}

/// An array that nobody else owns.
pub(super) struct OwnedSlots<V> {
    /// The mask, then the slots: addresses of entries, exposed, and tags.
    words: Box<[AtomicUsize]>,
    entries: PhantomData<*const Entry<V>>,
}

// SAFETY: what is in it are addresses; `Slots::find` says when the entries behind them may be used.
unsafe impl<V: Send + Sync> Send for OwnedSlots<V> {}

impl<V> OwnedSlots<V> {
    /// An empty array in which there is room for so many entries before it has to be replaced; see [`Slots::limit`].
    pub(super) fn with_room_for(entries: usize, few: bool) -> Self {
        let len = if few { entries * 4 / 3 } else { entries * 8 / 7 };
        let len = (len + 1).next_power_of_two().max(4);
        let words = std::iter::once(len - 1).chain(std::iter::repeat_n(UNUSED, len));
        Self { words: words.map(AtomicUsize::new).collect(), entries: PhantomData }
    }

    pub(super) fn get(&self) -> Slots<'_, V> {
        Slots { words: NonNull::from(&*self.words).cast(), array: PhantomData }
    }

    fn into_raw(self) -> *mut AtomicUsize {
        Box::into_raw(self.words).cast()
    }

    /// # Safety
    ///
    /// The pointer comes from `into_raw`, and this is the only one who makes an owner of it.
    unsafe fn from_raw(words: *mut AtomicUsize) -> Self {
        // SAFETY: the caller's promise; the first word is one less than the number of those that follow it.
        let words = unsafe {
            let len = (*words).load(Ordering::Relaxed) + 2;
            Box::from_raw(ptr::slice_from_raw_parts_mut(words, len))
        };
        Self { words, entries: PhantomData }
    }
}

/// Where readers find the array of a shard. Owns it.
pub(super) struct Head<V> {
    words: AtomicPtr<AtomicUsize>,
    /// The mask of the array, or of one that was there before or comes next.
    mask: AtomicUsize,
    array: PhantomData<OwnedSlots<V>>,
}

// SAFETY: as for the array that it owns.
unsafe impl<V: Send + Sync> Send for Head<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Head<V> {}

impl<V> Head<V> {
    pub(super) fn new(slots: OwnedSlots<V>) -> Self {
        let mask = AtomicUsize::new(slots.get().mask());
        Self { words: AtomicPtr::new(slots.into_raw()), mask, array: PhantomData }
    }

    /// The slots, for as long as the reader reads.
    #[inline]
    pub(super) fn slots<'g>(&self, _reader: &'g Guard) -> Slots<'g, V> {
        // SAFETY: an array is retired only after another one took its place; what is retired is not freed before a
        // reader ends that began before.
        unsafe { self.unguarded() }
    }

    /// The mask of the slots, unless they were replaced a moment ago: then it may be that of others.
    #[inline]
    pub(super) fn mask(&self) -> usize {
        self.mask.load(Ordering::Relaxed)
    }

    /// The slots.
    ///
    /// # Safety
    ///
    /// The array is not freed before `'a` ends.
    #[inline]
    pub(super) unsafe fn unguarded<'a>(&self) -> Slots<'a, V> {
        // SAFETY: never null.
        let words = unsafe { NonNull::new_unchecked(self.words.load(Ordering::Acquire)) };
        Slots { words, array: PhantomData }
    }

    /// Puts another array in the place of this one, which readers may still read.
    pub(super) fn replace(&self, new: OwnedSlots<V>) -> OwnedSlots<V> {
        self.mask.store(new.get().mask(), Ordering::Relaxed);
        let old = self.words.swap(new.into_raw(), Ordering::AcqRel);
        // SAFETY: it is that of an array of ours, and out of here only once.
        unsafe { OwnedSlots::from_raw(old) }
    }
}

impl<V> Drop for Head<V> {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody reads any more.
        drop(unsafe { OwnedSlots::<V>::from_raw(*self.words.get_mut()) });
    }
}

/// An array that is there for as long as `'a`.
pub(super) struct Slots<'a, V> {
    /// As in [`OwnedSlots`].
    words: NonNull<AtomicUsize>,
    array: PhantomData<(&'a [AtomicUsize], *const Entry<V>)>,
}

impl<V> Clone for Slots<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Slots<'_, V> {}

impl<V> Slots<'_, V> {
    fn len(self) -> usize {
        self.mask() + 1
    }

    /// One less than the number of slots, a power of two.
    #[inline]
    pub(super) fn mask(self) -> usize {
        // SAFETY: an array has at least this word. Nobody writes it.
        unsafe { self.words.as_ref() }.load(Ordering::Relaxed)
    }

    /// How many slots may ever be used: some must end the probes.
    pub(super) fn limit(self, few: bool) -> usize {
        if few { self.len() * 3 / 4 } else { self.len() * 7 / 8 }
    }

    /// Whether an address leaves room for the tag.
    pub(super) fn takes(entry: NonNull<Entry<V>>) -> bool {
        entry.addr().get().leading_zeros() >= TAG_BITS
    }

    #[inline]
    fn word(&self, index: usize) -> &AtomicUsize {
        debug_assert!(index <= self.mask());
        // SAFETY: so many slots follow the mask; no index made here is above it.
        unsafe { self.words.add(1 + index).as_ref() }
    }

    pub(super) fn set(self, index: usize, hash: u64, entry: NonNull<Entry<V>>) {
        let address = entry.as_ptr().expose_provenance();
        self.word(index).store(address << TAG_BITS | tag(hash), Ordering::Release);
    }

    pub(super) fn vacate(self, index: usize) {
        self.word(index).store(VACANT, Ordering::Release);
    }

    pub(super) fn forget(self, index: usize) {
        self.word(index).store(UNUSED, Ordering::Release);
    }

    pub(super) fn at(self, index: usize) -> Slot<V> {
        read(self.word(index).load(Ordering::Acquire))
    }

    /// The entries that are found now.
    pub(super) fn entries(self) -> impl Iterator<Item = NonNull<Entry<V>>> {
        (0..self.len()).filter_map(move |index| match self.at(index) {
            Slot::Entry(entry) => Some(entry),
            _ => None,
        })
    }

    /// The slot after this one, and the one before it.
    pub(super) fn after(self, index: usize) -> usize {
        (index + 1) & self.mask()
    }

    pub(super) fn before(self, index: usize) -> usize {
        index.wrapping_sub(1) & self.mask()
    }

    /// Where the entry with this hash for which `is_it` holds is.
    pub(super) fn position(self, hash: u64, is_it: impl Fn(NonNull<Entry<V>>) -> bool) -> Option<usize> {
        let tag = tag(hash);
        let mut index = self.home(hash);
        loop {
            let word = self.word(index).load(Ordering::Acquire);
            match read(word) {
                Slot::Unused => return None,
                Slot::Entry(entry) if word & TAG == tag && is_it(entry) => return Some(index),
                _ => index = self.after(index),
            }
        }
    }

    /// The first slot that an entry with this hash may take, and whether it was used before.
    pub(super) fn free(self, hash: u64) -> (usize, bool) {
        let mut index = self.home(hash);
        loop {
            match self.at(index) {
                Slot::Unused => return (index, false),
                Slot::Vacant => return (index, true),
                Slot::Entry(_) => index = self.after(index),
            }
        }
    }

    /// The entry with this hash for which `is_it` holds. `mask` is that of the array.
    ///
    /// # Safety
    ///
    /// No entry that is in a slot from now on is freed before `'e` ends.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) unsafe fn find<'e>(
        self,
        mask: usize,
        hash: u64,
        is_it: impl Fn(Ref<'e, V>) -> bool,
    ) -> Option<Ref<'e, V>> {
        let (tag, mut index) = (tag(hash), home(hash, mask));
        loop {
            let word = self.word(index).load(Ordering::Acquire);
            // SAFETY: the caller's promise.
            if let Some(entry) = unsafe { entry_with(word, tag) }.filter(|entry| is_it(*entry)) {
                return Some(entry);
            }
            if word == UNUSED {
                return None;
            }
            index = (index + 1) & mask;
        }
    }

    fn home(self, hash: u64) -> usize {
        home(hash, self.mask())
    }
}

/// Where the probes for a hash begin in an array with this mask.
#[inline]
fn home(hash: u64, mask: usize) -> usize {
    // The low half chooses the shard and is the tag.
    #[allow(clippy::cast_possible_truncation, reason = "half of it fits")]
    let high = (hash >> 32) as usize;
    high & mask
}

/// The tag of a hash. Odd, unlike what is in a slot without an entry.
#[inline]
fn tag(hash: u64) -> usize {
    // The low bits: the high ones choose the slot, those between them the shard.
    #[allow(clippy::cast_possible_truncation, reason = "where there are fewer bits, there are no tags")]
    let bits = hash as usize & TAG;
    if TAGGED { bits | 1 } else { 0 }
}

/// Whether a word is that of an entry with this tag.
#[inline]
fn has_tag(word: usize, tag: usize) -> bool {
    word & TAG == tag && (TAGGED || word > VACANT)
}

/// The entry whose word this is, if it has the tag.
///
/// # Safety
///
/// The word was in a slot, and the entry is not freed before `'e` ends.
#[inline]
unsafe fn entry_with<'e, V>(word: usize, tag: usize) -> Option<Ref<'e, V>> {
    has_tag(word, tag).then(|| {
        // SAFETY: a word with the tag of a hash, or else neither unused nor vacant, is that of an entry, whose address is
        // not zero; the rest is the caller's promise.
        unsafe { Ref::new(entry_of(NonZero::new_unchecked(word >> TAG_BITS))) }
    })
}

fn read<V>(word: usize) -> Slot<V> {
    match (word, NonZero::new(word >> TAG_BITS)) {
        (VACANT, _) => Slot::Vacant,
        (_, None) => Slot::Unused,
        (_, Some(address)) => Slot::Entry(entry_of(address)),
    }
}

#[inline]
fn entry_of<V>(address: NonZero<usize>) -> NonNull<Entry<V>> {
    NonNull::with_exposed_provenance(address)
}

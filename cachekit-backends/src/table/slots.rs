//! The array that readers probe: open addressing over pointers that carry a part of the hash.
//!
//! A null slot was never used and ends a probe; a vacant one held an entry that went. Readers may meet a slot in the
//! middle of a change; the entry they reach says itself what it is, so the worst is a miss.
//!
//! Its length is a power of two, and written into the low bits of its address, which are free as it begins at a cache line: a
//! reader that has the one has the other.

use std::marker::PhantomData;
use std::num::NonZero;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::entry::{Header, Ref};
use super::kind::Kind;
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
pub(super) enum Slot {
    Unused,
    Vacant,
    Entry(NonNull<Header>),
}

/// The alignment of arrays.
const LINE: usize = 64;
const PER_LINE: usize = LINE / size_of::<usize>();

/// A cache line of slots.
#[repr(align(64))]
#[allow(dead_code, reason = "it is reached through its address")]
struct Line([AtomicUsize; PER_LINE]);

/// An array that nobody else owns.
pub(super) struct OwnedSlots {
    /// Addresses of entries, exposed, and tags; `Slots::find` says when the entries may be used. A power of two of slots.
    lines: Box<[Line]>,
}

impl OwnedSlots {
    /// An empty array in which there is room for so many entries before it has to be replaced; see [`Slots::limit`].
    pub(super) fn with_room_for(entries: usize, few: bool) -> Self {
        let len = if few { entries * 4 / 3 } else { entries * 8 / 7 };
        let lines = (len + 1).next_power_of_two().div_ceil(PER_LINE);
        let line = || Line([const { AtomicUsize::new(UNUSED) }; PER_LINE]);
        Self { lines: std::iter::repeat_with(line).take(lines).collect() }
    }

    pub(super) fn get(&self) -> Slots<'_> {
        Slots { array: named(NonNull::from(&*self.lines)), slots: PhantomData }
    }

    /// As in [`Slots`].
    fn into_raw(self) -> *mut Line {
        named(NonNull::from(Box::leak(self.lines))).as_ptr()
    }

    /// # Safety
    ///
    /// The pointer comes from `into_raw`, and this is the only one who makes an owner of it.
    unsafe fn from_raw(array: *mut Line) -> Self {
        let lines = (mask(array) + 1) / PER_LINE;
        let first = array.map_addr(|address| address & !(LINE - 1));
        // SAFETY: the caller's promise; it was a box of so many lines.
        let lines = unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, lines)) };
        Self { lines }
    }
}

/// The first line of an array, with what [`shift`] gives in the low bits of its address.
fn named(lines: NonNull<[Line]>) -> NonNull<Line> {
    let bits = (lines.len() * PER_LINE).ilog2();
    lines.cast().map_addr(|address| address | (u64::BITS - bits) as usize)
}

/// How many bits of a hash do not choose a slot of the array.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "less than a line")]
fn shift(array: *const Line) -> u32 {
    (array.addr() & (LINE - 1)) as u32
}

/// One less than the number of slots.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "an array fits the address space")]
fn mask(array: *const Line) -> usize {
    (u64::MAX >> shift(array)) as usize
}

/// Where readers find the array of a shard. Owns it.
pub(super) struct Head {
    /// As in [`Slots`].
    array: AtomicPtr<Line>,
}

impl Head {
    pub(super) fn new(slots: OwnedSlots) -> Self {
        Self { array: AtomicPtr::new(slots.into_raw()) }
    }

    /// The slots, for as long as the reader reads.
    #[inline]
    pub(super) fn slots<'g>(&self, _reader: &'g Guard) -> Slots<'g> {
        // SAFETY: an array is retired only after another one took its place; what is retired is not freed before a
        // reader ends that began before.
        unsafe { self.unguarded() }
    }

    /// The slots.
    ///
    /// # Safety
    ///
    /// The array is not freed before `'a` ends.
    #[inline]
    pub(super) unsafe fn unguarded<'a>(&self) -> Slots<'a> {
        // SAFETY: never null.
        let array = unsafe { NonNull::new_unchecked(self.array.load(Ordering::Acquire)) };
        Slots { array, slots: PhantomData }
    }

    /// Puts another array in the place of this one, which readers may still read.
    pub(super) fn replace(&self, new: OwnedSlots) -> OwnedSlots {
        let old = self.array.swap(new.into_raw(), Ordering::AcqRel);
        // SAFETY: it is that of an array of ours, and out of here only once.
        unsafe { OwnedSlots::from_raw(old) }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // SAFETY: `&mut self`: nobody reads any more.
        drop(unsafe { OwnedSlots::from_raw(*self.array.get_mut()) });
    }
}

/// An array that is there for as long as `'a`.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a> {
    /// Its first line, and in the low bits of the address its length; see [`named`].
    array: NonNull<Line>,
    slots: PhantomData<&'a [AtomicUsize]>,
}

impl Slots<'_> {
    fn len(self) -> usize {
        mask(self.array.as_ptr()) + 1
    }

    /// How many slots may ever be used: some must end the probes.
    pub(super) fn limit(self, few: bool) -> usize {
        if few { self.len() * 3 / 4 } else { self.len() * 7 / 8 }
    }

    /// Whether an address leaves room for the tag.
    pub(super) fn takes(entry: NonNull<Header>) -> bool {
        entry.addr().get().leading_zeros() >= TAG_BITS
    }

    #[inline]
    fn word(&self, index: usize) -> &AtomicUsize {
        debug_assert!(index < self.len());
        // SAFETY: the address without its low bits is that of the first slot, with so many behind it; no index made here is
        // above the mask.
        unsafe { self.array.map_addr(first).cast::<AtomicUsize>().add(index).as_ref() }
    }

    pub(super) fn set(self, index: usize, hash: u64, entry: NonNull<Header>) {
        let address = entry.as_ptr().expose_provenance();
        self.word(index).store(address << TAG_BITS | tag(hash), Ordering::Release);
    }

    pub(super) fn vacate(self, index: usize) {
        self.word(index).store(VACANT, Ordering::Release);
    }

    pub(super) fn forget(self, index: usize) {
        self.word(index).store(UNUSED, Ordering::Release);
    }

    pub(super) fn at(self, index: usize) -> Slot {
        read(self.word(index).load(Ordering::Acquire))
    }

    /// The entries that are found now.
    pub(super) fn entries(self) -> impl Iterator<Item = NonNull<Header>> {
        (0..self.len()).filter_map(move |index| match self.at(index) {
            Slot::Entry(entry) => Some(entry),
            _ => None,
        })
    }

    /// The slot after this one, and the one before it.
    #[inline]
    pub(super) fn after(self, index: usize) -> usize {
        (index + 1) & mask(self.array.as_ptr())
    }

    pub(super) fn before(self, index: usize) -> usize {
        index.wrapping_sub(1) & mask(self.array.as_ptr())
    }

    /// Where the entry with this hash for which `is_it` holds is.
    pub(super) fn position(self, hash: u64, is_it: impl Fn(NonNull<Header>) -> bool) -> Option<usize> {
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

    /// Where this entry is. Only the high half of its hash matters.
    pub(super) fn position_of(self, high: u64, entry: NonNull<Header>) -> Option<usize> {
        let mut index = self.home(high);
        loop {
            match self.at(index) {
                Slot::Unused => return None,
                Slot::Entry(other) if other == entry => return Some(index),
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

    /// The entry with this hash for which `is_it` holds. Only the low half of `low` and the high one of `high` matter.
    ///
    /// # Safety
    ///
    /// The entries in the slots are of this kind, and none that is in a slot from now on is freed before `'e` ends.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) unsafe fn find<'e>(
        self,
        low: u64,
        high: u64,
        kind: &'static Kind,
        is_it: impl Fn(Ref<'e>) -> bool,
    ) -> Option<Ref<'e>> {
        let (tag, mut index) = (tag(low), self.home(high));
        loop {
            let word = self.word(index).load(Ordering::Acquire);
            if let Some(place) = entry_with(word, tag) {
                // SAFETY: the caller's promise.
                let entry = unsafe { Ref::new(place, kind) };
                if is_it(entry) {
                    return Some(entry);
                }
            }
            if word == UNUSED {
                return None;
            }
            index = self.after(index);
        }
    }

    /// Where the probes for a hash begin.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "it is not above the mask")]
    fn home(self, hash: u64) -> usize {
        (hash >> shift(self.array.as_ptr())) as usize
    }
}

/// An address without what is in its low bits; there is another one above them.
#[inline]
fn first(tagged: NonZero<usize>) -> NonZero<usize> {
    // SAFETY: arrays begin at multiples of a line that are not zero.
    unsafe { NonZero::new_unchecked(tagged.get() & !(LINE - 1)) }
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
#[inline]
fn entry_with(word: usize, tag: usize) -> Option<NonNull<Header>> {
    if !has_tag(word, tag) {
        return None;
    }
    // SAFETY: a word with the tag of a hash, or else neither unused nor vacant, is that of an entry, whose address is not
    // zero.
    Some(entry_of(unsafe { NonZero::new_unchecked(word >> TAG_BITS) }))
}

fn read(word: usize) -> Slot {
    match (word, NonZero::new(word >> TAG_BITS)) {
        (VACANT, _) => Slot::Vacant,
        (_, None) => Slot::Unused,
        (_, Some(address)) => Slot::Entry(entry_of(address)),
    }
}

#[inline]
fn entry_of(address: NonZero<usize>) -> NonNull<Header> {
    NonNull::with_exposed_provenance(address)
}

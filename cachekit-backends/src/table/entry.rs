//! One value in a table, in one allocation with its key.
//!
//! The bytes of the key follow the entry, so that a read that found it has them at hand, and a short key costs no more
//! than its length. Behind the key come, where there are any, whom the entry belongs to (its receiver, its tags) and a
//! [`Life`]. An entry is reached through [`Ref`], whose pointer may look beyond `Entry`, and owned by [`Owned`].

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyStream, OwnedKey, Seed, matches};
use super::life::{Life, Lifetimes};
use super::policy::MOST_USES;
use crate::Moment;

/// The step of epochs: what is below it in the state of an entry are its uses.
pub(super) const EPOCH: u64 = 1 << 8;
const USES: u64 = EPOCH - 1;

/// Marks the number of an entry that has owners behind its key: their number in a byte, then eight bytes each.
const HAS_OWNERS: u32 = 1 << 31;
/// Marks the number of an entry that has a life behind all that.
const HAS_LIFE: u32 = 1 << 30;
const NODE: u32 = HAS_LIFE - 1;

/// The most owners of an entry.
pub(super) const MOST_OWNERS: usize = u8::MAX as usize;

#[repr(C)]
pub(super) struct Entry<V> {
    /// Until then it is valid without a question: its end, unless it has a life.
    pub(super) expires: Moment,
    /// The epoch of the fence at which it was last found valid, and its uses. Readers and writers update it without
    /// care for each other: the worst is a use less, or a check more.
    state: AtomicU64,
    /// Its place in the books of its shard, and what it has behind its key.
    node: u32,
    /// The bytes of the key.
    length: u32,
    pub(super) value: V,
}

/// What an entry is made of, besides its key and value.
pub(super) struct About<'a> {
    pub(super) now: Moment,
    pub(super) lifetimes: Lifetimes,
    pub(super) epoch: u64,
    /// Whom it belongs to: whoever of them is invalidated, it is. At most [`MOST_OWNERS`].
    pub(super) owners: &'a [u64],
    pub(super) node: u32,
    pub(super) uses: u8,
}

impl<V> Entry<V> {
    /// Whether it was valid at this epoch when somebody last looked. Notes a use, if so.
    #[inline]
    pub(super) fn is_checked_and_used(&self, epoch: u64) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let uses = state ^ epoch;
        if uses != u64::from(MOST_USES) {
            if uses > u64::from(MOST_USES) {
                return false;
            }
            self.state.store(state + 1, Ordering::Relaxed);
        }
        true
    }

    /// The epoch at which it was last found valid.
    pub(super) fn epoch(&self) -> u64 {
        self.state.load(Ordering::Relaxed) & !USES
    }

    /// Notes that it is valid at this epoch.
    pub(super) fn check(&self, epoch: u64) {
        self.state.store(epoch | u64::from(self.uses()), Ordering::Relaxed);
    }

    pub(super) fn uses(&self) -> u8 {
        // Below 256 by the mask.
        (self.state.load(Ordering::Relaxed) & USES) as u8
    }

    pub(super) fn set_uses(&self, uses: u8) {
        self.state.store(self.epoch() | u64::from(uses), Ordering::Relaxed);
    }

    /// Its place in the books of its shard.
    pub(super) fn node(&self) -> u32 {
        self.node & NODE
    }

    fn layout(tail: usize) -> Layout {
        match Layout::array::<u8>(tail).and_then(|tail| Layout::new::<Self>().extend(tail)) {
            Ok((layout, _)) => layout,
            // A key is at most 2 GiB.
            Err(_) => unreachable!("an allocation of {tail} bytes"),
        }
    }

    /// The bytes behind the entry, with so many bytes of owners: up to its life, and all of them.
    fn tail(length: u32, node: u32, owners: usize) -> (usize, usize) {
        // The entry is as aligned as its life has to be, so what counts is the distance between them.
        const { assert!(align_of::<Self>() >= align_of::<Life>()) };
        let end = length as usize + owners;
        if node & HAS_LIFE == 0 {
            return (end, end);
        }
        let life = end.next_multiple_of(align_of::<Life>());
        (life, life + size_of::<Life>())
    }

    /// The bytes that owners take.
    fn bytes_of(owners: usize) -> usize {
        if owners == 0 { 0 } else { 1 + owners * size_of::<u64>() }
    }
}

/// An entry that nobody else owns. Dropping it frees it.
pub(super) struct Owned<V>(NonNull<Entry<V>>);

// SAFETY: as a box, of which it is a kind.
unsafe impl<V: Send> Send for Owned<V> {}

impl<V> Owned<V> {
    /// An entry; none if the key is too long to keep.
    pub(super) fn new(key: &OwnedKey, value: V, about: &About<'_>) -> Option<Self> {
        let bytes = key.as_bytes();
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length < u32::MAX / 2)?;
        let count = u8::try_from(about.owners.len()).ok()?;
        let life = (!about.lifetimes.is_plain()).then(|| Life::new(about.now, about.lifetimes));
        let flags = if count == 0 { 0 } else { HAS_OWNERS } | if life.is_none() { 0 } else { HAS_LIFE };
        let node = about.node | flags;
        let (life_at, tail) = Entry::<V>::tail(length, node, Entry::<V>::bytes_of(about.owners.len()));
        let layout = Entry::<V>::layout(tail);
        let entry = Entry {
            expires: life.as_ref().map_or_else(|| about.now.after(about.lifetimes.fresh), Life::asks_at),
            state: AtomicU64::new(about.epoch | u64::from(about.uses)),
            node,
            length,
            value,
        };
        // SAFETY: the layout is not empty; the entry is written to the front of the allocation and the tail, whose
        // length the layout counts, behind it. `tail` has aligned the place of the life.
        #[allow(clippy::cast_ptr_alignment, reason = "as said")]
        unsafe {
            let Some(place) = NonNull::new(alloc(layout).cast::<Entry<V>>()) else {
                handle_alloc_error(layout)
            };
            place.write(entry);
            let tail = place.as_ptr().cast::<u8>().add(size_of::<Entry<V>>());
            ptr::copy_nonoverlapping(bytes.as_ptr(), tail, bytes.len());
            if count != 0 {
                let owners = tail.add(bytes.len());
                owners.write(count);
                for (index, owner) in about.owners.iter().enumerate() {
                    owners.add(1 + index * size_of::<u64>()).cast::<u64>().write_unaligned(*owner);
                }
            }
            if let Some(life) = life {
                tail.add(life_at).cast::<Life>().write(life);
            }
            Some(Self(place))
        }
    }

    /// Where it is.
    pub(super) fn place(&self) -> NonNull<Entry<V>> {
        self.0
    }

    /// It, for as long as it is owned.
    #[inline]
    pub(super) fn get(&self) -> Ref<'_, V> {
        Ref(self.0, PhantomData)
    }
}

impl<V> Drop for Owned<V> {
    fn drop(&mut self) {
        let entry = self.get();
        let (_, tail) = Entry::<V>::tail(entry.length, entry.node, Entry::<V>::bytes_of(entry.owner_count()));
        let layout = Entry::<V>::layout(tail);
        // SAFETY: this is the owner. The allocation is freed also when the value's destructor panics. A life has no
        // destructor.
        unsafe {
            let _memory = Memory(self.0.as_ptr().cast(), layout);
            ptr::drop_in_place(self.0.as_ptr());
        }
    }
}

struct Memory(*mut u8, Layout);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by `Owned::drop` from what `Owned::new` allocated with the same layout.
        unsafe { dealloc(self.0, self.1) };
    }
}

/// An entry that is there for as long as `'a`.
pub(super) struct Ref<'a, V>(NonNull<Entry<V>>, PhantomData<&'a Entry<V>>);

impl<V> Clone for Ref<'_, V> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Ref<'_, V> {}

impl<'a, V> Ref<'a, V> {
    /// An entry behind a pointer.
    ///
    /// # Safety
    ///
    /// The pointer comes from [`Owned::place`], and the entry is not freed before `'a` ends.
    #[inline]
    pub(super) unsafe fn new(place: NonNull<Entry<V>>) -> Self {
        Self(place, PhantomData)
    }

    /// The value, for as long as the entry is there.
    #[inline]
    pub(super) fn value(self) -> &'a V {
        // SAFETY: by the promise of `new`.
        unsafe { &(*self.0.as_ptr()).value }
    }

    /// Whom it belongs to.
    pub(super) fn owners(self) -> impl Iterator<Item = u64> + use<'a, V> {
        (0..self.owner_count()).map(move |index| {
            // SAFETY: so many owners were written behind the key and their number.
            unsafe {
                let owners = self.behind().add(self.key_length() + 1);
                owners.add(index * size_of::<u64>()).cast::<u64>().read_unaligned()
            }
        })
    }

    fn owner_count(self) -> usize {
        if self.node & HAS_OWNERS == 0 {
            return 0;
        }
        // SAFETY: the flag says that this byte is there.
        usize::from(unsafe { self.behind().add(self.key_length()).read() })
    }

    /// What there is to know beside its end.
    pub(super) fn life(self) -> Option<&'a Life> {
        if self.node & HAS_LIFE == 0 {
            return None;
        }
        let (at, _) = Entry::<V>::tail(self.length, self.node, Entry::<V>::bytes_of(self.owner_count()));
        // SAFETY: the flag says that a life is there, at this place, which is aligned.
        #[allow(clippy::cast_ptr_alignment, reason = "`tail` has aligned the place")]
        unsafe {
            Some(&*self.behind().add(at).cast::<Life>())
        }
    }

    /// When it ends, as far as is known now.
    pub(super) fn dead_at(self) -> Moment {
        self.life().map_or(self.expires, Life::dead_at)
    }

    /// The encoded key.
    #[inline]
    pub(super) fn key(self) -> &'a [u8] {
        // SAFETY: so many bytes were written there, and are never changed.
        unsafe { slice::from_raw_parts(self.behind(), self.key_length()) }
    }

    /// The hash of the key. Not kept: with it, an entry of small things would not be on one cache line.
    pub(super) fn hash(self) -> u64 {
        Seed::of_this_process().hash_encoded(self.key())
    }

    #[inline]
    fn key_length(self) -> usize {
        self.length as usize
    }

    /// Whether its key is this stream, exactly.
    #[inline]
    pub(super) fn is_of<K: KeyStream + ?Sized>(self, key: &K) -> bool {
        matches(self.key(), key)
    }

    #[inline]
    fn behind(self) -> *const u8 {
        // SAFETY: the end of an entry is in its allocation or just behind it.
        unsafe { self.0.as_ptr().cast::<u8>().cast_const().add(size_of::<Entry<V>>()) }
    }
}

impl<V> Deref for Ref<'_, V> {
    type Target = Entry<V>;

    #[inline]
    fn deref(&self) -> &Entry<V> {
        // SAFETY: by the promise of `new`.
        unsafe { self.0.as_ref() }
    }
}

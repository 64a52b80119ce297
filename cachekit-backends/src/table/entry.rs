//! One value in a table, in one allocation with its key.
//!
//! The bytes of the key follow the entry, so that a read that found it has them at hand, and a short key costs no more
//! than its length. An entry is reached through [`Ref`], whose pointer may look beyond `Entry`, and owned by [`Owned`].

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::size_of;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{KeyStream, OwnedKey, matches};
use super::policy::MOST_USES;
use crate::Moment;

/// The step of epochs: what is below it in the state of an entry are its uses.
pub(super) const EPOCH: u64 = 1 << 8;
const USES: u64 = EPOCH - 1;

/// Marks the number of an entry that has eight bytes behind its key: those of its receiver.
const HAS_INSTANCE: u32 = 1 << 31;

#[repr(C)]
pub(super) struct Entry<V> {
    pub(super) expires: Moment,
    /// The epoch of the fence at which it was last found valid, and its uses. Readers and writers update it without
    /// care for each other: the worst is a use less, or a check more.
    state: AtomicU64,
    hash: u64,
    /// Its place in the books of its shard, and whether it has a receiver.
    node: u32,
    /// The bytes of the key.
    length: u32,
    pub(super) value: V,
}

/// What an entry is made of, besides its key and value.
pub(super) struct About {
    pub(super) expires: Moment,
    pub(super) epoch: u64,
    pub(super) instance: u64,
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
        self.node & !HAS_INSTANCE
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    fn layout(tail: usize) -> Layout {
        match Layout::array::<u8>(tail).and_then(|tail| Layout::new::<Self>().extend(tail)) {
            Ok((layout, _)) => layout,
            // A key is at most 2 GiB.
            Err(_) => unreachable!("an allocation of {tail} bytes"),
        }
    }

    /// The bytes behind the entry.
    fn tail(length: u32, node: u32) -> usize {
        let instance = if node & HAS_INSTANCE == 0 { 0 } else { size_of::<u64>() };
        length as usize + instance
    }
}

/// An entry that nobody else owns. Dropping it frees it.
pub(super) struct Owned<V>(NonNull<Entry<V>>);

// SAFETY: as a box, of which it is a kind.
unsafe impl<V: Send> Send for Owned<V> {}

impl<V> Owned<V> {
    /// An entry; none if the key is too long to keep.
    pub(super) fn new(key: &OwnedKey, value: V, about: &About) -> Option<Self> {
        let bytes = key.as_bytes();
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length < u32::MAX / 2)?;
        let node = if about.instance == 0 { about.node } else { about.node | HAS_INSTANCE };
        let layout = Entry::<V>::layout(Entry::<V>::tail(length, node));
        let entry = Entry {
            expires: about.expires,
            state: AtomicU64::new(about.epoch | u64::from(about.uses)),
            hash: key.hash(),
            node,
            length,
            value,
        };
        // SAFETY: the layout is not empty; the entry is written to the front of the allocation and the tail, whose
        // length the layout counts, behind it.
        unsafe {
            let Some(place) = NonNull::new(alloc(layout).cast::<Entry<V>>()) else {
                handle_alloc_error(layout)
            };
            place.write(entry);
            let tail = place.as_ptr().cast::<u8>().add(size_of::<Entry<V>>());
            ptr::copy_nonoverlapping(bytes.as_ptr(), tail, bytes.len());
            if node & HAS_INSTANCE != 0 {
                tail.add(bytes.len()).cast::<u64>().write_unaligned(about.instance);
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
        // SAFETY: this is the owner. The allocation is freed also when the value's destructor panics.
        unsafe {
            let entry = self.0.as_ref();
            let layout = Entry::<V>::layout(Entry::<V>::tail(entry.length, entry.node));
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

    /// The receiver that it belongs to, or zero.
    pub(super) fn instance(self) -> u64 {
        if self.node & HAS_INSTANCE == 0 {
            return 0;
        }
        // SAFETY: the flag says that these bytes are there.
        unsafe { self.behind().add(self.key_length()).cast::<u64>().read_unaligned() }
    }

    /// The encoded key.
    #[inline]
    pub(super) fn key(self) -> &'a [u8] {
        // SAFETY: so many bytes were written there, and are never changed.
        unsafe { slice::from_raw_parts(self.behind(), self.key_length()) }
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

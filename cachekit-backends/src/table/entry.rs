//! One value in a table, in one allocation with its key.
//!
//! An entry begins with a [`Header`]; the value follows, of a [`Kind`] that whoever has entries knows. The bytes of the key
//! follow the value, all but the first, which is in the header: so a read that found it has them at hand, and a short key
//! costs no more than its length. Behind the key come, where there are any, whom the entry belongs to (its receiver, its
//! tags) and a [`Life`]. An entry is reached through [`Ref`], whose pointer may look beyond `Header`, and owned by [`Owned`].

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, align_of, size_of};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use super::key::{OwnedKey, Seed};
use super::kind::{Kind, value_in};
use super::life::{Life, Lifetimes};
use super::policy::MOST_USES;
use super::slots::Slots;
use super::stored::{Shape, Stored};
use crate::Moment;

/// The step of epochs: what is below it in the state of an entry are its uses.
pub(super) const EPOCH: u64 = 1 << 8;
const USES: u64 = EPOCH - 1;

/// Marks the number of an entry that has owners behind its key: their number in a byte, then eight bytes each.
const HAS_OWNERS: u32 = 1 << 31;
/// Marks the number of an entry that has a life behind all that.
const HAS_LIFE: u32 = 1 << 30;
const NODE: u32 = HAS_LIFE - 1;

/// The most owners of an entry; it knows no more than these.
const MOST_OWNERS: u8 = u8::MAX;

/// What an entry begins with, whatever its value is.
#[repr(C)]
pub(super) struct Header {
    /// Until then it is valid without a question: its end, unless it has a life.
    pub(super) expires: Moment,
    /// The epoch of the fence at which it was last found valid, and its uses. Readers and writers update it without
    /// care for each other: the worst is a use less, or a check more.
    state: AtomicU64,
    /// Its place in the books of its shard, and what it has behind its key.
    node: u32,
    /// What the key begins with, and the bytes of it that follow the value.
    shape: Shape,
}

/// What an entry is made of, besides its key and value.
pub(super) struct About<'a> {
    pub(super) now: Moment,
    pub(super) lifetimes: &'a Lifetimes,
    /// Whom it belongs to, as its tags: whoever of them is invalidated, it is.
    pub(super) receiver: Option<u64>,
    pub(super) tags: &'a [u64],
}

impl About<'_> {
    fn owners(&self) -> impl Iterator<Item = u64> {
        self.receiver.into_iter().chain(self.tags.iter().copied())
    }

    /// As many owners as an entry knows.
    fn owner_count(&self) -> u8 {
        u8::try_from(self.tags.len() + usize::from(self.receiver.is_some())).unwrap_or(MOST_OWNERS)
    }
}

impl Header {
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
}

/// The bytes behind the entry, with so many owners: up to its life, and all of them.
fn tail(shape: Shape, flags: u32, owners: usize) -> (usize, usize) {
    let owners = if owners == 0 { 0 } else { 1 + owners * size_of::<u64>() };
    let end = shape.length() + owners;
    if flags & HAS_LIFE == 0 {
        return (end, end);
    }
    let life = end.next_multiple_of(align_of::<Life>());
    (life, life + size_of::<Life>())
}

/// An entry that nobody else owns. Dropping it frees it.
pub(super) struct Owned {
    place: NonNull<Header>,
    kind: &'static Kind,
}

// SAFETY: as a box of a value that can be sent and shared, which `Kind::of` asks for.
unsafe impl Send for Owned {}

impl Owned {
    /// An entry of a value, all of it but what [`enter`](Self::enter) adds; none if it cannot be kept: its key is too long,
    /// or its address leaves no room for a tag.
    pub(super) fn new<V: Send + Sync + 'static>(key: &OwnedKey, value: V, about: &About<'_>) -> Option<Self> {
        let kind = Kind::of::<V>();
        let place = allocate(kind, key, about)?;
        // SAFETY: it was allocated for a value of this type, and is not shared yet.
        unsafe { value_in::<V>(place).write(value) };
        Some(Self { place, kind })
    }

    /// Writes what is known only under the lock of its shard.
    pub(super) fn enter(&mut self, node: u32, epoch: u64, uses: u8) {
        // SAFETY: this is the owner, and nobody else has seen the entry.
        let header = unsafe { self.place.as_mut() };
        header.node = header.node & !NODE | node;
        *header.state.get_mut() = epoch | u64::from(uses);
    }

    /// Where it is.
    pub(super) fn place(&self) -> NonNull<Header> {
        self.place
    }

    pub(super) fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// It, for as long as it is owned.
    pub(super) fn get(&self) -> Ref<'_> {
        // SAFETY: it is freed by the owner alone.
        unsafe { Ref::new(self.place, self.kind) }
    }

    /// To be owned through its place.
    pub(super) fn into_place(self) -> NonNull<Header> {
        ManuallyDrop::new(self).place
    }

    /// # Safety
    ///
    /// The place comes from [`into_place`](Self::into_place) of an entry of this kind, and this is the only one who makes
    /// an owner of it.
    pub(super) unsafe fn from_place(place: NonNull<Header>, kind: &'static Kind) -> Self {
        Self { place, kind }
    }
}

/// An entry of this kind without its value; as [`Owned::new`].
fn allocate(kind: &Kind, key: &OwnedKey, about: &About<'_>) -> Option<NonNull<Header>> {
    let key = Stored::of(key.as_bytes())?;
    let bytes = key.rest();
    let count = about.owner_count();
    let life = (!about.lifetimes.is_plain()).then(|| Life::new(about.now, *about.lifetimes));
    let flags = if count == 0 { 0 } else { HAS_OWNERS } | if life.is_none() { 0 } else { HAS_LIFE };
    let (life_at, tail) = tail(key.shape(), flags, usize::from(count));
    let layout = kind.layout(tail);
    let header = Header {
        expires: life.as_ref().map_or_else(|| about.now.after(about.lifetimes.fresh), Life::asks_at),
        state: AtomicU64::new(0),
        node: flags,
        shape: key.shape(),
    };
    // SAFETY: the layout is not empty; the header is written to the front of the allocation and the tail, whose length the
    // layout counts, behind the place of the value. `tail` has aligned the place of the life.
    #[allow(clippy::cast_ptr_alignment, reason = "as said")]
    unsafe {
        let Some(place) = NonNull::new(alloc(layout).cast::<Header>()) else { handle_alloc_error(layout) };
        if !Slots::takes(place) {
            dealloc(place.as_ptr().cast(), layout);
            return None;
        }
        place.write(header);
        let tail = place.as_ptr().cast::<u8>().add(kind.size());
        ptr::copy_nonoverlapping(bytes.as_ptr(), tail, bytes.len());
        if count != 0 {
            let owners = tail.add(bytes.len());
            owners.write(count);
            for (index, owner) in about.owners().take(usize::from(count)).enumerate() {
                owners.add(1 + index * size_of::<u64>()).cast::<u64>().write_unaligned(owner);
            }
        }
        if let Some(life) = life {
            tail.add(life_at).cast::<Life>().write(life);
        }
        Some(place)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let entry = self.get();
        let (_, tail) = tail(entry.shape, entry.node, entry.owner_count());
        // It is freed also when the value's destructor panics.
        let _memory = Memory(self.place.as_ptr().cast(), self.kind.layout(tail));
        // SAFETY: this is the owner. Neither header nor life has a destructor.
        unsafe { self.kind.drop_value(self.place) };
    }
}

struct Memory(*mut u8, Layout);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by `Owned::drop` from what `allocate` allocated with the same layout.
        unsafe { dealloc(self.0, self.1) };
    }
}

/// An entry that is there for as long as `'a`.
#[derive(Clone, Copy)]
pub(super) struct Ref<'a> {
    place: NonNull<Header>,
    kind: &'static Kind,
    entry: PhantomData<&'a Header>,
}

impl<'a> Ref<'a> {
    /// An entry behind a pointer.
    ///
    /// # Safety
    ///
    /// The pointer comes from [`Owned::place`] of an entry of this kind, which is not freed before `'a` ends.
    #[inline]
    pub(super) unsafe fn new(place: NonNull<Header>, kind: &'static Kind) -> Self {
        Self { place, kind, entry: PhantomData }
    }

    /// Where it is.
    pub(super) fn place(self) -> NonNull<Header> {
        self.place
    }

    /// The value, for as long as the entry is there.
    ///
    /// # Panics
    ///
    /// If the value is of another type.
    #[inline]
    pub(super) fn value<V: 'static>(self) -> &'a V {
        assert!(self.kind.is_of::<V>(), "a value of another type");
        // SAFETY: by the promise of `new` it was laid out by this kind, which is that of the type.
        unsafe { &*value_in::<V>(self.place) }
    }

    /// Whom it belongs to.
    pub(super) fn owners(self) -> impl Iterator<Item = u64> + use<'a> {
        (0..self.owner_count()).map(move |index| {
            // SAFETY: so many owners were written behind the key and their number.
            unsafe {
                let owners = self.behind().add(self.shape.length() + 1);
                owners.add(index * size_of::<u64>()).cast::<u64>().read_unaligned()
            }
        })
    }

    fn owner_count(self) -> usize {
        if self.node & HAS_OWNERS == 0 {
            return 0;
        }
        // SAFETY: the flag says that this byte is there.
        usize::from(unsafe { self.behind().add(self.shape.length()).read() })
    }

    /// What there is to know beside its end.
    pub(super) fn life(self) -> Option<&'a Life> {
        if self.node & HAS_LIFE == 0 {
            return None;
        }
        let (at, _) = tail(self.shape, self.node, self.owner_count());
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
    pub(super) fn key(self) -> Stored<'a> {
        // SAFETY: so many bytes were written there, and are never changed.
        let rest = unsafe { slice::from_raw_parts(self.behind(), self.shape.length()) };
        Stored::new(self.shape, rest)
    }

    /// The hash of the key. Not kept: with it, an entry of small things would not be on one cache line.
    pub(super) fn hash(self) -> u64 {
        Seed::of_this_process().hash(&self.key())
    }

    #[inline]
    fn behind(self) -> *const u8 {
        // SAFETY: the end of an entry is in its allocation or just behind it, by the promise of `new`.
        unsafe { self.place.as_ptr().cast::<u8>().cast_const().add(self.kind.size()) }
    }
}

impl Deref for Ref<'_> {
    type Target = Header;

    #[inline]
    fn deref(&self) -> &Header {
        // SAFETY: by the promise of `new`.
        unsafe { self.place.as_ref() }
    }
}

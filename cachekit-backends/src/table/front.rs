//! What a hit needs of a table, and no more: copies of what never changes, side by side, so that nothing has to be waited
//! for that the table itself would have to be asked for first.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
// The clock's is none that a model checker replaces.
use std::sync::atomic::AtomicU64 as Nanos;

use super::core::{Core, shard_of};
use super::key::{KeyStream, Seed};
use super::kind::Kind;
use super::reclaim::pin_at_once;
use super::slots::Head;
use crate::sync::{AtomicU64, Ordering};

/// What [`Front::get`] sees.
#[derive(Debug)]
pub enum AtOnce<V> {
    /// A live value.
    Found(V),
    /// No entry.
    Absent,
    /// A clock must be asked, or something was invalidated since the entry was last read, or this thread reads for the
    /// first time, or in the middle of another read, or is [hindered](super::hinder).
    Unclear,
}

/// A table that is there for ever, as who finds a value in it sees it.
#[repr(C)]
pub struct Front<V: Send + Sync + 'static> {
    heads: NonNull<Head>,
    /// One less than the number of heads, a power of two.
    mask: usize,
    horizon: &'static Nanos,
    epoch: &'static AtomicU64,
    values: PhantomData<*const V>,
}

// SAFETY: the pointer is that of a part of a table, which is both, and is there for ever.
unsafe impl<V: Send + Sync> Send for Front<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for Front<V> {}

impl<V: Send + Sync + 'static> Front<V> {
    /// That of a table of such values.
    pub(super) fn of(table: &'static Core) -> Self {
        assert!(table.kind.is_of::<V>(), "a table of other values");
        Self {
            heads: NonNull::from(&*table.heads).cast(),
            mask: table.mask,
            horizon: table.horizon,
            epoch: table.fence.epoch_cell(),
            values: PhantomData,
        }
    }

    /// The live value under the key, if that is plain to see: [`Table::get`](super::Table::get) knows for sure. Makes no
    /// call but that of `clone`, so that it costs the function it is inlined in as little as can be. What it finds is noted by
    /// the number of this thread before it is cloned: that may be a locked instruction, behind which everything waits.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn get<K: KeyStream + ?Sized>(&self, seed: &Seed, key: &K, note: impl FnOnce(usize)) -> AtOnce<V>
    where
        V: Clone,
    {
        let (low, high) = seed.halves(key);
        let Some(reader) = pin_at_once() else { return AtOnce::Unclear };
        // SAFETY: what the mask leaves is an index of a head.
        let head = unsafe { self.heads.add(shard_of(low, self.mask)).as_ref() };
        let slots = head.slots(&reader);
        // SAFETY: the table is one of such values; the reader outlives the entry's use here.
        let Some(entry) =
            (unsafe { slots.find(low, high, Kind::of::<V>(), |entry| entry.key().matches(key)) })
        else {
            return AtOnce::Absent;
        };
        let epoch = self.epoch.load(Ordering::Acquire);
        if entry.expires.is_after(self.horizon) && entry.is_checked_and_used(epoch) {
            note(reader.number());
            AtOnce::Found(entry.value::<V>().clone())
        } else {
            AtOnce::Unclear
        }
    }
}

impl<V: Send + Sync + 'static> Front<V> {
    /// The same, with the type of the values forgotten.
    pub fn erased(self) -> Front<()> {
        let Self { heads, mask, horizon, epoch, .. } = self;
        Front { heads, mask, horizon, epoch, values: PhantomData }
    }
}

impl Front<()> {
    /// Of no table. Not to be read.
    pub const NOWHERE: Self = {
        static NOTHING: AtomicU64 = AtomicU64::new(0);
        static NEVER: Nanos = Nanos::new(0);
        Self { heads: NonNull::dangling(), mask: 0, horizon: &NEVER, epoch: &NOTHING, values: PhantomData }
    };

    /// The same, with the type of the values.
    ///
    /// # Safety
    ///
    /// It was [`erased`](Front::erased) from a `Front` of this type.
    #[inline]
    pub unsafe fn of_values<V: Send + Sync + 'static>(&self) -> &Front<V> {
        // SAFETY: the type of the values is only in what a pointer points to; the rest is the caller's promise.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }
}

impl<V: Send + Sync + 'static> fmt::Debug for Front<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("shards", &(self.mask + 1)).finish_non_exhaustive()
    }
}

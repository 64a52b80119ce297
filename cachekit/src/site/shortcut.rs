//! The short way from an annotated function to its table.
//!
//! It is open while the cache that was resolved last is the one that counts, and nobody listens to what happens: what
//! ends that (an installation, a listener) closes the short ways of all functions, so that a call need not ask. A call
//! that finds it closed goes the long way, which opens it again.

use std::any::TypeId;
use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, Ordering};

use cachekit_backends::__private::{AtOnce, Front, Seed};
use cachekit_backends::{KeyStream, Table};

use super::Types;

/// Where a short way leads: to the table of one instantiation, in one cache. All a hit reads of it is on one line.
#[repr(align(64))]
pub(crate) struct Way {
    /// The type of the table's values.
    stored: TypeId,
    types: TypeId,
    /// For [`CLOSED`], of no table.
    front: Front<()>,
}

impl Way {
    pub(crate) fn to<S: Clone + Send + Sync + 'static>(table: &'static Table<S>, types: Types) -> Self {
        Self { stored: TypeId::of::<S>(), types: types.id(), front: table.front().erased() }
    }

    pub(super) fn types(&self) -> TypeId {
        self.types
    }
}

/// No values are of this type.
struct Nothing;

/// Leads nowhere.
static CLOSED: Way =
    Way { stored: TypeId::of::<Nothing>(), types: TypeId::of::<Nothing>(), front: Front::NOWHERE };

/// The short way of a function or of one instantiation, if it is open.
pub(super) struct Shortcut {
    /// A reference, to what is there for ever.
    way: AtomicPtr<Way>,
    /// Here as well, so that hashing a key waits for nothing. Written once, before the way was opened for the first time.
    seed: UnsafeCell<MaybeUninit<Seed>>,
    seeded: Once,
}

// SAFETY: what is in the cell is written once, by `Once`, before the first way is stored, and read only by who loaded one.
unsafe impl Sync for Shortcut {}

impl Shortcut {
    pub(super) const fn closed() -> Self {
        let way = AtomicPtr::new(ptr::from_ref(&CLOSED).cast_mut());
        Self { way, seed: UnsafeCell::new(MaybeUninit::uninit()), seeded: Once::new() }
    }

    #[inline]
    fn way(&self) -> &'static Way {
        // SAFETY: made of a reference to what is there for ever.
        unsafe { &*self.way.load(Ordering::Acquire) }
    }

    /// The table that it leads to, if it is open and the table's values are of this type.
    #[inline]
    pub(super) fn table<S: Clone + Send + Sync + 'static>(&'static self) -> Option<AtHand<S>> {
        let way = self.way();
        (way.stored == TypeId::of::<S>()).then(|| {
            // SAFETY: who opened it set the seed before. The table's values are of the type that was noted with it;
            // none are of that of `CLOSED`.
            unsafe { AtHand { seed: (*self.seed.get()).assume_init_ref(), front: way.front.of_values() } }
        })
    }

    /// Whether it leads to the table of this instantiation.
    #[inline]
    pub(super) fn is_of(&self, types: TypeId) -> bool {
        self.way().types == types
    }

    /// Whether it leads to values of this type.
    pub(super) fn leads_to(&self, stored: TypeId) -> bool {
        self.way().stored == stored
    }

    pub(super) fn is_closed(&self) -> bool {
        ptr::eq(self.way(), &raw const CLOSED)
    }

    pub(super) fn open(&self, way: &'static Way) {
        self.seeded.call_once(|| {
            // SAFETY: nobody else writes, and nobody reads yet.
            unsafe { (*self.seed.get()).write(Seed::of_this_process().clone()) };
        });
        self.lead(way);
    }

    pub(super) fn close(&self) {
        self.lead(&CLOSED);
    }

    fn lead(&self, way: &'static Way) {
        self.way.store(ptr::from_ref(way).cast_mut(), Ordering::Release);
    }
}

/// A table that a short way leads to.
pub(crate) struct AtHand<S: Clone + Send + Sync + 'static> {
    seed: &'static Seed,
    front: &'static Front<S>,
}

impl<S: Clone + Send + Sync + 'static> AtHand<S> {
    /// The value under the key, if that is plain to see.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn get<K: KeyStream + ?Sized>(&self, key: &K, note: impl FnOnce(usize)) -> AtOnce<S> {
        self.front.get(self.seed, key, note)
    }
}

impl fmt::Debug for Shortcut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() { "closed" } else { "open" })
    }
}

//! The short way from an annotated function to its table.
//!
//! It is open while the cache that was resolved last is the one that counts, and nobody listens to what happens: what
//! ends that (an installation, a listener) closes the short ways of all functions, so that a call need not ask. A call
//! that finds it closed goes the long way, which opens it again.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use cachekit_backends::Table;

use super::Types;

/// Where a short way leads: to the table of one instantiation, in one cache.
pub(crate) struct Way {
    /// The type of the table's values.
    stored: &'static TypeId,
    types: TypeId,
    /// For [`CLOSED`], of no table.
    table: NonNull<()>,
}

// SAFETY: the pointer is that of a table, which is both, and is there for ever, or not used.
unsafe impl Send for Way {}
// SAFETY: as above.
unsafe impl Sync for Way {}

impl Way {
    pub(crate) fn to<S: Clone + Send + Sync + 'static>(table: &'static Table<S>, types: Types) -> Self {
        Self { stored: const { &TypeId::of::<S>() }, types: types.id(), table: NonNull::from(table).cast() }
    }

    pub(super) fn types(&self) -> TypeId {
        self.types
    }
}

/// No values are of this type.
struct Nothing;

/// Leads nowhere.
static CLOSED: Way =
    Way { stored: &TypeId::of::<Nothing>(), types: TypeId::of::<Nothing>(), table: NonNull::dangling() };

/// The short way of a function or of one instantiation, if it is open.
pub(super) struct Shortcut {
    way: AtomicPtr<Way>,
    /// What the pointer is made of.
    leads: PhantomData<&'static Way>,
}

impl Shortcut {
    pub(super) const fn closed() -> Self {
        Self { way: AtomicPtr::new(ptr::from_ref(&CLOSED).cast_mut()), leads: PhantomData }
    }

    #[inline]
    fn way(&self) -> &'static Way {
        // SAFETY: made of a reference to what is there for ever.
        unsafe { &*self.way.load(Ordering::Acquire) }
    }

    /// The table, if the way to it is open and its values are of this type.
    #[inline]
    pub(super) fn table<S: Clone + Send + Sync + 'static>(&self) -> Option<&'static Table<S>> {
        let (way, stored) = (self.way(), const { &TypeId::of::<S>() });
        // The same constant has the same address nearly everywhere; where it has not, it still has the same value.
        let is_of_it = ptr::eq(way.stored, stored) || is_same(way.stored, stored);
        // SAFETY: the table's values are of the type that was noted with it; none are of that of `CLOSED`.
        is_of_it.then(|| unsafe { way.table.cast::<Table<S>>().as_ref() })
    }

    /// Whether it leads to the table of this instantiation.
    #[inline]
    pub(super) fn is_of(&self, types: TypeId) -> bool {
        self.way().types == types
    }

    pub(super) fn is_closed(&self) -> bool {
        ptr::eq(self.way(), &raw const CLOSED)
    }

    pub(super) fn open(&self, way: &'static Way) {
        self.way.store(ptr::from_ref(way).cast_mut(), Ordering::Release);
    }

    pub(super) fn close(&self) {
        self.open(&CLOSED);
    }
}

/// Out of line, as it is seldom asked.
#[cold]
#[inline(never)]
fn is_same(one: &TypeId, other: &TypeId) -> bool {
    one == other
}

impl fmt::Debug for Shortcut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed() { "closed" } else { "open" })
    }
}

//! What the table knows of the type of its values, which is what making and freeing an entry takes.
//!
//! All the rest of the table is compiled once, for every type: it hands entries about and never looks at their values. A
//! [`Kind`] is kept once for a collection of entries, not by each.

use std::alloc::Layout;
use std::any::TypeId;
use std::mem::{align_of, needs_drop};
use std::ptr::{self, NonNull};

use super::entry::Header;
use super::life::Life;

/// How entries with values of one type are laid out, and how those are dropped. The type can be sent and shared.
pub(super) struct Kind {
    of: TypeId,
    /// That of an entry without what is behind it: its size is where the bytes of the key begin.
    entry: Layout,
    /// The destructor, if the values have one. To be called with an entry of this kind, once.
    drop: Option<unsafe fn(NonNull<Header>)>,
}

/// An entry as those see it who know the type of its value.
#[repr(C)]
struct Entry<V> {
    header: Header,
    value: V,
}

impl Kind {
    /// That of a type.
    #[inline]
    pub(super) const fn of<V: Send + Sync + 'static>() -> &'static Self {
        const {
            // The entry is as aligned as its life has to be, so what counts is the distance between them.
            assert!(align_of::<Entry<V>>() >= align_of::<Life>());
            &Self {
                of: TypeId::of::<V>(),
                entry: Layout::new::<Entry<V>>(),
                drop: if needs_drop::<V>() { Some(drop_value::<V>) } else { None },
            }
        }
    }

    /// Whether it is that of this type.
    #[inline]
    pub(super) fn is_of<V: 'static>(&self) -> bool {
        self.of == TypeId::of::<V>()
    }

    /// Whether it is that of the same type.
    pub(super) fn is(&self, other: &Self) -> bool {
        ptr::eq(self, other) || self.of == other.of
    }

    /// Where the bytes of the key begin.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.entry.size()
    }

    /// That of an entry with so many bytes behind it. Never empty.
    pub(super) fn layout(&self, tail: usize) -> Layout {
        let size = self.entry.size().checked_add(tail);
        match size.map(|size| Layout::from_size_align(size, self.entry.align())) {
            Some(Ok(layout)) => layout,
            // A key is at most 128 MiB.
            _ => unreachable!("an allocation of {tail} bytes"),
        }
    }

    /// Drops the value of an entry.
    ///
    /// # Safety
    ///
    /// The entry is of this kind, nobody else uses it, and its value is not used any more.
    pub(super) unsafe fn drop_value(&self, entry: NonNull<Header>) {
        if let Some(drop) = self.drop {
            // SAFETY: the caller's promise is what it asks for: `of` took it from the same type as the rest.
            unsafe { drop(entry) };
        }
    }
}

/// # Safety
///
/// As [`Kind::drop_value`], for the kind of this type.
unsafe fn drop_value<V>(entry: NonNull<Header>) {
    // SAFETY: the caller's promise: there is such a value, and this is the only one who uses it.
    unsafe { ptr::drop_in_place(value_in::<V>(entry)) };
}

/// Where the value of an entry is.
///
/// # Safety
///
/// The pointer is that of an allocation that the [`Kind`] of this type laid out.
#[inline]
pub(super) unsafe fn value_in<V>(entry: NonNull<Header>) -> *mut V {
    // SAFETY: so there is room for an entry of this type, aligned for it.
    unsafe { &raw mut (*entry.cast::<Entry<V>>().as_ptr()).value }
}

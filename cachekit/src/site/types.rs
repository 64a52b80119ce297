//! Which instantiation of a generic function a call is of.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;

/// Which instantiation of a generic function a call is of.
#[derive(Clone, Copy)]
pub struct Types(Option<fn() -> (TypeId, &'static str)>);

impl Types {
    /// A function that is not generic.
    pub const NONE: Self = Self(None);

    /// Whether it is that of a function that is not generic.
    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.0.is_none()
    }

    /// What tells one instantiation from another.
    #[inline]
    pub(crate) fn id(self) -> TypeId {
        self.0.map_or(TypeId::of::<()>(), |of| of().0)
    }

    /// The names of the types, which go into the key; empty for a function that is not generic.
    pub(crate) fn name(self) -> &'static str {
        self.0.map_or("", |of| of().1)
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Types({})", self.name())
    }
}

/// Names a type without having a value of it. `Send` and `Sync` whatever the type.
pub type Of<T> = PhantomData<fn() -> *const T>;

/// Names a type.
pub const fn of_<T: ?Sized>() -> Of<T> {
    PhantomData
}

/// Names the type of a value.
#[inline]
pub fn of<T: ?Sized>(_: &T) -> Of<T> {
    PhantomData
}

/// The instantiation that a tuple of [`Of`] names.
#[inline]
pub fn types<M>(_: M) -> Types {
    Types(Some(|| (typeid::of::<M>(), std::any::type_name::<M>())))
}

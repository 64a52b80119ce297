//! What a batch gives: a value for each id, or for some of them.

#![allow(missing_docs, reason = "most of it is for the macros only")]

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::value::{
    CacheValue, Carrier, Local, LocalValue, Policy, Portable, Split, Splitter, Unkept, Verdict,
};

/// What a function under `#[memoize(batch)]` returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a batch gives",
    label = "not a map from ids to values",
    note = "return a `HashMap<Id, T>`, a `BTreeMap<Id, T>` or, in the order of the ids, a `Vec<Option<T>>`, \
            or a `Result` with one of them"
)]
pub trait Batched: Sized {
    type Value;
    type Listing: Listing<Value = Self::Value>;

    /// The listing, or what there is instead of one.
    ///
    /// # Errors
    ///
    /// What the body gave, where that is no listing.
    fn open(self) -> Result<Self::Listing, Self>;
    fn close(listing: Self::Listing) -> Self;
}

/// Values by id.
pub trait Listing: Sized {
    type Value;
}

/// A listing for ids of this type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a batch of ids of type `{Id}` gives",
    label = "not a map from `{Id}`",
    note = "the keys of the map are the ids, or what owns them: `String` for `&str`"
)]
pub trait ListingOf<Id>: Listing {
    /// An empty listing for so many ids.
    fn for_ids(count: usize) -> Self;
    /// Puts what is known of an id, the one in this place.
    fn put(&mut self, place: usize, id: &Id, value: Option<Self::Value>);
    /// Takes what is said of an id, the one in this place.
    fn take(&mut self, place: usize, id: &Id) -> Option<Self::Value>;
    /// Says of an id what was said of it in an earlier place.
    fn repeat(&mut self, earlier: usize, place: usize);
}

/// A listing while it is made, by what was found out about its ids: whoever has one need not know how.
pub(crate) struct Answer<L: Listing, Id> {
    listing: L,
    put: fn(&mut L, usize, &Id, Option<L::Value>),
    take: fn(&mut L, usize, &Id) -> Option<L::Value>,
    repeat: fn(&mut L, usize, usize),
}

impl<L: Listing, Id> Answer<L, Id> {
    #[inline]
    pub(crate) fn new(listing: L) -> Self
    where
        L: ListingOf<Id>,
    {
        Self { listing, put: L::put, take: L::take, repeat: L::repeat }
    }

    pub(crate) fn put(&mut self, place: usize, id: &Id, value: Option<L::Value>) {
        (self.put)(&mut self.listing, place, id, value);
    }

    pub(crate) fn repeat(&mut self, earlier: usize, place: usize) {
        (self.repeat)(&mut self.listing, earlier, place);
    }

    /// Takes what another listing says of an id, the one in this place.
    pub(crate) fn take_from(&self, other: &mut L, place: usize, id: &Id) -> Option<L::Value> {
        (self.take)(other, place, id)
    }

    #[inline]
    pub(crate) fn into_listing(self) -> L {
        self.listing
    }
}

/// An id that a map has under a key of type `K`.
#[diagnostic::on_unimplemented(
    message = "an id of type `{Self}` is no key of type `{K}`",
    label = "the ids are of type `{Self}`",
    note = "the keys of the map are the ids, which are `Clone`, or what owns them: `String` for `&str`"
)]
pub trait IdOf<K> {
    fn to_key(&self) -> K;
}

impl<K: Clone> IdOf<K> for K {
    fn to_key(&self) -> K {
        self.clone()
    }
}

macro_rules! owned {
    ($($id:ty: $($key:ty),+;)*) => {$($(
        impl IdOf<$key> for $id {
            fn to_key(&self) -> $key {
                (*self).into()
            }
        }
    )+)*};
}

owned! {
    &str: String, Box<str>, Arc<str>;
    &Path: PathBuf, Box<Path>, Arc<Path>;
}

impl<K: Clone> IdOf<K> for &K {
    fn to_key(&self) -> K {
        (*self).clone()
    }
}

impl<T: Clone> IdOf<Vec<T>> for &[T] {
    fn to_key(&self) -> Vec<T> {
        self.to_vec()
    }
}

macro_rules! maps {
    ($($map:ident<$($p:ident),+> where {$($bounds:tt)*}, $new:expr;)*) => {$(
        impl<$($p),+> Listing for $map<$($p),+> {
            type Value = V;
        }

        impl<$($p),+> Batched for $map<$($p),+> {
            type Value = V;
            type Listing = Self;

            fn open(self) -> Result<Self, Self> {
                Ok(self)
            }
            fn close(listing: Self) -> Self {
                listing
            }
        }

        impl<Id: IdOf<K>, $($p),+> ListingOf<Id> for $map<$($p),+>
        where
            $($bounds)*
        {
            fn for_ids(count: usize) -> Self {
                let new: fn(usize) -> Self = $new;
                new(count)
            }
            #[inline]
            fn put(&mut self, _: usize, id: &Id, value: Option<V>) {
                if let Some(value) = value {
                    self.insert(id.to_key(), value);
                }
            }
            fn take(&mut self, _: usize, id: &Id) -> Option<V> {
                self.remove(&id.to_key())
            }
            /// A key is in a map once.
            fn repeat(&mut self, _: usize, _: usize) {}
        }
    )*};
}

maps! {
    HashMap<K, V, S> where { K: Eq + Hash, S: BuildHasher + Default },
        |count| Self::with_capacity_and_hasher(count, S::default());
    BTreeMap<K, V> where { K: Ord }, |_| Self::new();
}

impl<V> Listing for Vec<Option<V>> {
    type Value = V;
}

impl<V> Batched for Vec<Option<V>> {
    type Value = V;
    type Listing = Self;

    fn open(self) -> Result<Self, Self> {
        Ok(self)
    }
    fn close(listing: Self) -> Self {
        listing
    }
}

/// Values in the order of the ids.
impl<Id, V: Clone> ListingOf<Id> for Vec<Option<V>> {
    fn for_ids(count: usize) -> Self {
        vec![None; count]
    }
    #[inline]
    fn put(&mut self, place: usize, _: &Id, value: Option<V>) {
        if let Some(there) = self.get_mut(place) {
            *there = value;
        }
    }
    fn take(&mut self, place: usize, _: &Id) -> Option<V> {
        self.get_mut(place).and_then(Option::take)
    }
    fn repeat(&mut self, earlier: usize, place: usize) {
        let value = self.get(earlier).cloned().flatten();
        if let Some(there) = self.get_mut(place) {
            *there = value;
        }
    }
}

impl<L: Batched<Listing = L> + Listing<Value = <L as Batched>::Value>, E> Batched for Result<L, E> {
    type Value = <L as Batched>::Value;
    type Listing = L;

    fn open(self) -> Result<L, Self> {
        self.map_err(Err)
    }
    fn close(listing: L) -> Self {
        Ok(listing)
    }
}

/// Listed values are stored as `P` says; that an id is left out is not.
pub struct Listed<P>(PhantomData<fn() -> P>);

/// Listed values are stored as `P` says, and that an id is left out, too.
pub struct ListedOrNot<P>(PhantomData<fn() -> P>);

/// As [`ListedOrNot`], for values that any cache can keep.
pub struct PortableOrNot<P>(PhantomData<fn() -> P>);

/// As [`ListedOrNot`], for values that stay in this process.
pub struct LocalOrNot<P>(PhantomData<fn() -> P>);

/// The policy of one id in a listing whose values have this policy.
#[inline]
pub fn listed<P>(_: P) -> Listed<P> {
    Listed(PhantomData)
}

/// The same, where it is stored that an id is left out.
#[inline]
pub fn listed_or_not<P>(_: P) -> ListedOrNot<P> {
    ListedOrNot(PhantomData)
}

impl<P: Splitter> Splitter for Listed<P> {
    type Ret = Option<P::Ret>;
    type Stored = P::Stored;

    fn split(ret: &Option<P::Ret>) -> Split<P::Stored>
    where
        P::Stored: Clone,
    {
        ret.as_ref().map_or(Split::Share, P::split)
    }
    #[inline]
    fn join(stored: P::Stored) -> Option<P::Ret> {
        Some(P::join(stored))
    }
    fn shared() -> Option<Option<P::Ret>> {
        Some(P::shared())
    }
}

macro_rules! keeping {
    ($bound:ident, $keep:ident, $listed:ident, $or_not:ident, $carrier:expr) => {
        #[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the bounds")]
        impl<P: Splitter> Listed<P>
        where
            P::Stored: $bound,
        {
            #[inline]
            pub fn $keep(self) -> $listed<Self> {
                $listed::NEW
            }
        }

        #[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the bounds")]
        impl<P: Splitter> ListedOrNot<P>
        where
            P::Stored: $bound,
        {
            #[inline]
            pub fn $keep(self) -> $or_not<P> {
                $or_not(PhantomData)
            }
        }

        impl<P: Splitter<Stored: $bound>> Policy for $or_not<P> {
            type Ret = Option<P::Ret>;
            type Stored = Option<P::Stored>;

            fn split(ret: &Self::Ret) -> Split<Self::Stored> {
                match ret.as_ref().map(P::split) {
                    None => Split::Store(None, Verdict::None),
                    Some(Split::Store(value, verdict)) => Split::Store(Some(value), verdict),
                    Some(Split::Share) => Split::Share,
                    Some(Split::Refuse) => Split::Refuse,
                }
            }
            #[inline]
            fn join(stored: Self::Stored) -> Self::Ret {
                stored.map(P::join)
            }
            fn shared() -> Option<Self::Ret> {
                Some(P::shared())
            }
            fn carrier() -> Option<Carrier> {
                $carrier
            }
        }
    };
}

keeping!(CacheValue, portable, Portable, PortableOrNot, Some(Carrier::of::<Option<P::Stored>>()));
keeping!(LocalValue, local, Local, LocalOrNot, None);

/// Last resort, as [`ViaUnkept`](crate::value::ViaUnkept).
pub trait ViaUnlisted: Sized {
    type Value;
    type Stored;

    fn portable(self) -> Unkept<Option<Self::Value>>
    where
        Self::Stored: CacheValue,
    {
        Unkept::NEW
    }
    fn local(self) -> Unkept<Option<Self::Value>>
    where
        Self::Stored: LocalValue,
    {
        Unkept::NEW
    }
}

impl<P: Splitter> ViaUnlisted for ListedOrNot<P> {
    type Value = P::Ret;
    type Stored = P::Stored;
}

macro_rules! debug {
    ($($name:ident),*) => {$(
        impl<P> fmt::Debug for $name<P> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

debug!(Listed, ListedOrNot, PortableOrNot, LocalOrNot);

/// What the body of a batch can be given again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the body of a batch twice",
    label = "not `Clone`",
    note = "the body runs again for what other callers failed to compute: take this argument by reference, \
            or write `#[derive(Clone)]` on the type"
)]
pub trait Again: Sized {
    #[must_use]
    fn again(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Again for T {
    fn again(&self) -> T {
        self.clone()
    }
}

/// An argument for a run of the body, which may be run again.
pub fn again<T: Again>(argument: &T) -> T {
    argument.again()
}

//! What can be cached, and what of a function's result is.

#![allow(missing_docs, reason = "most of it is for the macros only")]

use std::marker::PhantomData;
use std::sync::Arc;

use cachekit_backends::{Result, Timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Codec};
use crate::values::{Lent, Shared, of_store};

/// A value that any cache can keep: `Clone + Send + Sync + 'static` and serde both ways.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a cache",
    label = "not `Clone + Send + Sync + 'static + Serialize + Deserialize`",
    note = "write `#[derive(Clone, serde::Serialize, serde::Deserialize)]` on the type, \
            or keep the values in this process, without serde, by `#[memoize(local)]`"
)]
pub trait CacheValue: Clone + Send + Sync + Serialize + DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static> CacheValue for T {}

/// A value that a `local` cache can keep: `Clone + Send + Sync + 'static`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a cache of this process",
    label = "not `Clone + Send + Sync + 'static`",
    note = "write `#[derive(Clone)]` on the type, or return it behind an `Arc`"
)]
pub trait LocalValue: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> LocalValue for T {}

/// What becomes of a result.
#[derive(Debug)]
pub enum Split<S> {
    /// It is stored, and shared with those who wait.
    Store(S, Verdict),
    /// It is shared with those who wait, but not stored: a `None`.
    Share,
    /// It is the caller's alone: an `Err`.
    Refuse,
}

impl<S: Send + Sync + 'static> Split<S> {
    /// The same, with the value lent and its type forgotten.
    pub(crate) fn lend(&self) -> Split<Lent<'_>> {
        match self {
            Self::Store(value, verdict) => Split::Store(value, *verdict),
            Self::Share => Split::Share,
            Self::Refuse => Split::Refuse,
        }
    }

    /// The same, with the type of the value forgotten.
    pub(crate) fn share(self) -> Split<Shared> {
        match self {
            Self::Store(value, verdict) => Split::Store(Arc::new(value), verdict),
            Self::Share => Split::Share,
            Self::Refuse => Split::Refuse,
        }
    }
}

/// What kind of result is stored, for the lifetimes that differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Plain,
    None,
    Err,
}

/// How a function's result is split into what is stored and put together again.
pub trait Policy {
    type Ret;
    type Stored: Clone + Send + Sync + 'static;

    fn split(ret: &Self::Ret) -> Split<Self::Stored>;
    fn join(stored: Self::Stored) -> Self::Ret;
    /// The result that [`Split::Share`] stands for.
    fn shared() -> Option<Self::Ret> {
        None
    }
    /// How long the result lives, if it says so itself.
    fn timeout(ret: &Self::Ret) -> Option<Timeout> {
        let _ = ret;
        None
    }
    /// How stored values become bytes; `None` for values that stay in this process.
    fn carrier() -> Option<Carrier> {
        None
    }
}

/// How values of one type become bytes and come back.
#[derive(Clone, Copy, Debug)]
pub struct Carrier {
    pub(crate) encode: fn(&dyn Codec, Lent<'_>) -> Result<Vec<u8>>,
    pub(crate) decode: fn(&dyn Codec, &[u8]) -> Result<Shared>,
    /// The value that an integer is, which stores keep as text so that they can count.
    pub(crate) integer: fn(i64) -> Option<Shared>,
}

impl Carrier {
    pub(crate) const fn of<S: CacheValue>() -> Self {
        Self {
            encode: |codec, value| codec::encode(codec, of_store::<S>(value)),
            decode: |codec, bytes| codec::decode::<S>(codec, bytes).map(|value| Arc::new(value) as Shared),
            integer: |integer| codec::from_integer::<S>(integer).map(|value| Arc::new(value) as Shared),
        }
    }
}

/// Chooses the policy of a return type by what it *is*: method lookup prefers these inherent methods to those of
/// [`PlainKind`], and sees through type aliases.
pub struct Kind<R>(PhantomData<fn() -> R>);

impl<R> Kind<R> {
    pub const NEW: Self = Self(PhantomData);
}

impl<R> std::fmt::Debug for Kind<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kind")
    }
}

macro_rules! policies {
    ($($(#[$doc:meta])* $name:ident<$($p:ident),+>;)*) => {$(
        $(#[$doc])*
        pub struct $name<$($p),+>(PhantomData<fn() -> ($($p,)+)>);

        impl<$($p),+> std::fmt::Debug for $name<$($p),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}

policies! {
    /// The whole result is stored.
    Whole<R>;
    /// `Ok` values are stored; an `Err` is not.
    OkOnly<T, E>;
    /// `Ok` and `Err` are stored.
    OkAndErr<T, E>;
    /// `Some` values are stored; a `None` is not.
    SomeOnly<T>;
    /// `Some` and `None` are stored.
    SomeAndNone<T>;
    /// The policy `P`, for values that any cache can keep.
    Portable<P>;
    /// The policy `P`, for values that stay in this process.
    Local<P>;
}

#[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the return type")]
impl<T, E> Kind<Result<T, E>> {
    pub fn plain(self) -> OkOnly<T, E> {
        OkOnly(PhantomData)
    }
    pub fn with_none(self) -> OkOnly<T, E> {
        OkOnly(PhantomData)
    }
    pub fn with_err(self) -> OkAndErr<T, E> {
        OkAndErr(PhantomData)
    }
    pub fn with_both(self) -> OkAndErr<T, E> {
        OkAndErr(PhantomData)
    }
}

#[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the return type")]
impl<T> Kind<Option<T>> {
    pub fn plain(self) -> SomeOnly<T> {
        SomeOnly(PhantomData)
    }
    pub fn with_none(self) -> SomeAndNone<T> {
        SomeAndNone(PhantomData)
    }
    pub fn with_err(self) -> SomeOnly<T> {
        SomeOnly(PhantomData)
    }
    pub fn with_both(self) -> SomeAndNone<T> {
        SomeAndNone(PhantomData)
    }
}

/// The policy of every other return type.
pub trait PlainKind<R>: Sized {
    fn plain(self) -> Whole<R> {
        Whole(PhantomData)
    }
    fn with_none(self) -> Whole<R> {
        Whole(PhantomData)
    }
    fn with_err(self) -> Whole<R> {
        Whole(PhantomData)
    }
    fn with_both(self) -> Whole<R> {
        Whole(PhantomData)
    }
}

impl<R> PlainKind<R> for Kind<R> {}

/// A policy before it is known how its values are kept: the same as [`Policy`] without its bounds.
pub trait Splitter {
    type Ret;
    type Stored;

    fn split(ret: &Self::Ret) -> Split<Self::Stored>
    where
        Self::Stored: Clone;
    fn join(stored: Self::Stored) -> Self::Ret;
    fn shared() -> Option<Self::Ret> {
        None
    }
}

impl<R> Splitter for Whole<R> {
    type Ret = R;
    type Stored = R;

    fn split(ret: &R) -> Split<R>
    where
        R: Clone,
    {
        Split::Store(ret.clone(), Verdict::Plain)
    }
    #[inline]
    fn join(stored: R) -> R {
        stored
    }
}

impl<T, E> Splitter for OkOnly<T, E> {
    type Ret = Result<T, E>;
    type Stored = T;

    fn split(ret: &Result<T, E>) -> Split<T>
    where
        T: Clone,
    {
        match ret {
            Ok(value) => Split::Store(value.clone(), Verdict::Plain),
            Err(_) => Split::Refuse,
        }
    }
    #[inline]
    fn join(stored: T) -> Result<T, E> {
        Ok(stored)
    }
}

impl<T, E> Splitter for OkAndErr<T, E> {
    type Ret = Result<T, E>;
    type Stored = Result<T, E>;

    fn split(ret: &Self::Ret) -> Split<Self::Ret>
    where
        Self::Ret: Clone,
    {
        Split::Store(ret.clone(), if ret.is_ok() { Verdict::Plain } else { Verdict::Err })
    }
    #[inline]
    fn join(stored: Self::Ret) -> Self::Ret {
        stored
    }
}

impl<T> Splitter for SomeOnly<T> {
    type Ret = Option<T>;
    type Stored = T;

    fn split(ret: &Option<T>) -> Split<T>
    where
        T: Clone,
    {
        ret.as_ref().map_or(Split::Share, |value| Split::Store(value.clone(), Verdict::Plain))
    }
    #[inline]
    fn join(stored: T) -> Option<T> {
        Some(stored)
    }
    fn shared() -> Option<Option<T>> {
        Some(None)
    }
}

impl<T> Splitter for SomeAndNone<T> {
    type Ret = Option<T>;
    type Stored = Option<T>;

    fn split(ret: &Option<T>) -> Split<Option<T>>
    where
        Option<T>: Clone,
    {
        Split::Store(ret.clone(), if ret.is_some() { Verdict::Plain } else { Verdict::None })
    }
    #[inline]
    fn join(stored: Option<T>) -> Option<T> {
        stored
    }
}

macro_rules! kept {
    ($name:ident, $bound:ident, $carrier:expr) => {
        impl<P: Splitter<Stored: $bound>> Policy for $name<P> {
            type Ret = P::Ret;
            type Stored = P::Stored;

            fn split(ret: &P::Ret) -> Split<P::Stored> {
                P::split(ret)
            }
            #[inline]
            fn join(stored: P::Stored) -> P::Ret {
                P::join(stored)
            }
            fn shared() -> Option<P::Ret> {
                P::shared()
            }
            fn carrier() -> Option<Carrier> {
                $carrier
            }
        }
    };
}

kept!(Portable, CacheValue, Some(Carrier::of::<P::Stored>()));
kept!(Local, LocalValue, None);

macro_rules! keeping {
    ($($policy:ident<$($p:ident),+>: $stored:ty;)*) => {$(
        #[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the bounds")]
        impl<$($p),+> $policy<$($p),+>
        where
            $stored: CacheValue,
        {
            /// Keeps values where any cache can.
            #[inline]
            pub fn portable(self) -> Portable<Self> {
                Portable(PhantomData)
            }
        }

        #[allow(clippy::unused_self, reason = "methods, so that their lookup dispatches on the bounds")]
        impl<$($p),+> $policy<$($p),+>
        where
            $stored: LocalValue,
        {
            /// Keeps values in this process, whatever the cache.
            #[inline]
            pub fn local(self) -> Local<Self> {
                Local(PhantomData)
            }
        }
    )*};
}

keeping! {
    Whole<R>: R;
    OkOnly<T, E>: T;
    OkAndErr<T, E>: Result<T, E>;
    SomeOnly<T>: T;
    SomeAndNone<T>: Option<T>;
}

impl<P> Portable<P> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<P> Local<P> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

/// Whether two values are the same.
pub type Same<S> = fn(&S, &S) -> bool;

/// How values are compared, for a policy behind two references: as their type says, where method lookup finds that it does.
pub trait ViaEq {
    type Stored;
    fn cachekit_same(&self) -> Option<Same<Self::Stored>>;
}

/// Otherwise by what they are as bytes.
pub trait ViaBytes {
    type Stored;
    fn cachekit_same(&self) -> Option<Same<Self::Stored>> {
        None
    }
}

impl<P: Policy<Stored: PartialEq>> ViaEq for &P {
    type Stored = P::Stored;

    fn cachekit_same(&self) -> Option<Same<P::Stored>> {
        Some(P::Stored::eq)
    }
}

impl<P: Policy> ViaBytes for P {
    type Stored = P::Stored;
}

/// Last resort, which only exists to say what is missing: method lookup prefers the inherent methods, and those that
/// take a policy by value.
pub trait ViaUnkept: Splitter + Sized {
    fn portable(&self) -> Unkept<Self::Ret>
    where
        Self::Stored: CacheValue,
    {
        Unkept(PhantomData)
    }
    fn local(&self) -> Unkept<Self::Ret>
    where
        Self::Stored: LocalValue,
    {
        Unkept(PhantomData)
    }
}

impl<P: Splitter> ViaUnkept for P {}

/// What [`ViaUnkept`] gives: a policy whatever the type, so that nothing but the missing trait is reported.
#[derive(Debug)]
pub struct Unkept<R>(PhantomData<fn() -> R>);

impl<R> Unkept<R> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<R> Policy for Unkept<R> {
    type Ret = R;
    type Stored = ();

    fn split(_: &R) -> Split<()> {
        Split::Refuse
    }
    fn join((): ()) -> R {
        unreachable!("only code that does not compile has this policy")
    }
}

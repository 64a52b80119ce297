//! What a call is keyed by.

#![allow(missing_docs, reason = "most of it is for the macros only")]

pub(crate) mod digest;
mod dispatch;
pub(crate) mod names;
pub(crate) mod tags;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::OwnedKey;

pub use self::dispatch::*;
pub use self::tags::{Tagged, Tags, tagged};

/// What can be part of a cache key: everything that is `Hash`, floats, and what derives `CacheKey`.
///
/// Implementations feed everything that distinguishes one value from another; two values that feed the same stream
/// are the same key. A `Hash` that leaves out what matters makes a wrong key, as it would in a map whose `Eq` agreed.
///
/// ```
/// use cachekit::{CacheKey, memoize};
///
/// #[derive(CacheKey)]
/// struct Point { x: f64, y: f64 }
///
/// #[memoize]
/// fn length(point: &Point) -> f64 { point.x.hypot(point.y) }
///
/// assert_eq!(length(&Point { x: 3.0, y: 4.0 }), 5.0);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "not `Hash` and not `CacheKey`",
    note = "write `#[derive(Hash)]` or `#[derive(cachekit::CacheKey)]` on the type, \
            or leave the argument out of the key with `args_to_ignore = [..]`"
)]
pub trait CacheKey {
    /// Feeds the identity of the value to `state`.
    fn feed<H: Hasher>(&self, state: &mut H);

    /// Feeds the items of a slice whose length was fed. Bytes go in one block.
    #[doc(hidden)]
    #[inline]
    fn feed_items<H: Hasher>(items: &[Self], state: &mut H)
    where
        Self: Sized,
    {
        for item in items {
            item.feed(state);
        }
    }
}

impl CacheKey for u8 {
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        state.write_u8(*self);
    }

    #[inline]
    fn feed_items<H: Hasher>(items: &[u8], state: &mut H) {
        state.write(items);
    }
}

macro_rules! by_hash {
    ($($t:ty),* $(,)?) => {$(
        impl CacheKey for $t {
            #[inline]
            fn feed<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }
        }
    )*};
}

by_hash!(
    (),
    bool,
    char,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    str,
    String,
    Duration,
    std::time::Instant,
    std::time::SystemTime,
    std::path::Path,
    std::path::PathBuf,
    std::ffi::OsStr,
    std::ffi::OsString,
    std::ffi::CStr,
    std::ffi::CString,
    std::net::IpAddr,
    std::net::Ipv4Addr,
    std::net::Ipv6Addr,
    std::net::SocketAddr,
    std::net::SocketAddrV4,
    std::net::SocketAddrV6,
    std::any::TypeId,
    std::thread::ThreadId,
    std::cmp::Ordering,
    std::alloc::Layout,
    std::num::NonZeroU8,
    std::num::NonZeroU16,
    std::num::NonZeroU32,
    std::num::NonZeroU64,
    std::num::NonZeroU128,
    std::num::NonZeroUsize,
    std::num::NonZeroI8,
    std::num::NonZeroI16,
    std::num::NonZeroI32,
    std::num::NonZeroI64,
    std::num::NonZeroI128,
    std::num::NonZeroIsize,
);

impl CacheKey for f32 {
    /// By bits; all NaNs are one key, and `-0.0` is `0.0`.
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        let bits = if self.is_nan() { f32::NAN.to_bits() } else { (self + 0.0).to_bits() };
        state.write_u32(bits);
    }
}

impl CacheKey for f64 {
    /// By bits; all NaNs are one key, and `-0.0` is `0.0`.
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        let bits = if self.is_nan() { f64::NAN.to_bits() } else { (self + 0.0).to_bits() };
        state.write_u64(bits);
    }
}

macro_rules! through {
    ($($t:ty),* $(,)?) => {$(
        impl<T: CacheKey + ?Sized> CacheKey for $t {
            #[inline]
            fn feed<H: Hasher>(&self, state: &mut H) {
                (**self).feed(state);
            }
        }
    )*};
}

through!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: CacheKey + ToOwned + ?Sized> CacheKey for Cow<'_, T> {
    fn feed<H: Hasher>(&self, state: &mut H) {
        (**self).feed(state);
    }
}

impl<T: CacheKey> CacheKey for Option<T> {
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        state.write_u8(u8::from(self.is_some()));
        if let Some(value) = self {
            value.feed(state);
        }
    }
}

impl<T: CacheKey, E: CacheKey> CacheKey for Result<T, E> {
    fn feed<H: Hasher>(&self, state: &mut H) {
        state.write_u8(u8::from(self.is_ok()));
        match self {
            Ok(value) => value.feed(state),
            Err(error) => error.feed(state),
        }
    }
}

fn sequence<'a, T: CacheKey + 'a, H: Hasher>(items: impl ExactSizeIterator<Item = &'a T>, state: &mut H) {
    state.write_usize(items.len());
    items.for_each(|item| item.feed(state));
}

macro_rules! sequences {
    ($($t:ty),* $(,)?) => {$(
        impl<T: CacheKey> CacheKey for $t {
            #[inline]
            fn feed<H: Hasher>(&self, state: &mut H) {
                sequence(self.iter(), state);
            }
        }
    )*};
}

sequences!(VecDeque<T>, LinkedList<T>, BTreeSet<T>);

impl<T: CacheKey> CacheKey for [T] {
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        T::feed_items(self, state);
    }
}

impl<T: CacheKey> CacheKey for Vec<T> {
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        self.as_slice().feed(state);
    }
}

impl<T: CacheKey, const N: usize> CacheKey for [T; N] {
    #[inline]
    fn feed<H: Hasher>(&self, state: &mut H) {
        self.as_slice().feed(state);
    }
}

impl<K: CacheKey, V: CacheKey> CacheKey for BTreeMap<K, V> {
    fn feed<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for (key, value) in self {
            key.feed(state);
            value.feed(state);
        }
    }
}

/// Feeds items whose order means nothing: sorted by their encoded streams.
fn unordered<'a, T: CacheKey + 'a, H: Hasher>(items: impl Iterator<Item = T>, state: &mut H) {
    let mut streams: Vec<OwnedKey> = items.map(|item| OwnedKey::of(&Keyed(&item))).collect();
    streams.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    state.write_usize(streams.len());
    for stream in streams {
        state.write(stream.as_bytes());
    }
}

impl<T: CacheKey, S> CacheKey for HashSet<T, S> {
    fn feed<H: Hasher>(&self, state: &mut H) {
        unordered(self.iter(), state);
    }
}

impl<K: CacheKey, V: CacheKey, S> CacheKey for HashMap<K, V, S> {
    fn feed<H: Hasher>(&self, state: &mut H) {
        unordered(self.iter(), state);
    }
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: CacheKey),+> CacheKey for ($($name,)+) {
            #[allow(non_snake_case, reason = "the fields are named after their types")]
            #[inline]
            fn feed<__H: Hasher>(&self, state: &mut __H) {
                let ($($name,)+) = self;
                $($name.feed(state);)+
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G I);
tuples!(A B C D E F G I J);
tuples!(A B C D E F G I J K);
tuples!(A B C D E F G I J K L);
tuples!(A B C D E F G I J K L M);

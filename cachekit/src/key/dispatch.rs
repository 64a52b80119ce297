//! The forms a call's key takes in an expansion, and the choice between `CacheKey` and `Hash`.

#![allow(missing_docs, reason = "most of it is for the macros only")]

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use cachekit_backends::{KeyStream, OwnedKey};

use super::tags::{Tagged, Tags};

use super::CacheKey;

/// One argument, before it is known by what it is keyed.
#[derive(Debug)]
pub struct Arg<'a, T: ?Sized>(pub &'a T);

/// An argument keyed by [`CacheKey`].
#[derive(Debug)]
pub struct Keyed<'a, T: ?Sized>(pub &'a T);

/// An argument keyed by a copy of it.
#[derive(Debug)]
pub struct Copied<T>(T);

/// What is keyed by a copy: a value of the size of a word.
pub trait Word: Copy + Hash {}

macro_rules! words {
    ($($t:ty)*) => { $(#[diagnostic::do_not_recommend] impl Word for $t {})* };
}

words!(bool char u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// What [`ViaCopy`] gives, for an argument whose type says it by its name.
#[inline]
pub const fn word<T: Word>(argument: T) -> Copied<T> {
    Copied(argument)
}

/// What [`ViaCacheKey`] gives, in the same way.
#[inline]
pub const fn keyed<T: CacheKey + ?Sized>(argument: &T) -> Keyed<'_, T> {
    Keyed(argument)
}

/// An argument keyed by its `Hash`.
#[derive(Debug)]
pub struct Hashed<'a, T: ?Sized>(pub &'a T);

/// First choice of the autoref dispatch (a name that no trait of the user's has) `(&&&&Arg(&x)).cachekit_key()`.
///
/// An argument that stays where it came, in a register, as no part of the key is a reference to it.
pub trait ViaCopy {
    type Key;
    fn cachekit_key(&self) -> Self::Key;
}

/// Second choice.
pub trait ViaCacheKey<'a> {
    type Key;
    fn cachekit_key(&self) -> Self::Key;
}

/// Third choice.
pub trait ViaHash<'a> {
    type Key;
    fn cachekit_key(&self) -> Self::Key;
}

/// Last resort, which only exists to say what is missing.
pub trait ViaNothing {
    type Value: ?Sized;
    fn cachekit_key(&self) -> Unkeyed
    where
        Self::Value: CacheKey;
}

/// What [`ViaNothing`] gives: a stream whatever the type, so that nothing but the missing trait is reported.
#[derive(Debug)]
pub struct Unkeyed;

impl KeyStream for Unkeyed {
    fn feed<H: Hasher>(&self, _: &mut H) {}
}

impl<T: Word> ViaCopy for &&&Arg<'_, T> {
    type Key = Copied<T>;
    #[inline]
    fn cachekit_key(&self) -> Copied<T> {
        Copied(*self.0)
    }
}

impl<'a, T: CacheKey + ?Sized> ViaCacheKey<'a> for &&Arg<'a, T> {
    type Key = Keyed<'a, T>;
    #[inline]
    fn cachekit_key(&self) -> Keyed<'a, T> {
        Keyed(self.0)
    }
}

impl<'a, T: Hash + ?Sized> ViaHash<'a> for &Arg<'a, T> {
    type Key = Hashed<'a, T>;
    #[inline]
    fn cachekit_key(&self) -> Hashed<'a, T> {
        Hashed(self.0)
    }
}

impl<T: ?Sized> ViaNothing for Arg<'_, T> {
    type Value = T;
    fn cachekit_key(&self) -> Unkeyed
    where
        T: CacheKey,
    {
        Unkeyed
    }
}

impl<T: Word> KeyStream for Copied<T> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.hash(sink);
    }
}

impl<T: CacheKey + ?Sized> KeyStream for Keyed<'_, T> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.feed(sink);
    }
}

impl<T: Hash + ?Sized> KeyStream for Hashed<'_, T> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.hash(sink);
    }
}

/// Arguments as nested pairs: `(a, (b, (c, ())))`.
pub trait Feed {
    fn feed<H: Hasher>(&self, sink: &mut H);
}

impl Feed for () {
    #[inline]
    fn feed<H: Hasher>(&self, _: &mut H) {}
}

impl<A: KeyStream, B: Feed> Feed for (A, B) {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.feed(sink);
        self.1.feed(sink);
    }
}

/// The key of one call, as the expansion hands it over.
pub trait CallKey: KeyStream {
    /// The text that is the key itself, where it is not made from arguments.
    fn text(&self) -> Option<&str> {
        None
    }

    /// The identity of the receiver, where it is part of the key.
    fn instance(&self) -> Option<OwnedKey> {
        None
    }

    /// Whether there is a key at all.
    fn exists(&self) -> bool {
        true
    }

    /// What the call can be forgotten by besides.
    fn tags(&self) -> Tags {
        Tags::default()
    }

    /// Whether the call is served what others stored, but stores nothing itself.
    fn reads_only(&self) -> bool {
        false
    }
}

impl<K: CallKey, F: Fn(&mut Tags)> CallKey for Tagged<K, F> {
    fn text(&self) -> Option<&str> {
        self.key.text()
    }

    fn instance(&self) -> Option<OwnedKey> {
        self.key.instance()
    }

    fn exists(&self) -> bool {
        self.key.exists()
    }

    fn reads_only(&self) -> bool {
        self.key.reads_only()
    }

    fn tags(&self) -> Tags {
        let mut tags = Tags::default();
        (self.tags)(&mut tags);
        tags
    }
}

/// The key of a call of a function.
#[derive(Debug)]
pub struct ArgsKey<A>(A);

/// Keys a call by its arguments.
#[inline]
pub fn args<A: Feed>(args: A) -> ArgsKey<A> {
    ArgsKey(args)
}

impl<A: Feed> KeyStream for ArgsKey<A> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.feed(sink);
    }
}

impl<A: Feed> CallKey for ArgsKey<A> {}

/// The key of a call of a method.
#[derive(Debug)]
pub struct MethodKey<R, A>(R, A);

/// Keys a call by its receiver and its arguments.
#[inline]
pub fn method<R: KeyStream, A: Feed>(receiver: R, args: A) -> MethodKey<R, A> {
    MethodKey(receiver, args)
}

impl<R: KeyStream, A: Feed> KeyStream for MethodKey<R, A> {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        self.0.feed(sink);
        self.1.feed(sink);
    }
}

impl<R: KeyStream, A: Feed> CallKey for MethodKey<R, A> {
    fn instance(&self) -> Option<OwnedKey> {
        Some(OwnedKey::of(&self.0))
    }
}

/// A key that is a text, or, without a request, no key.
#[derive(Debug)]
pub struct TextKey {
    pub(crate) text: Option<Cow<'static, str>>,
    pub(crate) reads_only: bool,
}

/// Keys a call by a text, verbatim.
#[inline]
pub fn text(key: impl Into<Cow<'static, str>>) -> TextKey {
    TextKey { text: Some(key.into()), reads_only: false }
}

impl KeyStream for TextKey {
    #[inline]
    fn feed<H: Hasher>(&self, sink: &mut H) {
        sink.write(self.text.as_deref().unwrap_or_default().as_bytes());
    }
}

impl CallKey for TextKey {
    fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    fn exists(&self) -> bool {
        self.text.is_some()
    }

    fn reads_only(&self) -> bool {
        self.reads_only
    }
}

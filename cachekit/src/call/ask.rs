//! What expansions ask of a function, in one short line each: of its [`Site`], or of one call as a [`Question`].
//!
//! A call whose arguments and result say by the names of their types what they are (`u64`, `&str`) is asked of the site
//! directly, by a tuple of the arguments. Every other call is written down once, in a function of the expansion that takes
//! the question and [puts](Question::put) it.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::hash::Hash;

use cachekit_backends::{KeyStream, Result};

use super::forget::{
    Forget, delete_all, delete_instance, delete_one, delete_verhash, delete_verhash_instance,
};
use super::lookup::at_once;
use super::mode::{Entered, Mode, enter, with_mode_async};
use super::peek::{make_key, peek};
use crate::key::CallKey;
use crate::site::{Site, Types};
use crate::value::{CacheValue, Policy, Portable, Whole};

/// What is asked of a call.
pub trait Question {
    /// What there is to say, where the call gives an `R`.
    type Answer<R>;

    /// Asks it.
    fn put<P: Policy, K: CallKey>(
        self,
        site: &'static Site,
        types: Types,
        policy: P,
        key: K,
    ) -> Self::Answer<P::Ret>;
}

/// Which key the call has.
#[derive(Clone, Copy, Debug)]
pub struct Key;

impl Question for Key {
    type Answer<R> = String;

    fn put<P: Policy, K: CallKey>(self, site: &'static Site, types: Types, _: P, key: K) -> String {
        make_key(site, types, key)
    }
}

/// What is cached for it.
#[derive(Clone, Copy, Debug)]
pub struct Cached;

impl Question for Cached {
    type Answer<R> = Option<R>;

    fn put<P: Policy, K: CallKey>(
        self,
        site: &'static Site,
        types: Types,
        policy: P,
        key: K,
    ) -> Option<P::Ret> {
        peek(site, types, policy, key).resolve()
    }
}

/// That it be forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Forgotten;

impl Question for Forgotten {
    type Answer<R> = Forget<bool>;

    fn put<P: Policy, K: CallKey>(
        self,
        site: &'static Site,
        types: Types,
        policy: P,
        key: K,
    ) -> Forget<bool> {
        delete_one(site, types, policy, key)
    }
}

macro_rules! keys {
    ($(($($name:ident)*))*) => {$(
        /// Arguments that are what they are called by.
        impl<$($name: Hash),*> CallKey for ($($name,)*) {}
    )*};
}

keys! {
    () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G I) (A B C D E F G I J)
    (A B C D E F G I J K) (A B C D E F G I J K L) (A B C D E F G I J K L M)
}

/// The policy of a result that is stored as it is.
#[inline]
pub const fn whole<R: CacheValue>() -> Portable<Whole<R>> {
    Portable::NEW
}

/// Calls of a function that is not generic, whose results are stored as they are.
impl Site {
    /// The value of a call: found, or computed by the body.
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn answer<R: CacheValue, K: CallKey>(&'static self, key: K, body: impl FnOnce() -> R) -> R {
        match at_once(self, Types::NONE, whole(), &key, Mode::Normal) {
            Ok(value) => value,
            Err(unclear) => unclear.compute(key, body),
        }
    }

    /// What is cached for a call.
    pub fn peek<R: CacheValue, K: CallKey>(&'static self, key: K) -> Option<R> {
        peek(self, Types::NONE, whole(), key).resolve()
    }

    /// The key of a call.
    pub fn key<K: CallKey>(&'static self, key: K) -> String {
        make_key(self, Types::NONE, key)
    }

    /// Forgets a call.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn delete<R: CacheValue>(&'static self, key: impl CallKey) -> Result<bool> {
        delete_one(self, Types::NONE, whole::<R>(), key).resolve()
    }
}

/// What is asked of the whole function.
impl Site {
    /// While it lives, the next call of the function runs the body and stores nothing.
    #[inline]
    pub fn off(&'static self) -> Entered {
        enter(self, Mode::Bypass)
    }

    /// While it lives, the next call of the function runs the body and stores what it gives.
    #[inline]
    pub fn renew(&'static self) -> Entered {
        enter(self, Mode::Refresh)
    }

    /// Runs a call without the cache.
    pub fn off_async<F: Future>(&'static self, call: F) -> impl Future<Output = F::Output> {
        with_mode_async(self, Mode::Bypass, call)
    }

    /// Runs a call and stores what it gives.
    pub fn renew_async<F: Future>(&'static self, call: F) -> impl Future<Output = F::Output> {
        with_mode_async(self, Mode::Refresh, call)
    }

    /// Forgets every call.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn forget(&'static self) -> Result<()> {
        delete_all(self).resolve()
    }

    /// The async flavour of [`forget`](Self::forget).
    pub fn forget_async(&'static self) -> impl Future<Output = Result<()>> {
        delete_all(self).resolve_async()
    }

    /// Forgets the stamp of the function.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn reset(&'static self) -> Result<()> {
        delete_verhash(self).resolve()
    }

    /// The async flavour of [`reset`](Self::reset).
    pub fn reset_async(&'static self) -> impl Future<Output = Result<()>> {
        delete_verhash(self).resolve_async()
    }

    /// Forgets every call of one instance.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn forget_instance(&'static self, receiver: impl KeyStream) -> Result<()> {
        delete_instance(self, receiver).resolve()
    }

    /// The async flavour of [`forget_instance`](Self::forget_instance).
    pub fn forget_instance_async<R: KeyStream>(
        &'static self,
        receiver: R,
    ) -> impl Future<Output = Result<()>> + use<R> {
        delete_instance(self, receiver).resolve_async()
    }

    /// Forgets the stamp of one instance.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    pub fn reset_instance(&'static self, receiver: impl KeyStream) -> Result<()> {
        delete_verhash_instance(self, receiver).resolve()
    }

    /// The async flavour of [`reset_instance`](Self::reset_instance).
    pub fn reset_instance_async<R: KeyStream>(
        &'static self,
        receiver: R,
    ) -> impl Future<Output = Result<()>> + use<R> {
        delete_verhash_instance(self, receiver).resolve_async()
    }
}

#[cfg(test)]
mod tests {
    use cachekit_backends::{KeyStream, OwnedKey};

    use crate::key::{args, keyed, word};

    /// Entries in a backend are found under keys of either form.
    #[test]
    fn arguments_as_they_are_are_the_same_key() {
        fn same(known: &impl KeyStream, dispatched: &impl KeyStream) {
            assert_eq!(OwnedKey::of(known).as_bytes(), OwnedKey::of(dispatched).as_bytes());
        }
        same(&(), &args(()));
        same(&(1_u64,), &args((word(1_u64), ())));
        same(&(1_u8, "a", 'c', true), &args((word(1_u8), (keyed("a"), (word('c'), (word(true), ()))))));
        same(&(-1_i128, 2_usize), &args((keyed(&-1_i128), (word(2_usize), ()))));
    }
}

//! Flask's operations, typed, each in a sync and an async flavour.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Cache;
use crate::bytes;
use crate::bytes::envelope;
use crate::codec::{self, Codec};
use crate::io::{Flavour, Io, now};
use crate::key::names;

/// What [`Cache::set`] takes: serde both ways, and text and slices in their borrowed form.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in a cache",
    label = "not `Serialize + Deserialize`",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on the type"
)]
pub trait Storable {
    #[doc(hidden)]
    fn encode_with(&self, codec: &dyn Codec) -> Result<Vec<u8>>;
    #[doc(hidden)]
    fn integer(&self) -> Option<i64>;
    #[doc(hidden)]
    fn shape() -> u64;
}

impl<T: Serialize + DeserializeOwned> Storable for T {
    fn encode_with(&self, codec: &dyn Codec) -> Result<Vec<u8>> {
        codec::encode(codec, self)
    }
    fn integer(&self) -> Option<i64> {
        codec::integer_of(self)
    }
    fn shape() -> u64 {
        envelope::shape_of::<T>()
    }
}

impl Storable for str {
    fn encode_with(&self, codec: &dyn Codec) -> Result<Vec<u8>> {
        codec::encode(codec, &self.to_owned())
    }
    fn integer(&self) -> Option<i64> {
        None
    }
    fn shape() -> u64 {
        envelope::shape_of::<str>()
    }
}

impl<T: Clone + Serialize + DeserializeOwned> Storable for [T] {
    fn encode_with(&self, codec: &dyn Codec) -> Result<Vec<u8>> {
        codec::encode(codec, &self.to_vec())
    }
    fn integer(&self) -> Option<i64> {
        None
    }
    fn shape() -> u64 {
        envelope::shape_of::<[T]>()
    }
}

/// What [`Cache::get`] gives: whatever serde can make.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a cache",
    label = "not `Deserialize + 'static`",
    note = "write `#[derive(serde::Deserialize)]` on the type"
)]
pub trait Loadable: DeserializeOwned + 'static {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + 'static> Loadable for T {}

/// Defines the public operations: each a blocking and an async face of one implementation.
macro_rules! operations {
    ($(
        $(#[$doc:meta])*
        $name:ident / $twin:ident $(<$t:ident: $bound:path $(, ?$sized:ident)?>)? ($($arg:ident: $ty:ty),*) -> $out:ty = $implementation:ident;
    )*) => {
        impl Cache {$(
            $(#[$doc])*
            pub fn $name $(<$t: $bound $(+ ?$sized)?>)? (&self, $($arg: $ty),*) -> Result<$out> {
                now(self.$implementation(Flavour::Blocking, $($arg),*))
            }

            #[doc = concat!("The async flavour of [`", stringify!($name), "`](Self::", stringify!($name), ").")]
            ///
            /// # Errors
            ///
            /// As the sync flavour.
            pub async fn $twin $(<$t: $bound $(+ ?$sized)?>)? (&self, $($arg: $ty),*) -> Result<$out> {
                self.$implementation(Flavour::Async, $($arg),*).await
            }
        )*}
    };
}

operations! {
    /// The value under the key; `None` if there is none, it expired, or it is of another type.
    ///
    /// Finds also what a memoized function stored, by the key that its `make_cache_key` gives.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    get / get_async<T: Loadable>(key: &str) -> Option<T> = do_get;

    /// The values under the keys, in their order.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    get_many / get_many_async<T: Loadable>(keys: &[&str]) -> Vec<Option<T>> = do_get_many;

    /// The values under the keys, by key; a key without a value has `None`.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    get_dict / get_dict_async<T: Loadable>(keys: &[&str]) -> HashMap<String, Option<T>> = do_get_dict;

    /// Stores a value, replacing what is there. The timeout is in seconds or a `Duration`; `0` never expires,
    /// [`Timeout::Default`] is the cache's.
    ///
    /// # Errors
    ///
    /// When the backend fails or the codec cannot carry the value.
    set / set_async<V: Storable, ?Sized>(key: &str, value: &V, timeout: impl Into<Timeout>) -> () = do_set;

    /// Stores several (owned) values; returns the keys that are stored now, in their order.
    ///
    /// # Errors
    ///
    /// When the backend fails altogether or the codec cannot carry a value.
    set_many / set_many_async<V: Storable>(items: &[(&str, V)], timeout: impl Into<Timeout>) -> Vec<String> = do_set_many;

    /// Stores a value unless there is one; says whether it did. An expired value is none.
    ///
    /// # Errors
    ///
    /// When the backend fails or the codec cannot carry the value.
    add / add_async<V: Storable, ?Sized>(key: &str, value: &V, timeout: impl Into<Timeout>) -> bool = do_add;

    /// Removes the value; says whether there was one.
    ///
    /// # Errors
    ///
    /// When the backend fails: the value may still be there then.
    delete / delete_async(key: &str) -> bool = do_delete;

    /// Removes the values; returns the keys under which there is none now, in their order.
    ///
    /// # Errors
    ///
    /// When the backend fails; it has tried all keys then.
    delete_many / delete_many_async(keys: &[&str]) -> Vec<String> = do_delete_many;

    /// Whether there is a value.
    ///
    /// # Errors
    ///
    /// When the backend fails.
    has / has_async(key: &str) -> bool = do_has;

    /// Removes everything of this cache: what begins with its key prefix, and the values of memoized functions.
    ///
    /// # Errors
    ///
    /// When the backend fails; some of it may be gone then.
    clear / clear_async() -> () = do_clear;

    /// Adds to an integer, which keeps its lifetime; a missing one starts at 0 with the default timeout. Returns the
    /// new value.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Type`] if the value is no integer or the sum does not fit 64 bits; [`ErrorKind::Unsupported`] in a
    /// sealed cache, whose integers the backend cannot change; otherwise when the backend fails.
    inc / inc_async(key: &str, delta: i64) -> i64 = do_inc;

    /// Subtracts from an integer, as [`inc`](Self::inc) adds.
    ///
    /// # Errors
    ///
    /// As [`inc`](Self::inc).
    dec / dec_async(key: &str, delta: i64) -> i64 = do_dec;
}

impl Cache {
    /// Removes what a `#[cached]` function stored under a key (`"view//index"`, `"MyCachedList"`); says whether there
    /// was something. The same as [`delete`](Self::delete), under Flask's name.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub fn delete_cached(&self, key: &str) -> Result<bool> {
        self.delete(key)
    }

    /// The async flavour of [`delete_cached`](Self::delete_cached).
    ///
    /// # Errors
    ///
    /// As the sync flavour.
    pub async fn delete_cached_async(&self, key: &str) -> Result<bool> {
        self.delete_async(key).await
    }

    pub(super) fn io(&self, flavour: Flavour) -> Io<'_> {
        Io::new(&*self.core.backend, flavour)
    }

    async fn do_get<T: Loadable>(&self, flavour: Flavour, key: &str) -> Result<Option<T>> {
        Ok(self.do_get_many(flavour, &[key]).await?.pop().flatten())
    }

    async fn do_get_many<T: Loadable>(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<Option<T>>> {
        // Before they are read: what is carried out meanwhile does not make old what was read.
        let hidden: Vec<bool> = keys.iter().map(|key| self.hides(key)).collect();
        let names = self.names(keys);
        let found = self.io(flavour).get_many(&refs(&names)).await?;
        let mut values = Vec::with_capacity(keys.len());
        for ((key, bytes), hidden) in keys.iter().zip(found).zip(hidden) {
            if hidden {
                values.push(None);
                continue;
            }
            let value = match (self.stores.get(&self.core, key), bytes) {
                (Some(typed), _) => Some(typed),
                (None, Some(bytes)) => self.value(flavour, key, &bytes).await?,
                (None, None) => None,
            };
            values.push(value);
        }
        Ok(values)
    }

    async fn do_get_dict<T: Loadable>(
        &self,
        flavour: Flavour,
        keys: &[&str],
    ) -> Result<HashMap<String, Option<T>>> {
        let values = self.do_get_many(flavour, keys).await?;
        Ok(keys.iter().map(|key| (*key).to_owned()).zip(values).collect())
    }

    async fn do_set<V: Storable + ?Sized>(
        &self,
        flavour: Flavour,
        key: &str,
        value: &V,
        timeout: impl Into<Timeout>,
    ) -> Result<()> {
        let (timeout, begun) = (timeout.into(), self.begin());
        let bytes = self.bytes(flavour, key, value, timeout).await?;
        self.unseat(key);
        let name = self.name(key);
        let stored = self.io(flavour).set_many(&[(&name, &bytes)], self.lifetime(timeout)).await?;
        // Who began since may have read what was there before.
        self.unseat(key);
        if stored == [true] {
            self.replaced(key, begun);
            return Ok(());
        }
        Err(Error::new(ErrorKind::Backend, "expected the backend to take the value").with_context("key", key))
    }

    async fn do_set_many<V: Storable>(
        &self,
        flavour: Flavour,
        items: &[(&str, V)],
        timeout: impl Into<Timeout>,
    ) -> Result<Vec<String>> {
        let (timeout, begun) = (timeout.into(), self.begin());
        let mut bytes = Vec::with_capacity(items.len());
        for (key, value) in items {
            bytes.push(self.bytes(flavour, key, value, timeout).await?);
        }
        let names = items.iter().map(|(key, _)| self.name(key)).collect::<Vec<_>>();
        for (key, _) in items {
            self.unseat(key);
        }
        let pairs: Vec<(&str, &[u8])> =
            names.iter().zip(&bytes).map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let stored = self.io(flavour).set_many(&pairs, self.lifetime(timeout)).await?;
        for (key, _) in items {
            self.unseat(key);
        }
        Ok(items
            .iter()
            .zip(stored)
            .filter(|(_, stored)| *stored)
            .map(|((key, _), _)| {
                self.replaced(key, begun);
                (*key).to_owned()
            })
            .collect())
    }

    async fn do_add<V: Storable + ?Sized>(
        &self,
        flavour: Flavour,
        key: &str,
        value: &V,
        timeout: impl Into<Timeout>,
    ) -> Result<bool> {
        self.settle(flavour, key).await?;
        if self.stores.has(&self.core, key) {
            return Ok(false);
        }
        let timeout = timeout.into();
        let bytes = self.bytes(flavour, key, value, timeout).await?;
        let (io, name, lifetime) = (self.io(flavour), self.name(key), self.lifetime(timeout));
        if io.add(&name, &bytes, lifetime).await? {
            self.note_seed(key);
            self.stores.forget_near_text(&self.core, key);
            return Ok(true);
        }
        // What forgot a call may be in the way; it is no value.
        match io.get_many(&[&name]).await?.pop().flatten() {
            Some(found) if !self.core.form.may_be_value(&found, &name) => {
                if self.core.capability.compare_and_set {
                    io.compare_and_set(&name, Some(bytes::Mark::of(&found).seen()), &bytes, lifetime).await
                } else {
                    Ok(io.set_many(&[(&name, &bytes)], lifetime).await? == [true])
                }
            }
            _ => Ok(false),
        }
    }

    async fn do_delete(&self, flavour: Flavour, key: &str) -> Result<bool> {
        Ok(self.invalidate(flavour, &[key]).await? == [true])
    }

    async fn do_delete_many(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<String>> {
        self.invalidate(flavour, keys).await?;
        Ok(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    /// Removes what is under the keys: first from this process, so that what is being computed here is not stored any
    /// more, then from the backend. Where another process may be computing it, what is left forbids it to store.
    pub(crate) async fn forget(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let typed: Vec<bool> = keys.iter().map(|key| self.stores.delete(&self.core, key, None)).collect();
        let (io, names) = (self.io(flavour), self.names(keys));
        let (capability, share_keys) = (self.core.capability, self.stores.share_keys());
        let mut plain = Vec::new();
        let mut deleted = vec![false; keys.len()];
        for (index, key) in keys.iter().enumerate() {
            let computed = share_keys || names::is_of_call(key);
            if computed && capability.compare_and_set && !capability.in_process {
                deleted[index] = bytes::forget(&names[index], io, true).await?;
            } else {
                plain.push(index);
            }
        }
        let plain_names: Vec<&str> = plain.iter().map(|index| names[*index].as_str()).collect();
        if !plain_names.is_empty() {
            for (index, was_there) in plain.into_iter().zip(io.delete_many(&plain_names).await?) {
                deleted[index] = was_there;
            }
        }
        // Who began since may have read what was there before.
        for key in keys {
            self.stores.delete(&self.core, key, None);
        }
        Ok(typed.into_iter().zip(deleted).map(|(typed, deleted)| typed || deleted).collect())
    }

    async fn do_has(&self, flavour: Flavour, key: &str) -> Result<bool> {
        if self.hides(key) {
            return Ok(false);
        }
        if self.stores.has(&self.core, key) {
            return Ok(true);
        }
        let name = self.name(key);
        let found = self.io(flavour).get_many(&[&name]).await?.pop().flatten();
        Ok(found.is_some_and(|bytes| self.core.form.may_be_value(&bytes, &name)))
    }

    async fn do_inc(&self, flavour: Flavour, key: &str, delta: i64) -> Result<i64> {
        if self.core.form.is_sealed() {
            let message = "a sealed cache cannot count, because its backend cannot seal; count in a cache without a seal";
            return Err(Error::new(ErrorKind::Unsupported, message).with_context("key", key));
        }
        self.settle(flavour, key).await?;
        if self.stores.has(&self.core, key) {
            return Err(Error::new(ErrorKind::Type, "expected a counter, found what a function stored")
                .with_context("key", key));
        }
        let (io, name, lifetime) = (self.io(flavour), self.name(key), self.lifetime(Timeout::Default));
        let first = io.increment(&name, delta, lifetime).await;
        if !first.as_ref().is_err_and(|error| error.kind() == ErrorKind::Type) {
            return first;
        }
        // What forgot a call may be in the way; it is no value.
        match io.read_many(&[&name]).await?.pop().flatten() {
            Some(read) if envelope::is_tombstone(&read.value, &name) => {
                let (mark, start) = (bytes::Mark::of_read(&read), delta.to_string());
                let is_ours =
                    io.compare_and_set(&name, Some(mark.seen()), start.as_bytes(), lifetime).await?;
                if is_ours { Ok(delta) } else { io.increment(&name, delta, lifetime).await }
            }
            _ => first,
        }
    }

    async fn do_dec(&self, flavour: Flavour, key: &str, delta: i64) -> Result<i64> {
        let delta = delta.checked_neg().ok_or_else(|| {
            Error::new(ErrorKind::Type, "expected a delta whose negation fits 64 bits")
                .with_context("key", key)
        })?;
        self.do_inc(flavour, key, delta).await
    }

    /// Takes a key away from the functions of this process: a user is about to write it, and a key is in one place.
    fn unseat(&self, key: &str) {
        self.stores.delete(&self.core, key, None);
        self.note_seed(key);
    }

    fn note_seed(&self, key: &str) {
        if names::is_of_call(key) {
            self.core.seeded.store(true, Ordering::Release);
        }
    }

    pub(super) fn name(&self, key: &str) -> String {
        self.core.backend_key(&names::fit_text(key))
    }

    fn names(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| self.name(key)).collect()
    }

    pub(super) fn lifetime(&self, timeout: Timeout) -> Option<std::time::Duration> {
        timeout.or_default(self.core.default_timeout, &self.core.clock)
    }
}

pub(super) fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

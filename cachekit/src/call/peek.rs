//! What is cached for a call, and under which key, without computing anything.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;

use cachekit_backends::OwnedKey;

use super::lookup::{Call, resolve_store};
use super::mode::Mode;
use crate::bytes::{self, Names};
use crate::io::{Flavour, Io, now};
use crate::key::CallKey;
use crate::key::names;
use crate::registry;
use crate::site::{Site, Types};
use crate::value::Policy;

/// What is cached for a call, asked for without computing anything.
pub struct Peek<P: Policy> {
    call: Option<Call<P>>,
}

/// Asks what is cached for a call.
pub fn peek<P: Policy, K: CallKey>(site: &'static Site, types: Types, policy: P, key: K) -> Peek<P> {
    let _ = policy;
    let call = key.exists().then(|| resolve_store::<P>(site, types)).flatten().map(|store| Call {
        store,
        key: OwnedKey::of(&key),
        instance: key.instance(),
        text: key.text().map(str::to_owned),
        mode: Mode::Normal,
    });
    Peek { call }
}

impl<P: Policy> Peek<P> {
    /// What is cached.
    pub fn resolve(self) -> Option<P::Ret> {
        now(self.look(Flavour::Blocking))
    }

    /// The async flavour of [`resolve`](Self::resolve).
    pub async fn resolve_async(self) -> Option<P::Ret> {
        self.look(Flavour::Async).await
    }

    async fn look(self, flavour: Flavour) -> Option<P::Ret> {
        let call = self.call?;
        let found = call.look_in_table(flavour).await;
        if found.is_some() || call.store.table().is_some() {
            return found.map(P::join);
        }
        let names = Names::new(&call.store, &call.key, &call.key_text(), call.instance.as_ref());
        let io = Io::new(&*call.store.core.backend, flavour);
        match bytes::peek(&call.store, &names, io, P::carrier()?).await {
            Ok(found) => found.map(P::join),
            Err(error) => {
                call.store.site.failed(None, &error);
                None
            }
        }
    }
}

/// The key of a call, as [`Cache::get`](crate::Cache::get) takes it.
pub fn make_key<K: CallKey>(site: &'static Site, types: Types, key: K) -> String {
    if let Some(text) = key.text() {
        return text.to_owned();
    }
    if !key.exists() {
        return String::new();
    }
    // Without its cache the function is never cached; the default one names the key then.
    let cache = site.cache().unwrap_or_else(|_| registry::current());
    names::text(&cache.core, site, types, &OwnedKey::of(&key))
}

impl<P: Policy> fmt::Debug for Peek<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peek")
    }
}

//! What is cached for a call, and under which key, without computing anything.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;

use cachekit_backends::{OwnedKey, State};

use super::lookup::resolve_store;
use super::mode::{Leave, Mode};
use super::one::Call;
use crate::io::{Flavour, now};
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
    let reads = key.exists() && Leave::now().reads;
    let store = reads.then(|| resolve_store::<P>(site, types)).flatten();
    let call = store.map(|store| Call { reads_only: true, ..Call::new(store, &key, Mode::Normal) });
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
        let found = call.look(flavour).await?;
        // What is only better than an error is for those who met one.
        let is_served = found.age.is_none_or(|age| age.state() != State::Grace);
        is_served.then(|| call.taken(found.value))
    }
}

/// The key of a call, as [`Cache::get`](crate::Cache::get) takes it.
pub(super) fn make_key<K: CallKey>(site: &'static Site, types: Types, key: K) -> String {
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

//! What is cached for a call, and under which key, without computing anything.

#![allow(clippy::needless_pass_by_value, reason = "expansions hand over what they made for the call")]

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use cachekit_backends::OwnedKey;

use super::mode::{Leave, Mode};
use super::one::{Call, Identity};
use super::seek::resolve_store;
use crate::io::{Flavour, now};
use crate::key::CallKey;
use crate::key::names;
use crate::registry;
use crate::site::{Site, Types};
use crate::store::served;
use crate::value::Policy;
use crate::values::{Shared, Values, typed};

/// What is cached for a call, asked for without computing anything.
pub struct Peek<P: Policy> {
    call: Option<Call>,
    policy: PhantomData<fn() -> P>,
}

/// Asks what is cached for a call.
pub fn peek<P: Policy, K: CallKey>(site: &'static Site, types: Types, policy: P, key: K) -> Peek<P> {
    let _ = policy;
    let reads = key.exists() && Leave::now().reads;
    let store = reads.then(|| resolve_store(site, types, Values::of::<P>())).flatten();
    let call = store
        .map(|store| Call { reads_only: true, ..Call::new(store, Identity::of(site, &key), Mode::Normal) });
    Peek { call, policy: PhantomData }
}

impl<P: Policy> Peek<P> {
    /// What is cached.
    pub fn resolve(self) -> Option<P::Ret> {
        self.call?.peek().map(|value| P::join(typed(value)))
    }

    /// The async flavour of [`resolve`](Self::resolve).
    pub async fn resolve_async(self) -> Option<P::Ret> {
        self.call?.peek_async().await.map(|value| P::join(typed(value)))
    }
}

impl Call {
    fn peek(self) -> Option<Shared> {
        now(self.look_for_peek(Flavour::Blocking))
    }

    /// Boxed, so that its future is compiled here, once.
    fn peek_async(self) -> Pin<Box<dyn Future<Output = Option<Shared>> + Send>> {
        Box::pin(self.look_for_peek(Flavour::Async))
    }

    async fn look_for_peek(self, flavour: Flavour) -> Option<Shared> {
        let value = served(self.look(flavour).await?)?;
        Some(self.taken(value))
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

//! What the expansions of the macros call. Not for anybody else: it changes whenever they do.

#![allow(missing_docs, reason = "only the macros of the same version use it")]

use std::borrow::Cow;

pub use ::core;
pub use ::std;

pub use cachekit_backends::{Error, KeyStream, Timeout};

pub use crate::call::{
    Forget, Lookup, Miss, Mode, Peek, Pending, accept, delete_all, delete_instance, delete_one,
    delete_verhash, delete_verhash_instance, lookup, make_key, peek, with_mode, with_mode_async,
};
pub use crate::key::digest::HashMethod;
pub use crate::key::{
    Arg, ArgsKey, CacheKey, CallKey, Copied, Feed, Hashed, Keyed, MethodKey, TextKey, Unkeyed, ViaCacheKey,
    ViaHash, ViaNothing, args, method, text,
};
pub use crate::site::stats::SiteStats;
pub use crate::site::{Of, Site, Types, of, of_, type_name, types};
pub use crate::value::{
    CacheValue, Carrier, Kind, Local, LocalValue, OkAndErr, OkOnly, PlainKind, Policy, Portable, SomeAndNone,
    SomeOnly, Split, Splitter, Unkept, Verdict, ViaUnkept, Whole,
};

/// The traits that method lookup falls back to, without names: a glob of them hides nothing of the user's.
pub mod dispatch {
    pub use crate::key::{ViaCacheKey as _, ViaCopy as _, ViaHash as _, ViaNothing as _};
    pub use crate::value::{PlainKind as _, ViaUnkept as _};
}

/// Digests for the keys of calls, by name.
pub mod hash {
    pub use crate::key::digest::*;
}

/// The key of a `#[cached]` call: the prefix, with what the request adds to it.
pub fn cached_key(site: &'static Site, prefix: impl Into<Cow<'static, str>>) -> TextKey {
    // A site without its cache never asks for the text.
    let core = site.cache().ok().map(|cache| cache.core);
    let digest = |parts: &[&[u8]]| {
        let method = site.options.hash_method.or_else(|| core.as_ref().map(|core| core.hash_method));
        method.unwrap_or(crate::key::digest::md5)(parts)
    };
    let text = crate::request::key_text(prefix.into(), site.options.query_string, digest);
    let checked = site.options.source_check.or_else(|| core.as_ref().map(|core| core.source_check));
    crate::key::names::with_source(site, TextKey(text), checked.unwrap_or(false))
}

/// Says that a condition is a `bool`, whatever the user wrote.
#[inline]
pub const fn truth(condition: bool) -> bool {
    condition
}

/// Calls a hook with what the user's closure takes, through a bound that tells it the types.
#[inline]
pub fn call<R: ?Sized, T>(value: &R, hook: impl FnOnce(&R) -> T) -> T {
    hook(value)
}

/// Asks a hook about a value.
#[inline]
pub fn ask<R: ?Sized>(value: &R, hook: impl FnOnce(&R) -> bool) -> bool {
    hook(value)
}

/// Asks a hook for the lifetime of a value.
#[inline]
pub fn lifetime<R: ?Sized, T: Into<Timeout>>(value: &R, hook: impl FnOnce(&R) -> T) -> Timeout {
    hook(value).into()
}

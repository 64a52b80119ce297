//! What the expansions of the macros call. Not for anybody else: it changes whenever they do.

#![allow(missing_docs, reason = "only the macros of the same version use it")]

use std::borrow::Cow;

pub use cachekit_backends::{Error, KeyStream, Result, Timeout};

pub use crate::call::{
    Batch, Cached, Entered, Forget, Forgotten, Keep, Key, Lookup, Miss, Mode, OnceMore, Own, Peek, Pending,
    Question, TimedOut, Unclear, accept, answer, at_once, batch, cold, delete_one, keep, lend, lookup,
    never_late, once_more, own, peek, timed_out, whole,
};
pub use crate::key::digest::HashMethod;
pub use crate::key::{
    Arg, ArgsKey, CacheKey, CallKey, Copied, Feed, Hashed, Keyed, MethodKey, Tagged, Tags, TextKey, Unkeyed,
    ViaCacheKey, ViaHash, ViaNothing, args, keyed, method, tagged, text, word,
};
pub use crate::listing::{
    Again, Batched, IdOf, Listed, ListedOrNot, Listing, ListingOf, LocalOrNot, PortableOrNot, ViaUnlisted,
    again, listed, listed_or_not,
};
pub use crate::request::{Piece, RequestContext, Vary, Within, within};
pub use crate::site::stats::SiteStats;
pub use crate::site::{Of, Site, Types, of, of_, types};
pub use crate::value::{
    CacheValue, Carrier, Kind, Local, LocalValue, OkAndErr, OkOnly, PlainKind, Policy, Portable, Same,
    SomeAndNone, SomeOnly, Split, Splitter, Unkept, Verdict, ViaUnkept, Whole,
};
pub use crate::view::{Formed, ViaView};
pub use cachekit_macros::delete_cached_of;

/// The traits that method lookup falls back to, without names: a glob of them hides nothing of the user's.
pub mod dispatch {
    pub use crate::key::{ViaCacheKey as _, ViaCopy as _, ViaHash as _, ViaNothing as _};
    pub use crate::listing::ViaUnlisted as _;
    pub use crate::request::{ViaFuture as _, ViaValue as _};
    pub use crate::value::{PlainKind as _, ViaBytes as _, ViaEq as _, ViaUnkept as _};
    pub use crate::view::ViaView as _;
}

/// Digests for the keys of calls, by name.
pub mod hash {
    pub use crate::key::digest::*;
}

/// A text of the template of a key, as it is.
pub fn piece(text: impl Into<Cow<'static, str>>) -> Piece {
    Piece::Text(text.into())
}

/// The key of a `#[cached]` call: the template filled in, and what else the value varies by.
pub fn cached_key(site: &'static Site, template: &mut [Piece], vary: &[Vary]) -> TextKey {
    // A site without its cache never asks for the text.
    let core = site.cache().ok().map(|cache| cache.core);
    let digest = |parts: &[&[u8]]| {
        let method = site.options.hash_method.or_else(|| core.as_ref().map(|core| core.hash_method));
        method.unwrap_or(crate::key::digest::md5)(parts)
    };
    let key = match crate::request::key_text(template, site.options.query_string, vary, digest) {
        Some((text, reads_only)) => TextKey { text: Some(text), reads_only },
        None => TextKey { text: None, reads_only: false },
    };
    let checked = site.options.source_check.or_else(|| core.as_ref().map(|core| core.source_check));
    crate::key::names::with_source(site, key, checked.unwrap_or(false))
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

/// A result that may be an error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error that `fail_safe_if` could be asked about",
    label = "not a `Result`",
    note = "return a `Result`, or leave `fail_safe_if` out"
)]
pub trait Fails<E> {
    fn error(&self) -> Option<&E>;
}

impl<T, E> Fails<E> for Result<T, E> {
    fn error(&self) -> Option<&E> {
        self.as_ref().err()
    }
}

/// The error in a result, if it is one.
pub fn error_of<R: Fails<E>, E>(value: &R) -> Option<&E> {
    value.error()
}

/// Asks a hook for the tags of a value.
#[inline]
pub fn tags<R: ?Sized, T: IntoIterator<Item: Into<String>>>(value: &R, hook: impl FnOnce(&R) -> T) -> T {
    hook(value)
}

/// Adds them to those of a call.
pub fn tag_all<T: IntoIterator<Item: Into<String>>>(all: &mut Tags, tags: T) {
    tags.into_iter().for_each(|tag| all.push(tag));
}

/// Asks a hook for the lifetime of a value.
#[inline]
pub fn lifetime<R: ?Sized, T: Into<Timeout>>(value: &R, hook: impl FnOnce(&R) -> T) -> Timeout {
    hook(value).into()
}

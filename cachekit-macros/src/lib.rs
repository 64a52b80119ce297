//! The attribute macros of cachekit; use them through that crate, which documents them.
//!
//! Every macro goes the same way: `attr` reads the options, `model` joins them with the signature, `check` collects
//! every mistake at its own token, `expand` writes the code (and decides nothing), `fallback` re-emits what the user
//! wrote when there was a mistake.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    reason = "documented where cachekit re-exports them: a line here would stand below that"
)]

mod attr;
mod batch;
mod check;
mod delete;
mod delete_cached;
mod derive;
mod diag;
mod expand;
mod fallback;
mod methods;
mod model;
mod pipeline;
mod signature;
#[cfg(test)]
mod tests;
mod tokens;
mod types;

use proc_macro::TokenStream;

#[proc_macro_attribute]
pub fn memoize(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::function(attr::Kind::Memoize, options.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::function(attr::Kind::Cached, options.into(), &item.into()).into()
}

#[proc_macro_attribute]
pub fn methods(options: TokenStream, item: TokenStream) -> TokenStream {
    methods::expand(options.into(), &item.into()).into()
}

#[proc_macro]
pub fn delete_memoized(input: TokenStream) -> TokenStream {
    delete::memoized(input.into()).into()
}

#[proc_macro]
pub fn delete_cached_of(input: TokenStream) -> TokenStream {
    delete_cached::expand(input.into()).into()
}

#[proc_macro]
pub fn delete_memoized_verhash(input: TokenStream) -> TokenStream {
    delete::verhash(input.into()).into()
}

#[proc_macro_derive(CacheKey, attributes(cache_key))]
pub fn derive_cache_key(input: TokenStream) -> TokenStream {
    derive::expand(input.into()).into()
}

//! The attribute macros of [cachekit](https://docs.rs/cachekit); use them through that crate, which documents them.
//!
//! Every macro goes the same way: `attr` reads the options, `model` joins them with the signature, `check` collects
//! every mistake at its own token, `expand` writes the code (and decides nothing), `fallback` re-emits what the user
//! wrote when there was a mistake.

#![forbid(unsafe_code)]

mod attr;
mod check;
mod delete;
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

use proc_macro::TokenStream;

/// Caches a function by its arguments.
#[proc_macro_attribute]
pub fn memoize(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::function(attr::Kind::Memoize, options.into(), &item.into()).into()
}

/// Caches a function by the request's path, or by a name.
#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    pipeline::function(attr::Kind::Cached, options.into(), &item.into()).into()
}

/// Gives the memoized functions of an impl block what only the block knows: its generics and its trait.
#[proc_macro_attribute]
pub fn methods(options: TokenStream, item: TokenStream) -> TokenStream {
    methods::expand(options.into(), &item.into()).into()
}

/// Forgets what a memoized function has cached: everything, one instance, or one call.
#[proc_macro]
pub fn delete_memoized(input: TokenStream) -> TokenStream {
    delete::memoized(input.into()).into()
}

/// Resets the version hash of a memoized function, or of one instance.
#[proc_macro]
pub fn delete_memoized_verhash(input: TokenStream) -> TokenStream {
    delete::verhash(input.into()).into()
}

/// Makes a type an argument that can be part of a key, field by field.
#[proc_macro_derive(CacheKey, attributes(cache_key))]
pub fn derive_cache_key(input: TokenStream) -> TokenStream {
    derive::expand(input.into()).into()
}

//! Attributes and documentation: what the function keeps, what its companions get.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Token};

use crate::attr::{Kind, Lifetime};
use crate::model::{Home, Model};

/// The function's own attributes, and a section on caching if it is documented.
pub(super) fn own(model: &Model) -> TokenStream {
    let attrs = &model.function.attrs;
    let section = attrs.iter().any(|attr| attr.path().is_ident("doc")).then(|| {
        let text = caching_section(model);
        quote!(#[doc = #text])
    });
    quote!(#(#attrs)* #section)
}

fn caching_section(model: &Model) -> String {
    let by = match model.options.kind {
        Kind::Memoize if model.batch.is_some() => "id by id",
        Kind::Memoize if model.options.make_cache_key.is_some() => "by a key of its own",
        Kind::Memoize => "by the arguments",
        Kind::Cached => "by the request or a name",
    };
    let lifetime = match &model.options.timeout {
        Some(Lifetime::After(duration)) => format!(", for {duration:?}"),
        Some(Lifetime::Never) => ", for ever".to_owned(),
        Some(Lifetime::Dynamic(_)) | None => String::new(),
    };
    let companions = match &model.home {
        Home::Free(name) => format!(" Its companions are on the type `{name}`."),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => {
            format!(" Its companions begin with `{prefix}_`.")
        }
        Home::Nowhere { .. } => String::new(),
    };
    format!("\n\n# Caching\n\nThe value is cached {by}{lifetime}.{companions}")
}

/// The attributes that hold for a companion too: conditions, lint levels, deprecation.
pub(super) fn shared(model: &Model) -> TokenStream {
    let attrs: TokenStream = model.function.attrs.iter().filter_map(for_companion).collect();
    let underscores = underscores(model);
    quote!(#attrs #underscores)
}

/// The same for what the function itself needs: without deprecation, which its caller has been told of.
pub(super) fn hidden(model: &Model) -> TokenStream {
    let attrs = model.function.attrs.iter().filter(|attr| !attr.path().is_ident("deprecated"));
    attrs.filter_map(for_companion).collect()
}

/// Where a parameter is keyed whose name says that the body does not use it.
pub(super) fn underscores(model: &Model) -> Option<TokenStream> {
    let keyed = model.params.iter().any(|param| param.name.to_string().starts_with('_'));
    keyed.then(|| quote!(#[allow(clippy::used_underscore_binding)]))
}

/// `shared`, and what the caller of the function itself must heed.
pub(super) fn calling(model: &Model) -> TokenStream {
    let shared = shared(model);
    let deprecated = model.function.attrs.iter().any(|attr| attr.path().is_ident("deprecated"));
    let allow = deprecated.then(|| quote!(#[allow(deprecated)]));
    let features = model.function.attrs.iter().filter(|attr| attr.path().is_ident("target_feature"));
    quote!(#shared #allow #(#features)*)
}

fn for_companion(attr: &Attribute) -> Option<TokenStream> {
    let meta = companion_meta(&attr.meta)?;
    let span = attr.pound_token.span;
    Some(quote_spanned!(span=> #[#meta]))
}

fn companion_meta(meta: &Meta) -> Option<TokenStream> {
    let name = meta.path().get_ident()?.to_string();
    match name.as_str() {
        "cfg" | "allow" | "warn" | "deny" | "forbid" | "deprecated" => Some(quote!(#meta)),
        // A companion may not do what the function is expected to do.
        "expect" => {
            let list = &meta.require_list().ok()?.tokens;
            Some(quote!(allow(#list)))
        }
        "cfg_attr" => {
            let parts = meta
                .require_list()
                .ok()?
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .ok()?;
            let mut parts = parts.iter();
            let condition = parts.next()?;
            let kept: Vec<_> = parts.filter_map(companion_meta).collect();
            (!kept.is_empty()).then(|| quote!(cfg_attr(#condition, #(#kept),*)))
        }
        _ => None,
    }
}

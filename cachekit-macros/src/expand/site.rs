//! The static that belongs to the function, behind an accessor.

use std::time::Duration;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Expr, ExprLit, Lit};

use super::private;
use crate::attr::{HashMethod, Kind, Lifetime, Lock, Near};
use crate::model::{Home, Model};
use crate::tokens;

/// A reference to the site.
pub(super) fn site(model: &Model) -> TokenStream {
    let place = place(model);
    match &model.home {
        Home::Free(_) => quote!(&#place),
        Home::Beside(_) | Home::Inherent(..) | Home::Nowhere { .. } => place,
    }
}

/// The site, to call its methods.
pub(super) fn place(model: &Model) -> TokenStream {
    let name = name(model);
    match &model.home {
        Home::Free(_) => quote!(#name),
        Home::Beside(_) | Home::Inherent(..) => quote!(Self::#name()),
        Home::Nowhere { .. } => quote!(#name()),
    }
}

/// The static beside a free function, the accessor everywhere else.
fn name(model: &Model) -> Ident {
    let name = match &model.home {
        Home::Free(_) => format!("__ck_{}", model.name()),
        Home::Nowhere { .. } => "__cachekit_site".to_owned(),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => format!("__cachekit_{prefix}_site"),
    };
    Ident::new(&name, Span::call_site())
}

/// What holds the site: a static beside a free function, otherwise a function with it.
pub(super) fn holder(model: &Model) -> TokenStream {
    let (p, name) = (private(model), name(model));
    if let Home::Free(companions) = &model.home {
        let new = new(model, &quote!(#companions));
        return quote!(static #name: #p::Site = #new;);
    }
    let new = new(model, &quote!(__CachekitHere));
    quote! {
        fn #name() -> &'static #p::Site {
            struct __CachekitHere;
            static SITE: #p::Site = #new;
            &SITE
        }
    }
}

/// The site, of which the compiler knows where it is by the type `here`.
fn new(model: &Model, here: &TokenStream) -> TokenStream {
    let p = private(model);
    let name = said_name(model);
    let new = match model.options.kind {
        Kind::Memoize => quote!(memoize),
        Kind::Cached => quote!(cached),
    };
    let (sig, body) = (&model.function.sig, &model.function.body);
    let source = Literal::u128_unsuffixed(tokens::fingerprint(quote!(#sig #body)));
    let options = options(model);
    quote! {
        #p::Site::#new::<#here>(
            ::core::concat!(::core::module_path!(), "::", #name),
            ::core::concat!(::core::line!(), ":", ::core::column!()),
            #source,
        )#options
    }
}

/// The function's name; a trait's method says its trait, as the inherent impl that holds its site does not.
fn said_name(model: &Model) -> String {
    match &model.home {
        Home::Inherent(_, header) => {
            let trait_ = header.trait_.to_token_stream().to_string();
            format!("{}.{}", trait_.replace(' ', "").replace("::", "."), model.name())
        }
        _ => model.name(),
    }
}

fn duration_parts(duration: Duration) -> TokenStream {
    let seconds = Literal::u64_unsuffixed(duration.as_secs());
    let nanos = Literal::u32_unsuffixed(duration.subsec_nanos());
    quote!(#seconds, #nanos)
}

fn duration_tokens(duration: Duration) -> TokenStream {
    let parts = duration_parts(duration);
    quote!(::core::time::Duration::new(#parts))
}

/// A tag for people: its text, or the code that gives it.
fn written(tag: &Expr) -> String {
    match tag {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
        Expr::Path(path) => format!("{}()", path.to_token_stream()).replace(' ', ""),
        other => other.to_token_stream().to_string(),
    }
}

/// `.timeout(..).local()`: what is known at compile time.
fn options(model: &Model) -> TokenStream {
    let p = private(model);
    let options = &model.options;
    let mut chain = TokenStream::new();
    let lifetimes = [
        ("timeout", &options.timeout),
        ("none_timeout", &options.none_timeout),
        ("err_timeout", &options.err_timeout),
    ];
    for (name, lifetime) in lifetimes {
        let name = Ident::new(name, Span::call_site());
        match lifetime {
            Some(Lifetime::Never) => chain.extend(quote!(.#name(#p::Timeout::Never))),
            Some(Lifetime::After(duration)) if name == "timeout" => {
                let parts = duration_parts(*duration);
                chain.extend(quote!(.after(#parts)));
            }
            Some(Lifetime::After(duration)) => {
                let duration = duration_tokens(*duration);
                chain.extend(quote!(.#name(#p::Timeout::After(#duration))));
            }
            Some(Lifetime::Dynamic(_)) | None => {}
        }
    }
    if let Some(name) = &options.cache {
        chain.extend(quote!(.cache_name(#name)));
    }
    if let Some(name) = &options.namespace {
        chain.extend(quote!(.namespace(#name)));
    }
    if options.local {
        chain.extend(quote!(.local()));
    }
    for (name, count) in [("max_size", options.max_size), ("recompute_limit", options.recompute_limit)] {
        let (name, count) = (Ident::new(name, Span::call_site()), count.map(Literal::usize_unsuffixed));
        chain.extend(count.map(|count| quote!(.#name(#count))));
    }
    for (name, duration) in &options.fresh.durations {
        let duration = duration_tokens(*duration);
        chain.extend(quote!(.#name(#duration)));
    }
    for (name, number) in &options.fresh.numbers {
        let number = Literal::f64_suffixed(*number);
        chain.extend(quote!(.#name(#number)));
    }
    match &options.fresh.lock {
        Some(Lock(Some(patience))) => {
            let patience = duration_tokens(*patience);
            chain.extend(quote!(.lock_for(#patience)));
        }
        Some(Lock(None)) => chain.extend(quote!(.lock())),
        None => {}
    }
    if !options.tags.is_empty() {
        let tags = options.tags.iter().map(written);
        chain.extend(quote!(.tags(&[#(#tags),*])));
    }
    if options.tags_from.is_some() {
        chain.extend(quote!(.value_tags()));
    }
    if options.inherit {
        chain.extend(quote!(.inherit()));
    }
    match &options.near {
        Some(Near::Default) => chain.extend(quote!(.near(#p::Timeout::Default))),
        Some(Near::Within(longest)) => {
            let longest = duration_tokens(*longest);
            chain.extend(quote!(.near(#p::Timeout::After(#longest))));
        }
        None => {}
    }
    if let Some(on) = options.source_check {
        chain.extend(quote!(.source_check(#on)));
    }
    match &options.hash_method {
        Some(HashMethod::Known(name)) => {
            chain.extend(quote_spanned!(name.span()=> .hash_method(#p::hash::#name)));
        }
        Some(HashMethod::Type(path)) => chain.extend(quote!(.hash_method(#p::hash::digest::<#path>))),
        None => {}
    }
    if let Some(make_name) = &options.make_name {
        chain.extend(quote!(.make_name(#make_name)));
    }
    if let Some(on) = options.query_string {
        chain.extend(quote!(.query_string(#on)));
    }
    chain
}

//! The function itself: look up, or run the body and keep what it gave.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Expr, FnArg, Pat, Signature};

use super::{attrs, batch, caret, hooks, key, linger, local, look, private, private_at, resolve, site};
use crate::attr::Lifetime;
use crate::model::{Home, Model};
use crate::signature::Shape;

/// The function under its own name, with everything the user wrote around it.
pub(super) fn function(model: &Model) -> TokenStream {
    around(model, &signature(model), &call(model))
}

/// The function that does `call`.
pub(super) fn around(model: &Model, sig: &Signature, call: &TokenStream) -> TokenStream {
    let attrs = attrs::own(model);
    let (vis, defaultness) = (&model.function.vis, &model.function.defaultness);
    let held = matches!(model.home, Home::Nowhere { .. }).then(|| {
        let (site, marker) = (site::holder(model), key::constants_marker(model));
        quote!(#site #marker)
    });
    let body = match model.shape {
        Shape::Boxed => {
            quote!(::std::boxed::Box::pin(async move { #call }))
        }
        Shape::Sync | Shape::Async => call.clone(),
    };
    quote!(#attrs #vis #defaultness #sig { #held #body })
}

/// The signature, with a name for every parameter that is taken apart.
pub(super) fn signature(model: &Model) -> Signature {
    let mut sig = model.function.sig.clone();
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    for (typed, param) in typed.zip(&model.params) {
        if param.pattern.is_some() {
            let name = &param.name;
            *typed.pat = syn::parse_quote!(#name);
        }
    }
    sig
}

fn call(model: &Model) -> TokenStream {
    let (p, mode) = (private(model), local("mode"));
    let (decided, mode) = match hooks::mode(model) {
        Some(decision) => (Some(quote!(let #mode = #decision;)), quote!(#mode)),
        None if model.options.is_stale.is_some() => (None, quote!(#p::Mode::Checked)),
        None => (None, quote!(#p::Mode::Normal)),
    };
    let work = Work::of(model);
    let call = match &model.options.is_stale {
        Some(stale) => if_wanted(model, &mode, stale, &work),
        None if model.is_async() => boxed(model, &mode, &work),
        None if work.is_plain && key::is_of_copies(model) && model.options.tags.is_empty() => {
            let mode = decided.is_some().then_some(&mode);
            look::answer(model, mode, &work.body)
        }
        None if model.key_is_of_arguments() => outlined(model, &mode, &work),
        None => {
            let (name, compute) = (local("miss"), &work.compute);
            let (found, miss) = (found(model, &mode), miss_of(model, &local("found")));
            quote!(#found let mut #name = #miss; #compute)
        }
    };
    quote!(#decided #call)
}

/// What is done where nothing was found.
struct Work {
    /// The body, as a closure.
    body: TokenStream,
    /// From `miss`, the right to compute, to the value.
    compute: TokenStream,
    /// Whether nothing but the body stands between the two.
    is_plain: bool,
}

impl Work {
    fn of(model: &Model) -> Self {
        let (miss, value) = (local("miss"), local("value"));
        let (run, finish, wait, asyncness) = if model.is_async() {
            (local("run_async"), local("finish_async"), Some(quote!(.await)), model.asyncness())
        } else {
            (local("run"), local("finish"), None, None)
        };
        let lifetime = match &model.options.timeout {
            Some(Lifetime::Dynamic(expr)) => {
                let timeout = hooks::over_params(model, expr, expr.to_token_stream());
                Some(quote!(#miss.set_timeout(#timeout);))
            }
            _ => None,
        };
        let (body, after) = (body(model, asyncness.as_ref()), after(model));
        let is_plain = lifetime.is_none() && after.is_empty() && !model.lingers();
        let work = quote! {
            #lifetime
            let #value = #miss.#run(#body)#wait;
            #after
            #miss.#finish(#value)#wait
        };
        let compute = if model.lingers() { linger::conclude(model, &miss, &work) } else { work };
        Self { body, compute, is_plain }
    }
}

/// What this process has, as `found`.
fn found(model: &Model, mode: &TokenStream) -> TokenStream {
    let (found, lookup, underscores) = (local("found"), look::lookup(model, mode), attrs::underscores(model));
    quote!(#underscores let #found = #lookup;)
}

/// The right to compute what was not found; what was, is returned.
fn miss_of(model: &Model, found: &impl quote::ToTokens) -> TokenStream {
    let (hit, miss, resolve) = (local("hit"), local("miss"), resolve(model));
    quote! {
        match #found.#resolve {
            ::core::result::Result::Ok(#hit) => return #hit,
            ::core::result::Result::Err(#miss) => #miss,
        }
    }
}

/// Asks about what was found before it is returned.
fn if_wanted(model: &Model, mode: &TokenStream, stale: &Expr, work: &Work) -> TokenStream {
    let p = private(model);
    let (hit, miss, found_name) = (local("hit"), local("miss"), local("found"));
    let (ok, err) = (quote!(::core::result::Result::Ok), quote!(::core::result::Result::Err));
    let resolve = resolve(model);
    let stale = hooks::of_value(model, "ask", stale, &quote!(&#hit));
    let (first, second) = (found(model, mode), found(model, &quote!(#p::Mode::Stale)));
    let (accept, missed, compute) = (look::accept(model), miss_of(model, &found_name), &work.compute);
    quote! {
        #first
        let mut #miss = match #found_name.#resolve {
            #ok(#hit) if !#p::truth(#stale) => {
                #accept
                return #hit;
            }
            #ok(_) => {
                #second
                #missed
            }
            #err(#miss) => #miss,
        };
        #compute
    }
}

/// Async: what a hit does not need is no part of its future.
fn boxed(model: &Model, mode: &TokenStream, work: &Work) -> TokenStream {
    let (hit, miss, pending) = (local("hit"), local("miss"), local("pending"));
    let (found_name, found) = (local("found"), found(model, mode));
    let rest = if work.is_plain {
        let body = &work.body;
        quote!(#pending.compute_async(#body))
    } else {
        let (missed, compute) = (miss_of(model, &pending), &work.compute);
        quote!(::std::boxed::Box::pin(async move {
            let mut #miss = #missed;
            #compute
        }))
    };
    quote! {
        #found
        let #pending = match #found_name.at_once() {
            ::core::result::Result::Ok(#hit) => return #hit,
            ::core::result::Result::Err(#pending) => #pending,
        };
        #rest.await
    }
}

/// Sync: what a hit does not need is a function of its own, which makes the key once more.
fn outlined(model: &Model, mode: &TokenStream, work: &Work) -> TokenStream {
    let (p, underscores) = (private(model), attrs::underscores(model));
    let (hit, miss, unclear) = (local("hit"), local("miss"), local("unclear"));
    let at_once = look::at_once(model, mode);
    let again = look::again(model, &unclear);
    let rest = if work.is_plain {
        let (found, body) = (local("found"), &work.body);
        quote!(let #found = #again; #found.or_run(#body))
    } else {
        let (missed, compute) = (miss_of(model, &again), &work.compute);
        quote!(let mut #miss = #missed; #compute)
    };
    quote! {
        #underscores
        let #unclear = match #at_once {
            ::core::result::Result::Ok(#hit) => return #hit,
            ::core::result::Result::Err(#unclear) => #unclear,
        };
        #p::cold(move || {
            #underscores
            #rest
        })
    }
}

/// How the value is split and kept; what it cannot be is said at the return type.
pub(super) fn policy(model: &Model) -> TokenStream {
    let ret = &model.ret;
    let span = caret(model.batch.as_ref().and_then(|_| crate::batch::value(ret)).unwrap_or(ret));
    let p = private_at(model, span);
    if key::is_whole(model) {
        return quote_spanned!(span=> #p::whole::<#ret>());
    }
    let keep = Ident::new(if model.options.local { "local" } else { "portable" }, span);
    let kind = match (model.options.cache_none, model.options.cache_err) {
        (false, false) => "plain",
        (true, false) => "with_none",
        (false, true) => "with_err",
        (true, true) => "with_both",
    };
    let kind = Ident::new(kind, span);
    if model.batch.is_some() {
        let listed = Ident::new(if model.options.cache_none { "listed_or_not" } else { "listed" }, span);
        let value = batch::value(model);
        return quote_spanned!(span=> #p::#listed(#p::Kind::<#value>::NEW.#kind()).#keep());
    }
    quote_spanned!(span=> #p::Kind::<#ret>::NEW.#kind().#keep())
}

/// The body, once, as a closure: `return`, `?`, `self` and everything generic stay as they were.
pub(super) fn body(model: &Model, asyncness: Option<&TokenStream>) -> TokenStream {
    let block = &model.function.body;
    let patterns = model.params.iter().filter_map(|param| {
        let (name, pattern) = (&param.name, param.pattern.as_ref()?);
        Some(quote!(let #pattern = #name;))
    });
    let patterns: Vec<_> = patterns.collect();
    let whole = whole(model);
    let block = if patterns.is_empty() && whole.is_empty() {
        quote!(#block)
    } else {
        quote!({ #(let _ = &#whole;)* #(#patterns)* #block })
    };
    let ret = match model.shape {
        // Its future borrows the ids of one run, which the function's own lifetimes do not name.
        Shape::Boxed if model.batch.is_some() => return quote!(move || #block),
        Shape::Boxed => match &model.function.sig.output {
            syn::ReturnType::Type(_, ty) => quote!(#ty),
            syn::ReturnType::Default => quote!(()),
        },
        Shape::Sync | Shape::Async => model.ret.to_token_stream(),
    };
    quote!(#asyncness move || -> #ret #block)
}

/// What the body may change: captured whole, or rustc would say of a field that its value is never read.
fn whole(model: &Model) -> Vec<TokenStream> {
    let mutable = |input: &FnArg| match input {
        FnArg::Receiver(receiver) => receiver.mutability.map(|_| receiver.self_token.to_token_stream()),
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => {
                plain.mutability.map(|_| plain.ident.to_token_stream())
            }
            _ => None,
        },
    };
    model.function.sig.inputs.iter().filter_map(mutable).collect()
}

/// What the value decides: whether it is stored, and for how long.
fn after(model: &Model) -> TokenStream {
    let p = private(model);
    let (miss, value) = (local("miss"), local("value"));
    let value = quote!(&#value);
    let reject = model.options.response_filter.as_ref().map(|filter| {
        let keep = hooks::of_value(model, "ask", filter, &value);
        quote!(if !#p::truth(#keep) { #miss.reject(); })
    });
    let lifetime = model.options.timeout_from.as_ref().map(|from| {
        let timeout = hooks::of_value(model, "lifetime", from, &value);
        quote!(#miss.set_timeout(#timeout);)
    });
    let tags = model.options.tags_from.as_ref().map(|from| {
        let tags = hooks::of_value(model, "tags", from, &value);
        let tag = local("tag");
        quote!(#miss.tag(|#tag| #p::tag_all(#tag, #tags));)
    });
    let forgiven = model.options.fresh.fail_safe_if.as_ref().map(|filter| {
        let error = local("error");
        let forgives = hooks::of_value(model, "ask", filter, &quote!(#error));
        let span = caret(&model.ret);
        let at = private_at(model, span);
        let found = quote_spanned!(span=> #at::error_of(#value));
        quote! {
            if let ::core::option::Option::Some(#error) = #found
                && !#p::truth(#forgives)
            {
                #miss.do_not_forgive();
            }
        }
    });
    let compared = model.options.fresh.has("verify").then(|| {
        let policy = policy(model);
        quote!(#miss.compare_by({ use #p::dispatch::*; (&&#policy).cachekit_same() });)
    });
    quote!(#reject #lifetime #tags #forgiven #compared)
}

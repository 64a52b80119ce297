//! A function over many ids: look all of them up, run the body for those that are missing, until none is.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{FnArg, Pat, Signature, Token, Type};

use super::{attrs, call, caret, hooks, key, local, private, private_at, site};
use crate::attr::Lifetime;
use crate::batch::{self, Batch, By};
use crate::model::Model;
use crate::signature::Param;
use crate::types::has_lifetimes;

/// The function under its own name.
pub(super) fn function(model: &Model) -> TokenStream {
    let Some(batch) = &model.batch else { return TokenStream::new() };
    call::around(model, &signature(model), &answer(model, batch))
}

/// The signature; what the body may change is what it is given, not what the function was called with.
fn signature(model: &Model) -> Signature {
    let mut sig = call::signature(model);
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input
            && let Pat::Ident(plain) = &mut *typed.pat
        {
            plain.mutability = None;
        }
    }
    sig
}

fn answer(model: &Model, batch: &Batch) -> TokenStream {
    let (answer, missing, value) = (local("answer"), local("missing"), local("value"));
    let (some, err) = (quote!(::core::option::Option::Some), quote!(::core::result::Result::Err));
    let (next, run, store, wait) = if model.is_async() {
        (local("missing_async"), local("run_async"), local("store_async"), Some(quote!(.await)))
    } else {
        (local("missing"), local("run"), local("store"), None)
    };
    let lookup = lookup(model, batch);
    let lifetime = match &model.options.timeout {
        Some(Lifetime::Dynamic(expr)) => {
            let timeout = hooks::over_params(model, expr, expr.to_token_stream());
            Some(quote!(#answer.set_timeout(#timeout);))
        }
        _ => None,
    };
    let given = model.params.iter().filter_map(|param| given(model, param));
    let body = call::body(model, model.asyncness().as_ref());
    let take = take(model);
    quote! {
        #lookup
        while let #some(#missing) = #answer.#next()#wait {
            #lifetime
            let #value = {
                #(#[allow(unused_variables)] #given)*
                #answer.#run(#body)#wait
            };
            if let #err(#value) = #take { return #value; }
            #answer.#store()#wait;
        }
        #answer.answer()
    }
}

/// Looks the ids up, in a block of its own: nothing it borrows lives on.
fn lookup(model: &Model, batch: &Batch) -> TokenStream {
    let p = private(model);
    let answer = local("answer");
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key) = (key::types(model), key::key(model, &site, &receiver));
    let (policy, ret) = (call::policy(model), &model.ret);
    let mode = hooks::mode(model).unwrap_or_else(|| quote!(#p::Mode::Normal));
    let (id, ids, id_type) = (batch::id(), &model.params[batch.place].name, &batch.id);
    let (underscores, dispatch) = (attrs::underscores(model), key::dispatch(model));
    let span = caret(ret);
    let of = quote_spanned!(span=> _, #ret, #id_type, _);
    quote! {
        #underscores
        let mut #answer = {
            #dispatch
            #p::batch::<#of>(#site, #types, #policy, &#ids[..], |#id| #key, #mode)
        };
    }
}

/// What the body is given of a parameter: the missing ids, or the argument, for it may be run again.
fn given(model: &Model, param: &Param) -> Option<TokenStream> {
    let name = &param.name;
    let mutability = mutability(model, param);
    if let Some(batch) = model.batch_of(param) {
        let missing = local("missing");
        let is_slice = matches!(&param.ty, Type::Reference(ids) if matches!(*ids.elem, Type::Slice(_)));
        return Some(match batch.by {
            By::Value => quote!(let #mutability #name = #missing;),
            By::Reference if is_slice => quote!(let #mutability #name = &#missing[..];),
            By::Reference => quote!(let #mutability #name = &#missing;),
        });
    }
    match &param.ty {
        Type::Reference(reference) if reference.mutability.is_some() => {
            Some(quote!(let #mutability #name = &mut *#name;))
        }
        Type::Reference(_) => mutability.map(|token| quote!(let #token #name = #name;)),
        ty => {
            let span = caret(ty);
            let p = private_at(model, span);
            let again = quote_spanned!(span=> #p::again(&#name));
            Some(quote!(let #mutability #name = #again;))
        }
    }
}

/// The `mut` before a parameter's name.
fn mutability(model: &Model, param: &Param) -> Option<Token![mut]> {
    model.function.sig.inputs.iter().find_map(|input| match input {
        FnArg::Typed(typed) => match &*typed.pat {
            Pat::Ident(plain) if param.pattern.is_none() && plain.ident == param.name => plain.mutability,
            _ => None,
        },
        FnArg::Receiver(_) => None,
    })
}

/// Takes over what the body gave, asking about each value whether it is stored, and for how long.
fn take(model: &Model) -> TokenStream {
    let p = private(model);
    let (answer, value, one) = (local("answer"), local("value"), local("one"));
    let (filter, from) = (&model.options.response_filter, &model.options.timeout_from);
    if filter.is_none() && from.is_none() {
        return quote!(#answer.take(#value));
    }
    let keep = filter.as_ref().map_or_else(
        || quote!(|_| true),
        |filter| {
            let keep = hooks::of_value(model, "ask", filter, &quote!(#one));
            quote!(|#one| #p::truth(#keep))
        },
    );
    let lifetime = from.as_ref().map_or_else(
        || quote!(|_| ::core::option::Option::None),
        |from| {
            // A closure is called through `lifetime` anyway; a function may give seconds or a `Duration` as well.
            let timeout = match from {
                syn::Expr::Closure(_) => hooks::of_value(model, "lifetime", from, &quote!(#one)),
                path => quote!(#p::lifetime(#one, #path)),
            };
            quote!(|#one| ::core::option::Option::Some(#timeout))
        },
    );
    quote!(#answer.take_asking(#value, #keep, #lifetime))
}

/// The type of one value.
pub(super) fn value(model: &Model) -> TokenStream {
    let ret = &model.ret;
    if let Some(value) = batch::value(ret) {
        return value.to_token_stream();
    }
    let span = caret(ret);
    let p = private_at(model, span);
    quote_spanned!(span=> <#ret as #p::Batched>::Value)
}

/// One id, as the companions take it: by value or by reference, as is handier.
pub(super) fn one(batch: &Batch) -> TokenStream {
    let (id, ty) = (batch::id(), &batch.id);
    match ty {
        Type::Reference(_) => quote!(#id: #ty),
        // Lifetimes cannot be left out in the bound.
        _ if has_lifetimes(ty) => quote!(#id: &#ty),
        _ => quote!(#id: impl ::core::borrow::Borrow<#ty>),
    }
}

/// Makes a reference of it.
pub(super) fn as_reference(batch: &Batch) -> TokenStream {
    let (id, ty) = (batch::id(), &batch.id);
    match ty {
        Type::Reference(_) => quote!(let #id = &#id;),
        _ if has_lifetimes(ty) => TokenStream::new(),
        _ => quote!(let #id: &#ty = ::core::borrow::Borrow::borrow(&#id);),
    }
}

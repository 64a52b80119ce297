//! The companions that need only the key of a call: which key it has, what is cached for it, that it be forgotten.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::GenericParam;

use super::companions::{Companion, ERRORS, result, whole_generics};
use super::{attrs, batch, call, key, local, private, resolve, site};
use crate::model::{Home, Model};

/// How the companions that need only the key ask about a call.
enum Form {
    /// The site, by the arguments as they are; whether the result is known as well.
    Known { key: TokenStream, is_whole: bool },
    /// Through the function that writes the call down.
    Asked,
}

impl Form {
    fn of(model: &Model) -> Self {
        let is_whole = key::is_whole(model) && !model.is_async();
        match key::known_call(model) {
            // An async function would ask through it for one companion alone.
            Some(key) if is_whole || model.is_async() => Self::Known { key, is_whole },
            _ => Self::Asked,
        }
    }
}

/// The function that writes a call down, for whatever is asked about it; if companions ask through it.
pub(super) fn ask(model: &Model) -> Option<TokenStream> {
    let Form::Asked = Form::of(model) else { return None };
    let p = private(model);
    let (name, question) = (ask_name(model), local("question"));
    let KeyOnly { inputs, site, types, key, first, .. } = key_only(model);
    let (scope, key, policy) = (key::whole_scope(model), key::with_tags(model, key), call::policy(model));
    let ret = given(model);
    let mut generics = whole_generics(model);
    generics.params.push(syn::parse_quote!(__Q: #p::Question));
    let (generics, _, clause) = generics.split_for_impl();
    let underscores = attrs::underscores(model);
    Some(quote! {
        #underscores
        fn #name #generics(#inputs #question: __Q) -> __Q::Answer<#ret> #clause {
            #scope
            #first
            #question.put(#site, #types, #policy, #key)
        }
    })
}

fn ask_name(model: &Model) -> Ident {
    match &model.home {
        Home::Free(_) | Home::Nowhere { .. } => Ident::new("__cachekit", Span::call_site()),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => {
            Ident::new(&format!("__cachekit_{prefix}"), Span::call_site())
        }
    }
}

/// What a call gives, as its policy sees it: of a batch, what there is for one id.
fn given(model: &Model) -> TokenStream {
    if model.batch.is_some() {
        let value = batch::value(model);
        quote!(::core::option::Option<#value>)
    } else {
        model.ret.to_token_stream()
    }
}

/// What the companions that need only the key take, and what they have in common.
struct KeyOnly {
    /// Each with a comma behind it.
    inputs: TokenStream,
    /// The same, to pass them on.
    arguments: TokenStream,
    site: TokenStream,
    types: TokenStream,
    key: TokenStream,
    /// What comes before it all.
    first: Option<TokenStream>,
}

impl KeyOnly {
    /// Asks `question` about the call.
    fn ask(&self, model: &Model, question: &str) -> TokenStream {
        let (p, name, question) = (private(model), ask_name(model), local(question));
        let arguments = &self.arguments;
        let names = whole_generics(model).params.into_iter().filter_map(|param| match param {
            GenericParam::Type(param) => Some(param.ident),
            GenericParam::Const(param) => Some(param.ident),
            GenericParam::Lifetime(_) => None,
        });
        let names: Vec<_> = names.collect();
        let turbofish = (!names.is_empty()).then(|| quote!(::<#(#names,)* _>));
        quote!(Self::#name #turbofish(#arguments #p::#question))
    }
}

fn key_only(model: &Model) -> KeyOnly {
    let this =
        model.receiver.as_ref().filter(|_| model.key_takes_receiver()).map(|receiver| receiver.self_token);
    let receiver = this.map(|this| quote!(&#this,));
    let params = model.key_params();
    let inputs = params.iter().map(|param| {
        let (name, ty) = (&param.name, &param.ty);
        model.batch_of(param).map_or_else(|| quote!(#name: #ty), batch::one)
    });
    let inputs = quote!(#receiver #(#inputs,)*);
    let names =
        params.iter().map(|param| model.batch_of(param).map_or(param.name.clone(), |_| crate::batch::id()));
    let this_argument = this.map(|this| quote!(#this,));
    let arguments = quote!(#this_argument #(#names,)*);
    let site = site::site(model);
    let key = key::key(model, &site, &this.to_token_stream());
    let first = model.batch.as_ref().map(batch::as_reference);
    KeyOnly { inputs, arguments, types: key::types(model), key, site, first }
}

pub(super) fn make_cache_key(model: &Model) -> TokenStream {
    let call = key_only(model);
    let body = match Form::of(model) {
        Form::Known { key, .. } => {
            let place = site::place(model);
            quote!(#place.key(#key))
        }
        Form::Asked => call.ask(model, "Key"),
    };
    Companion {
        name: "make_cache_key",
        attrs: attrs::shared(model),
        doc: "The key of this call in the cache.".to_owned(),
        is_async: false,
        generic: true,
        inputs: call.inputs,
        output: quote!(::std::string::String),
        body,
    }
    .write(model)
}

pub(super) fn peek(model: &Model) -> TokenStream {
    let (p, call) = (private(model), key_only(model));
    let ret = &model.ret;
    let (found, flatten) = match (&model.batch, model.options.cache_none) {
        (None, _) => (quote!(#ret), None),
        (Some(_), false) => (batch::value(model), Some(quote!(.flatten()))),
        (Some(_), true) => (given(model), None),
    };
    let body = match Form::of(model) {
        Form::Known { key, is_whole: true } => {
            let place = site::place(model);
            quote!(#place.peek(#key))
        }
        // What an async function is asked is not ready, and its type has no name.
        Form::Asked if !model.is_async() => {
            let asked = call.ask(model, "Cached");
            quote!(#asked #flatten)
        }
        _ => {
            let KeyOnly { site, types, key, first, .. } = &call;
            let (scope, key) = (key::whole_scope(model), key::with_tags(model, key.clone()));
            let (policy, resolve) = (call::policy(model), resolve(model));
            quote!(#scope #first #p::peek(#site, #types, #policy, #key).#resolve #flatten)
        }
    };
    Companion {
        name: "peek",
        attrs: attrs::shared(model),
        doc: "What is cached for this call.".to_owned(),
        is_async: model.is_async(),
        generic: true,
        inputs: call.inputs,
        output: quote!(::core::option::Option<#found>),
        body,
    }
    .write(model)
}

pub(super) fn delete_one(model: &Model, name: &'static str) -> TokenStream {
    let (p, call) = (private(model), key_only(model));
    let resolve = resolve(model);
    let body = match Form::of(model) {
        Form::Known { key, is_whole: true } => {
            let (place, ret) = (site::place(model), &model.ret);
            quote!(#place.delete::<#ret>(#key))
        }
        Form::Asked => {
            let asked = call.ask(model, "Forgotten");
            quote!(#asked.#resolve)
        }
        Form::Known { .. } => {
            let KeyOnly { site, types, key, first, .. } = &call;
            let (scope, policy) = (key::whole_scope(model), call::policy(model));
            quote!(#scope #first #p::delete_one(#site, #types, #policy, #key).#resolve)
        }
    };
    Companion {
        name,
        attrs: attrs::shared(model),
        doc: format!("Forgets this call; tells whether it was cached.{ERRORS}"),
        is_async: model.is_async(),
        generic: true,
        inputs: call.inputs,
        output: result(model, &quote!(bool)),
        body,
    }
    .write(model)
}

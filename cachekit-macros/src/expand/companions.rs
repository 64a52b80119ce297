//! The companions of a function: its other entrances.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Receiver, ReceiverKind};

use super::{attrs, batch, call, companion_name, key, local, private, resolve, site};
use crate::attr::Kind;
use crate::model::{Home, Model};
use crate::signature::{Param, turbofish};

/// All companions: an enum for a free function, bare functions for an impl.
pub(super) fn all(model: &Model) -> TokenStream {
    let shared = attrs::hidden(model);
    let vis = vis(model);
    let accessor = site::accessor(model);
    let mut accessor = quote!(#shared #[doc(hidden)] #[inline] #vis #accessor);
    if let Some(marker) = key::constants_marker(model) {
        accessor.extend(quote!(#shared #[doc(hidden)] #vis #marker));
    }
    match &model.home {
        Home::Nowhere { .. } => TokenStream::new(),
        Home::Beside(_) | Home::Inherent(..) => {
            let companions = list(model);
            quote!(#accessor #companions)
        }
        Home::Free(name) => {
            let companions = list(model);
            let doc = format!("The companions of the cached function `{}`.", model.name());
            quote! {
                #shared
                #[doc = #doc]
                #[allow(non_camel_case_types)]
                #vis enum #name {}
                #shared
                impl #name { #accessor #companions }
            }
        }
    }
}

fn vis(model: &Model) -> TokenStream {
    match &model.home {
        Home::Inherent(..) => quote!(pub),
        _ => model.function.vis.to_token_stream(),
    }
}

fn list(model: &Model) -> TokenStream {
    let mut all = vec![entrance(model, "uncached", "Bypass"), entrance(model, "refresh", "Refresh")];
    all.extend([make_cache_key(model), peek(model), timeouts(model)]);
    match (model.options.kind, model.key_receiver()) {
        (Kind::Cached, _) => all.push(delete_one(model, "delete_cached")),
        (Kind::Memoize, Some(receiver)) => {
            all.push(delete_one(model, "delete_memoized_with"));
            all.push(instance(model, receiver));
        }
        (Kind::Memoize, None) => {
            all.push(delete_one(model, "delete_memoized_with"));
            all.push(whole(model, "delete_memoized", "delete_all", "Forgets every value of"));
            all.push(whole(model, "delete_memoized_verhash", "delete_verhash", RESET));
        }
    }
    if model.options.kind == Kind::Memoize && !matches!(model.home, Home::Free(_)) {
        all.push(whole(
            model,
            "delete_memoized_all",
            "delete_all",
            "Forgets every value, of every instance, of",
        ));
        all.push(whole(model, "delete_memoized_verhash_all", "delete_verhash", RESET));
    }
    all.into_iter().collect()
}

const RESET: &str = "Resets the version hash of";
const ERRORS: &str = "\n\n# Errors\n\nThose of the backend.";

/// One companion: everything but what it does.
struct Companion<'a> {
    name: &'a str,
    attrs: TokenStream,
    doc: String,
    is_async: bool,
    generic: bool,
    inputs: TokenStream,
    output: TokenStream,
    body: TokenStream,
}

impl Companion<'_> {
    fn write(self, model: &Model) -> TokenStream {
        let is_entrance = matches!(self.name, "uncached" | "refresh");
        let Self { name, attrs, doc, is_async, generic, inputs, output, body } = self;
        let name = companion_name(model, name);
        let vis = vis(model);
        let asyncness = is_async.then(|| quote!(async));
        let unsafety = (is_entrance && model.is_unsafe()).then(|| quote!(unsafe));
        let output = (!output.is_empty()).then(|| quote!(-> #output));
        let (generics, clause) =
            if generic { generics(model) } else { (TokenStream::new(), TokenStream::new()) };
        quote! {
            #attrs
            #[doc = #doc]
            #[inline]
            #vis #asyncness #unsafety fn #name #generics(#inputs) #output #clause { #body }
        }
    }
}

/// The function's generics, behind those of the impl that its type does not name.
fn generics(model: &Model) -> (TokenStream, TokenStream) {
    let mut all = model.generics.clone();
    if let Home::Inherent(_, header) = &model.home {
        let own = std::mem::replace(&mut all.params, header.lifted.params.clone());
        all.params.extend(own);
        if let Some(clause) = &header.lifted.where_clause {
            all.make_where_clause().predicates.extend(clause.predicates.iter().cloned());
        }
    }
    let (impl_generics, _, clause) = all.split_for_impl();
    (impl_generics.to_token_stream(), clause.to_token_stream())
}

/// `uncached`, `refresh`: the function itself, in another mode.
fn entrance(model: &Model, name: &'static str, mode: &str) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let (mode, ret) = (local(mode), &model.ret);
    let arguments: Vec<_> =
        model.params.iter().enumerate().map(|(index, param)| argument(model, index, param)).collect();
    let types = model.params.iter().map(|param| &param.ty);
    let receiver = model.receiver.as_ref().map(whole_receiver);
    let this = model.receiver.as_ref().map(|receiver| receiver.self_token.to_token_stream());
    let function = callee(model);
    let call_arguments = this.into_iter().chain(arguments.iter().map(Ident::to_token_stream));
    let call = quote!(#function(#(#call_arguments),*));
    let body = if model.is_async() {
        quote!(#p::with_mode_async(#site, #p::Mode::#mode, #call).await)
    } else {
        quote!(#p::with_mode(#site, #p::Mode::#mode, move || #call))
    };
    let what = match name {
        "uncached" => "Runs the body, without the cache.",
        _ => "Runs the body and stores what it gives.",
    };
    let safety =
        if model.is_unsafe() { format!("\n\n# Safety\n\nAs for `{}`.", model.name()) } else { String::new() };
    let allow = model.is_unsafe().then(|| quote!(#[allow(unsafe_op_in_unsafe_fn)]));
    let attrs = attrs::calling(model);
    let must_use = must_use(model).filter(|_| name == "uncached");
    Companion {
        name,
        attrs: quote!(#attrs #must_use #allow),
        doc: format!("{what}{safety}"),
        is_async: model.is_async(),
        generic: true,
        inputs: quote!(#receiver #(#arguments: #types),*),
        output: ret.to_token_stream(),
        body,
    }
    .write(model)
}

fn must_use(model: &Model) -> Option<TokenStream> {
    let attr = model.function.attrs.iter().find(|attr| attr.path().is_ident("must_use"))?;
    Some(attr.to_token_stream())
}

/// The name under which a parameter is passed on: its own, unless that would hide the function.
fn argument(model: &Model, index: usize, param: &Param) -> Ident {
    let hides = matches!(model.home, Home::Free(_)) && param.name == model.function.sig.ident;
    if hides { local(&format!("arg{index}")) } else { param.name.clone() }
}

/// The path that calls the function itself.
fn callee(model: &Model) -> TokenStream {
    let (name, turbofish) = (&model.function.sig.ident, turbofish(&model.function.sig.generics));
    match &model.home {
        Home::Inherent(_, header) => {
            let trait_ = &header.trait_;
            quote!(<Self as #trait_>::#name #turbofish)
        }
        Home::Beside(_) => quote!(Self::#name #turbofish),
        Home::Free(_) | Home::Nowhere { .. } => quote!(#name #turbofish),
    }
}

/// The receiver as the function has it, without what only its body needs.
fn whole_receiver(receiver: &Receiver) -> TokenStream {
    let mut receiver = receiver.clone();
    receiver.attrs.clear();
    if !matches!(receiver.kind, ReceiverKind::Reference(..)) {
        receiver.mutability = None;
    }
    quote!(#receiver,)
}

/// What the companions that need only the key take, and what they have in common.
struct KeyOnly {
    inputs: TokenStream,
    site: TokenStream,
    types: TokenStream,
    key: TokenStream,
    /// What comes before it all.
    first: Option<TokenStream>,
}

fn key_only(model: &Model) -> KeyOnly {
    let this =
        model.receiver.as_ref().filter(|_| model.key_takes_receiver()).map(|receiver| receiver.self_token);
    let receiver = this.map(|this| quote!(&#this,));
    let inputs = model.key_params().into_iter().map(|param| {
        let (name, ty) = (&param.name, &param.ty);
        model.batch_of(param).map_or_else(|| quote!(#name: #ty), batch::one)
    });
    let inputs = quote!(#receiver #(#inputs),*);
    let site = site::site(model);
    let key = key::key(model, &site, &this.to_token_stream());
    let first = model.batch.as_ref().map(batch::as_reference);
    KeyOnly { inputs, types: key::types(model), key, site, first }
}

fn make_cache_key(model: &Model) -> TokenStream {
    let p = private(model);
    let scope = key::scope(model);
    let KeyOnly { inputs, site, types, key, first } = key_only(model);
    Companion {
        name: "make_cache_key",
        attrs: attrs::shared(model),
        doc: "The key of this call in the cache.".to_owned(),
        is_async: false,
        generic: true,
        inputs,
        output: quote!(::std::string::String),
        body: quote!(#scope #first #p::make_key(#site, #types, #key)),
    }
    .write(model)
}

fn peek(model: &Model) -> TokenStream {
    let p = private(model);
    let KeyOnly { inputs, site, types, key, first } = key_only(model);
    let key = key::with_tags(model, key);
    let (policy, ret) = (call::policy(model), &model.ret);
    let resolve = resolve(model);
    let (found, flatten) = match (&model.batch, model.options.cache_none) {
        (None, _) => (quote!(#ret), None),
        (Some(_), false) => (batch::value(model), Some(quote!(.flatten()))),
        (Some(_), true) => {
            let value = batch::value(model);
            (quote!(::core::option::Option<#value>), None)
        }
    };
    Companion {
        name: "peek",
        attrs: attrs::shared(model),
        doc: "What is cached for this call.".to_owned(),
        is_async: model.is_async(),
        generic: true,
        inputs,
        output: quote!(::core::option::Option<#found>),
        body: quote!(use #p::dispatch::*; #first #p::peek(#site, #types, #policy, #key).#resolve #flatten),
    }
    .write(model)
}

fn delete_one(model: &Model, name: &'static str) -> TokenStream {
    let p = private(model);
    let KeyOnly { inputs, site, types, key, first } = key_only(model);
    let (policy, resolve) = (call::policy(model), resolve(model));
    Companion {
        name,
        attrs: attrs::shared(model),
        doc: format!("Forgets this call; tells whether it was cached.{ERRORS}"),
        is_async: model.is_async(),
        generic: true,
        inputs,
        output: quote!(#p::Result<bool>),
        body: quote!(use #p::dispatch::*; #first #p::delete_one(#site, #types, #policy, #key).#resolve),
    }
    .write(model)
}

/// `delete_memoized`, `delete_memoized_verhash` of a method: this instance.
fn instance(model: &Model, receiver: &Receiver) -> TokenStream {
    let p = private(model);
    let this = receiver.self_token;
    let (site, types, resolve) = (site::site(model), key::instance_types(model), resolve(model));
    let one = |name: &'static str, call: &str, what: &str| {
        let call = local(call);
        let instance = key::instance(model, receiver, &this.to_token_stream());
        Companion {
            name,
            attrs: attrs::shared(model),
            doc: format!("{what} `{}` of this instance.{ERRORS}", model.name()),
            is_async: model.is_async(),
            generic: false,
            inputs: quote!(&#this),
            output: quote!(#p::Result<()>),
            body: quote! {
                use #p::dispatch::*;
                #p::#call(#site, #types, #instance).#resolve
            },
        }
        .write(model)
    };
    let delete = one("delete_memoized", "delete_instance", "Forgets every value of");
    let verhash = one("delete_memoized_verhash", "delete_verhash_instance", RESET);
    quote!(#delete #verhash)
}

/// A companion for the whole function.
fn whole(model: &Model, name: &'static str, call: &str, what: &str) -> TokenStream {
    let p = private(model);
    let (call, site, resolve) = (local(call), site::site(model), resolve(model));
    Companion {
        name,
        attrs: attrs::shared(model),
        doc: format!("{what} `{}`.{ERRORS}", model.name()),
        is_async: model.is_async(),
        generic: false,
        inputs: TokenStream::new(),
        output: quote!(#p::Result<()>),
        body: quote!(#p::#call(#site).#resolve),
    }
    .write(model)
}

/// `cache_timeout`, `set_cache_timeout`, `set_cache_ramp`, `stats`.
fn timeouts(model: &Model) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let timeout = local("timeout");
    let attrs = || attrs::shared(model);
    let plain = |name, doc: &str, inputs, output, body| {
        let doc = doc.to_owned();
        Companion { name, attrs: attrs(), doc, is_async: false, generic: false, inputs, output, body }
            .write(model)
    };
    let get = plain(
        "cache_timeout",
        "How long values live; zero is for ever, `None` the default.",
        TokenStream::new(),
        quote!(::core::option::Option<::core::time::Duration>),
        quote!(#site.cache_timeout()),
    );
    let set = plain(
        "set_cache_timeout",
        "Sets how long new values live; zero is for ever.",
        quote!(#timeout: ::core::time::Duration),
        TokenStream::new(),
        quote!(#site.set_cache_timeout(#timeout)),
    );
    let percent = local("percent");
    let ramp = plain(
        "set_cache_ramp",
        "Sets how many percent of the calls are cached, chosen by key.",
        quote!(#percent: u8),
        TokenStream::new(),
        quote!(#site.set_cache_ramp(#percent)),
    );
    let stats = plain(
        "stats",
        "What happened so far.",
        TokenStream::new(),
        quote!(#p::SiteStats),
        quote!(#site.stats()),
    );
    quote!(#get #set #ramp #stats)
}

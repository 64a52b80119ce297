//! The companions of a function: its other entrances.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Generics, Receiver, ReceiverKind};

use super::{attrs, companion_name, key, keyed, local, site};
use crate::attr::Kind;
use crate::model::{Home, Model};
use crate::signature::{Param, turbofish};

/// All companions: an enum for a free function, bare functions for an impl.
pub(super) fn all(model: &Model) -> TokenStream {
    if matches!(model.home, Home::Nowhere { .. }) {
        return TokenStream::new();
    }
    let (hidden, site) = (attrs::hidden(model), site::holder(model));
    let marker = key::constants_marker(model);
    let (question, companions) = (keyed::ask(model), list(model));
    let Home::Free(name) = &model.home else {
        // Private, but what a trait has is as public as the trait.
        let parts = [Some(quote!(#[inline] #site)), marker, question];
        let parts = parts.into_iter().flatten();
        return quote!(#(#hidden #[doc(hidden)] #parts)* #companions);
    };
    let parts = [marker, question];
    let parts = parts.into_iter().flatten();
    let vis = &model.function.vis;
    let doc = format!("The companions of the cached function `{}`.", model.name());
    // Of the expansion, so that its lints are not the user's.
    let mut declared = name.clone();
    declared.set_span(Span::call_site().located_at(name.span()));
    quote! {
        #hidden
        #[doc = #doc]
        #vis enum #declared {}
        #hidden
        impl #name { #(#hidden #parts)* #companions }
        #hidden
        #site
    }
}

fn vis(model: &Model) -> TokenStream {
    match &model.home {
        Home::Inherent(..) => quote!(pub),
        _ => model.function.vis.to_token_stream(),
    }
}

fn list(model: &Model) -> TokenStream {
    let mut all = vec![entrance(model, "uncached", "off"), entrance(model, "refresh", "renew")];
    all.extend([keyed::make_cache_key(model), keyed::peek(model), timeouts(model)]);
    match (model.options.kind, model.key_receiver()) {
        (Kind::Cached, _) => all.push(keyed::delete_one(model, "delete_cached")),
        (Kind::Memoize, Some(receiver)) => {
            all.push(keyed::delete_one(model, "delete_memoized_with"));
            all.push(instance(model, receiver));
        }
        (Kind::Memoize, None) => {
            all.push(keyed::delete_one(model, "delete_memoized_with"));
            all.push(whole(model, "delete_memoized", "forget", "Forgets every value"));
            all.push(whole(model, "delete_memoized_verhash", "reset", RESET));
        }
    }
    if model.options.kind == Kind::Memoize && !matches!(model.home, Home::Free(_)) {
        all.push(whole(model, "delete_memoized_all", "forget", "Forgets every value, of every instance,"));
        all.push(whole(model, "delete_memoized_verhash_all", "reset", RESET));
    }
    all.into_iter().collect()
}

const RESET: &str = "Resets the version hash";
pub(super) const ERRORS: &str = "\n\n# Errors\n\nThe backend's.";

/// One companion: everything but what it does.
pub(super) struct Companion<'a> {
    pub(super) name: &'a str,
    pub(super) attrs: TokenStream,
    pub(super) doc: String,
    pub(super) is_async: bool,
    pub(super) generic: bool,
    pub(super) inputs: TokenStream,
    pub(super) output: TokenStream,
    pub(super) body: TokenStream,
}

impl Companion<'_> {
    pub(super) fn write(self, model: &Model) -> TokenStream {
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
    let all = whole_generics(model);
    let (impl_generics, _, clause) = all.split_for_impl();
    (impl_generics.to_token_stream(), clause.to_token_stream())
}

pub(super) fn whole_generics(model: &Model) -> Generics {
    let mut all = model.generics.clone();
    if let Home::Inherent(_, header) = &model.home {
        let own = std::mem::replace(&mut all.params, header.lifted.params.clone());
        all.params.extend(own);
        if let Some(clause) = &header.lifted.where_clause {
            all.make_where_clause().predicates.extend(clause.predicates.iter().cloned());
        }
    }
    all
}

/// `uncached`, `refresh`: the function itself, in another mode.
fn entrance(model: &Model, name: &'static str, mode: &str) -> TokenStream {
    let (site, ret) = (site::place(model), &model.ret);
    let arguments: Vec<_> =
        model.params.iter().enumerate().map(|(index, param)| argument(model, index, param)).collect();
    let types = model.params.iter().map(|param| &param.ty);
    let receiver = model.receiver.as_ref().map(whole_receiver);
    let this = model.receiver.as_ref().map(|receiver| receiver.self_token.to_token_stream());
    let function = callee(model);
    let call_arguments = this.into_iter().chain(arguments.iter().map(Ident::to_token_stream));
    let call = quote!(#function(#(#call_arguments),*));
    let body = if model.is_async() {
        let mode = local(&format!("{mode}_async"));
        quote!(#site.#mode(#call).await)
    } else {
        let mode = local(mode);
        quote!(#site.#mode().of(#call))
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

/// `::cachekit::Result<..>`.
pub(super) fn result(model: &Model, value: &TokenStream) -> TokenStream {
    let krate = &model.options.krate;
    quote!(#krate::Result<#value>)
}

/// A call of `name` at the site, in the flavour of the function.
fn at_site(model: &Model, name: &str, arguments: &TokenStream) -> TokenStream {
    let place = site::place(model);
    if model.is_async() {
        let name = local(&format!("{name}_async"));
        quote!(#place.#name(#arguments).await)
    } else {
        let name = local(name);
        quote!(#place.#name(#arguments))
    }
}

/// `delete_memoized`, `delete_memoized_verhash` of a method: this instance.
fn instance(model: &Model, receiver: &Receiver) -> TokenStream {
    let this = receiver.self_token;
    let one = |name: &'static str, call: &str, what: &str| {
        let instance = key::instance(model, receiver, &this.to_token_stream());
        let (dispatch, call) = (key::dispatch(model), at_site(model, call, &instance));
        Companion {
            name,
            attrs: attrs::shared(model),
            doc: format!("{what} of `{}` of this instance.{ERRORS}", model.name()),
            is_async: model.is_async(),
            generic: false,
            inputs: quote!(&#this),
            output: result(model, &quote!(())),
            body: quote!(#dispatch #call),
        }
        .write(model)
    };
    let delete = one("delete_memoized", "forget_instance", "Forgets every value");
    let verhash = one("delete_memoized_verhash", "reset_instance", RESET);
    quote!(#delete #verhash)
}

/// A companion for the whole function.
fn whole(model: &Model, name: &'static str, call: &str, what: &str) -> TokenStream {
    let name_of_method = match model.home {
        Home::Free(_) => String::new(),
        _ => format!(" of `{}`", model.name()),
    };
    Companion {
        name,
        attrs: attrs::shared(model),
        doc: format!("{what}{name_of_method}.{ERRORS}"),
        is_async: model.is_async(),
        generic: false,
        inputs: TokenStream::new(),
        output: result(model, &quote!(())),
        body: at_site(model, call, &TokenStream::new()),
    }
    .write(model)
}

/// `cache_timeout`, `set_cache_timeout`, `set_cache_ramp`, `stats`.
fn timeouts(model: &Model) -> TokenStream {
    let site = site::place(model);
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
    let (percent, krate) = (local("percent"), &model.options.krate);
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
        quote!(#krate::SiteStats),
        quote!(#site.stats()),
    );
    quote!(#get #set #ramp #stats)
}

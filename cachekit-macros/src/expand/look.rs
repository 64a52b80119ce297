//! The looks of a call at what is cached. Each is in a block of its own: nothing it borrows lives on.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::call::policy;
use super::{attrs, key, local, private, site};
use crate::model::Model;

/// All of it in one call, where key and body may be made at the same time; in the normal mode, if no other was decided.
pub(super) fn answer(model: &Model, mode: Option<&TokenStream>, body: &TokenStream) -> TokenStream {
    let (p, underscores) = (private(model), attrs::underscores(model));
    if let (None, None, true, Some(key)) = (mode, &underscores, key::is_whole(model), key::known_call(model))
    {
        let place = site::place(model);
        return quote!(#place.answer(#key, #body));
    }
    let (policy_name, key_name) = (local("policy"), local("key"));
    let mode = mode.map_or_else(|| quote!(#p::Mode::Normal), TokenStream::clone);
    let site = site::site(model);
    let (types, key, policy) =
        (key::types(model), key::key(model, &site, &TokenStream::new()), policy(model));
    let scope = key::whole_scope(model);
    quote! {
        let #policy_name = { #scope #policy };
        #underscores let #key_name = #key;
        #p::answer(#site, #types, #policy_name, #key_name, #mode, #body)
    }
}

/// The first look, which is all that a hit needs.
pub(super) fn at_once(model: &Model, mode: &TokenStream) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key, policy) = (key::types(model), key::key(model, &site, &receiver), policy(model));
    let scope = key::whole_scope(model);
    quote! {{
        #scope
        #p::at_once(#site, #types, #policy, &#key, #mode)
    }}
}

/// The second look.
pub(super) fn again(model: &Model, unclear: &Ident) -> TokenStream {
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (scope, key) = (key::scope(model), key::tagged(model, &site, &receiver));
    quote! {{
        #scope
        #unclear.look(#key)
    }}
}

/// The lookup, in a block of its own: nothing it borrows lives on.
pub(super) fn lookup(model: &Model, mode: &TokenStream) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key) = (key::types(model), key::tagged(model, &site, &receiver));
    let (scope, policy) = (key::whole_scope(model), policy(model));
    quote! {{
        #scope
        #p::lookup(#site, #types, #policy, #key, #mode)
    }}
}

/// Counts a value that was asked about and is wanted.
pub(super) fn accept(model: &Model) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key) = (key::types(model), key::key(model, &site, &receiver));
    let scope = key::scope(model);
    quote! {{
        #scope
        #p::accept(#site, #types, || #key);
    }}
}

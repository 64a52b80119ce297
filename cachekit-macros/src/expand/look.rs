//! The looks of a call at what is cached. Each is in a block of its own: nothing it borrows lives on.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::call::policy;
use super::{attrs, key, local, private, site};
use crate::model::Model;

/// All of it in one call, where key and body may be made at the same time.
pub(super) fn answer(model: &Model, mode: &TokenStream, body: &TokenStream) -> TokenStream {
    let (p, underscores) = (private(model), attrs::underscores(model));
    let (policy_name, key_name) = (local("policy"), local("key"));
    let site = site::site(model);
    let (types, key, policy) =
        (key::types(model), key::key(model, &site, &TokenStream::new()), policy(model));
    quote! {
        let #policy_name = { use #p::dispatch::*; #policy };
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
    quote! {{
        use #p::dispatch::*;
        #p::at_once(#site, #types, #policy, &#key, #mode)
    }}
}

/// The second look.
pub(super) fn again(model: &Model, unclear: &Ident) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let key = key::tagged(model, &site, &receiver);
    quote! {{
        use #p::dispatch::*;
        #unclear.look(#key)
    }}
}

/// The lookup, in a block of its own: nothing it borrows lives on.
pub(super) fn lookup(model: &Model, mode: &TokenStream) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key) = (key::types(model), key::tagged(model, &site, &receiver));
    let policy = policy(model);
    quote! {{
        use #p::dispatch::*;
        #p::lookup(#site, #types, #policy, #key, #mode)
    }}
}

/// Counts a value that was asked about and is wanted.
pub(super) fn accept(model: &Model) -> TokenStream {
    let p = private(model);
    let site = site::site(model);
    let receiver = model.receiver.as_ref().map(key::receiver_here).unwrap_or_default();
    let (types, key) = (key::types(model), key::key(model, &site, &receiver));
    quote! {{
        use #p::dispatch::*;
        #p::accept(#site, #types, || #key);
    }}
}

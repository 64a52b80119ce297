//! Work that may go on without its caller: what it is called with is owned first, and lent to it where it goes on.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{Receiver, ReceiverKind, Type};

use super::{attrs, caret, local, private, private_at, site};
use crate::model::Model;
use crate::tokens;
use crate::types::find_impl_trait;

/// Has `work` done by the miss: here, or behind the caller.
pub(super) fn conclude(model: &Model, miss: &Ident, work: &TokenStream) -> TokenStream {
    let params =
        model.params.iter().map(|param| (param.name.clone(), param.name.to_token_stream(), &param.ty));
    let (owned, lent): (Vec<_>, Vec<_>) =
        params.map(|(name, from, ty)| take_along(model, &name, &from, ty)).unzip();
    let this = local("this");
    let (own_this, lend_this) = match &model.receiver {
        Some(receiver) => take_receiver(model, &this, receiver),
        None => Default::default(),
    };
    let work = quote!(#lend_this #(#lent)* #work);
    let work = if model.receiver.is_some() { tokens::rename_self(work, &this) } else { work };
    let late = late(model);
    let taken = quote!(#own_this #(#owned)*);
    let work = if model.is_async() {
        quote!(move |mut #miss| async move { #work })
    } else {
        quote!(move |mut #miss| { #work })
    };
    let (conclude, work) = if model.options.fresh.has("refresh_every") {
        let again = again(model, &this);
        ("conclude_often", quote!(move || { #again #work }))
    } else {
        ("conclude", work)
    };
    if model.is_async() {
        let conclude = local(&format!("{conclude}_async"));
        quote!(#taken #miss.#conclude(#work, #late).await)
    } else {
        let conclude = local(conclude);
        quote!(#taken #miss.#conclude(#work, #late))
    }
}

/// What each of many computations takes along, of its own.
fn again(model: &Model, this: &Ident) -> TokenStream {
    let p = private(model);
    let underscores = attrs::underscores(model);
    let params = model.params.iter().map(|param| {
        let (name, span) = (&param.name, caret(&param.ty));
        let p = private_at(model, span);
        quote_spanned!(span=> #underscores let #name = #p::once_more(&#name);)
    });
    let own = model.receiver.as_ref().map(|_| quote!(let #this = #p::once_more(&#this);));
    quote!(#own #(#params)*)
}

/// Before the caller is left, and after: the same name, owned and lent.
fn take_along(model: &Model, name: &Ident, from: &TokenStream, ty: &Type) -> (TokenStream, TokenStream) {
    let span = caret(ty);
    let p = private_at(model, span);
    let underscores = attrs::underscores(model);
    let Type::Reference(reference) = ty else {
        return (quote_spanned!(span=> #underscores let #name = #p::keep(#from);), TokenStream::new());
    };
    let elem = &reference.elem;
    let owned = quote_spanned!(span=> #underscores let #name = #p::own(#from););
    // What has no name to be lent as is lent as what it is.
    let lent = if find_impl_trait(elem).is_some() {
        quote!(#underscores let #name = &#name;)
    } else {
        quote_spanned!(span=> #underscores let #name = #p::lend::<#elem>(&#name);)
    };
    (owned, lent)
}

/// The same for the receiver, under a name that a closure can take along.
fn take_receiver(model: &Model, this: &Ident, receiver: &Receiver) -> (TokenStream, TokenStream) {
    let token = receiver.self_token;
    let from = token.to_token_stream();
    match &receiver.kind {
        ReceiverKind::Reference(..) => {
            let span = Span::mixed_site().located_at(token.span);
            let p = private_at(model, span);
            (quote_spanned!(span=> let #this = #p::own(#from);), quote!(let #this = &#this;))
        }
        ReceiverKind::Typed(_, ty) => take_along(model, this, &from, ty),
        _ => {
            let p = private(model);
            (quote!(let #this = #p::keep(#from);), TokenStream::new())
        }
    }
}

/// What the caller gives when it has waited long enough.
fn late(model: &Model) -> TokenStream {
    let p = private(model);
    if !model.options.fresh.has("hard_timeout") {
        return quote!(#p::never_late);
    }
    match &model.options.fresh.on_timeout {
        Some(closure @ syn::Expr::Closure(_)) => quote!(#closure),
        Some(expr) => quote!(|| #expr),
        None => {
            let ret = &model.ret;
            let (site, span) = (site::site(model), caret(ret));
            let p = private_at(model, span);
            quote_spanned!(span=> || #p::timed_out::<#ret>(#site))
        }
    }
}

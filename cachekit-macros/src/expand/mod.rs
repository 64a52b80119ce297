//! Writing the code: quoting only, every decision is in the model.

mod attrs;
mod call;
mod companions;
mod hooks;
mod key;
mod site;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::model::{Home, Model};

/// What one annotated function becomes.
pub(crate) struct Parts {
    /// The function under its own name, calling the runtime.
    pub(crate) function: TokenStream,
    /// Its companions: an enum, siblings, or what `#[methods]` puts in an inherent impl.
    pub(crate) companions: TokenStream,
}

/// Expands a function that `check` found nothing wrong with.
pub(crate) fn expand(model: &Model) -> Parts {
    Parts { function: call::function(model), companions: companions::all(model) }
}

/// `::cachekit::__private`, or what `crate = ..` says.
fn private(model: &Model) -> TokenStream {
    let krate = &model.options.krate;
    quote!(#krate::__private)
}

/// A local of the expansion, invisible to the user's code.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The name of a companion: alone on its enum, behind the function's name beside a method.
fn companion_name(model: &Model, name: &str) -> Ident {
    match &model.home {
        Home::Free(_) => Ident::new(name, Span::call_site()),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => {
            Ident::new(&format!("{prefix}_{name}"), model.function.sig.ident.span())
        }
        Home::Nowhere { .. } => unreachable!("a function without a home has no companions"),
    }
}

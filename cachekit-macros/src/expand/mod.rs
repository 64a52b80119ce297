//! Writing the code: quoting only, every decision is in the model.

mod attrs;
mod batch;
mod call;
mod companions;
mod hooks;
mod key;
mod keyed;
mod linger;
mod look;
mod site;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::Type;
use syn::spanned::Spanned as _;

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
    let function = if model.batch.is_some() { batch::function(model) } else { call::function(model) };
    Parts { function, companions: companions::all(model) }
}

/// `::cachekit::p`, the short name of what expansions may call, or what `crate = ..` says.
fn private(model: &Model) -> TokenStream {
    let krate = &model.options.krate;
    quote!(#krate::p)
}

/// The same, with the location `at`, for an expression whose errors belong there.
fn private_at(model: &Model, at: Span) -> TokenStream {
    located(private(model), at)
}

/// The tokens, said to be at `at`; names mean what they meant.
fn located(tokens: TokenStream, at: Span) -> TokenStream {
    let one = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &mut token {
            let mut moved = Group::new(group.delimiter(), located(group.stream(), at));
            moved.set_span(group.span().located_at(at));
            return TokenTree::Group(moved);
        }
        token.set_span(token.span().located_at(at));
        token
    };
    tokens.into_iter().map(one).collect()
}

/// Where an error about a type belongs: at the last name of its path, or at its first token.
fn caret(ty: &Type) -> Span {
    let span = match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(|| ty.span(), |last| last.ident.span()),
        other => other.span(),
    };
    Span::mixed_site().located_at(span)
}

/// A local of the expansion, invisible to the user's code.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// How the runtime's answer is had: at once, or by waiting.
fn resolve(model: &Model) -> TokenStream {
    if model.is_async() { quote!(resolve_async().await) } else { quote!(resolve()) }
}

/// The name of a companion: alone on its enum, behind the function's name beside a method.
fn companion_name(model: &Model, name: &str) -> Ident {
    match &model.home {
        Home::Free(_) => Ident::new(name, Span::call_site()),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => {
            // Where the method is, but of the expansion: its lints are not the user's.
            let span = Span::call_site().located_at(model.function.sig.ident.span());
            Ident::new(&format!("{prefix}_{name}"), span)
        }
        Home::Nowhere { .. } => unreachable!("a function without a home has no companions"),
    }
}

//! The user's expressions: called, asked or evaluated where the parameters are.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprClosure, Pat};

use super::{local, private};
use crate::model::Model;
use crate::signature::Param;
use crate::tokens;

/// `unless` and `forced_update` as the mode of a call; `None` without them.
pub(super) fn mode(model: &Model) -> Option<TokenStream> {
    let p = private(model);
    let branch = |expr: &Expr, mode: &str| {
        let (condition, mode) = (condition(model, expr), local(mode));
        quote!(if #p::truth(#condition) { #p::Mode::#mode } else)
    };
    let unless = model.options.unless.as_ref().map(|expr| branch(expr, "Bypass"));
    let forced = model.options.forced_update.as_ref().map(|expr| branch(expr, "Refresh"));
    let otherwise = local(if model.options.is_stale.is_some() { "Checked" } else { "Normal" });
    (unless.is_some() || forced.is_some()).then(|| quote!(#unless #forced { #p::Mode::#otherwise }))
}

/// A `bool`: a parameter itself, a function or closure called, or an expression.
fn condition(model: &Model, expr: &Expr) -> TokenStream {
    match expr {
        Expr::Path(path) if model.as_param(path).is_some() => expr.to_token_stream(),
        Expr::Path(path) => quote!(#path()),
        other => called(model, other),
    }
}

/// A function or closure called with references to the parameters (or with nothing), or an expression over them.
pub(super) fn called(model: &Model, expr: &Expr) -> TokenStream {
    match expr {
        Expr::Path(path) if model.as_param(path).is_some() => expr.to_token_stream(),
        Expr::Path(path) => {
            let is_key = model.options.make_cache_key.as_ref().is_some_and(|key| std::ptr::eq(key, expr));
            let arguments = if is_key { references(&model.params) } else { Vec::new() };
            quote!(#path(#(#arguments),*))
        }
        Expr::Closure(closure) if closure.inputs.is_empty() => {
            let hook = local("hook");
            over_params(model, expr, quote!({ let #hook = #closure; #hook() }))
        }
        Expr::Closure(closure) => {
            let p = private(model);
            asked(&quote!(#p::call), references(&model.params), closure)
        }
        other => over_params(model, other, other.to_token_stream()),
    }
}

/// Whether the value is stale, worth storing, and the like: `call` of `&value`.
pub(super) fn of_value(model: &Model, helper: &str, expr: &Expr, value: &TokenStream) -> TokenStream {
    let p = private(model);
    let helper = local(helper);
    match expr {
        Expr::Closure(closure) => {
            let mut arguments = vec![quote!(#value)];
            if closure.inputs.len() > 1 {
                arguments.extend(references(&model.params));
            }
            let asked = asked(&quote!(#p::#helper), arguments, closure);
            over_params(model, expr, asked)
        }
        path => quote!(#path(#value)),
    }
}

fn references(params: &[Param]) -> Vec<TokenStream> {
    params.iter().map(|param| &param.name).map(|name| quote!(&#name)).collect()
}

/// `helper(&(a, b), |&(x, y)| ..)`: through a bound, so that the closure's inputs have their types from the start.
fn asked(helper: &TokenStream, mut arguments: Vec<TokenStream>, closure: &ExprClosure) -> TokenStream {
    if let [only] = arguments.as_mut_slice() {
        return quote!(#helper(#only, #closure));
    }
    let (patterns, types): (Vec<_>, Vec<_>) = closure.inputs.iter().map(typed).unzip();
    let ExprClosure { attrs, capture, body, .. } = closure;
    quote!(#helper(&(#(#arguments,)*), #(#attrs)* #capture |&(#(#patterns,)*): &(#(#types,)*)| #body))
}

fn typed(input: &Pat) -> (TokenStream, TokenStream) {
    match input {
        Pat::Type(typed) => (typed.pat.to_token_stream(), typed.ty.to_token_stream()),
        other => (other.to_token_stream(), quote!(_)),
    }
}

/// `code`, where the names that `expr` mentions of parameters taken apart are bound, as references.
pub(super) fn over_params(model: &Model, expr: &impl ToTokens, code: TokenStream) -> TokenStream {
    let names = tokens::names(expr.to_token_stream());
    let mentioned = |param: &&Param| {
        param.pattern.is_some() && param.bound().iter().any(|name| names.contains(&name.to_string()))
    };
    model.params.iter().filter(mentioned).fold(code, |code, param| {
        let (name, pattern) = (&param.name, param.pattern.as_ref().map(by_reference));
        quote! {{
            #[allow(unused_variables)]
            let #pattern = &#name;
            #code
        }}
    })
}

/// A pattern whose bindings are references, whatever it said of `mut` and `ref`.
fn by_reference(pattern: &Pat) -> TokenStream {
    tokens::without(pattern.to_token_stream(), &["mut", "ref"])
}

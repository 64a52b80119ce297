//! What cannot work: one clear error each, at the token that causes it.

mod fresh;

use quote::ToTokens as _;
use syn::{Expr, ExprLit, FnArg, Lit, ReceiverKind, Type};

use crate::attr::Kind;
use crate::attr::template::{Piece, pieces};
use crate::batch;
use crate::diag::Errors;
use crate::model::Model;
use crate::signature::Param;
use crate::tokens;
use crate::types::{Part, bindings, each, has_reference};

/// Records every mistake in `model`.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    signature(model, errors);
    return_type(model, errors);
    ignored_names(model, errors);
    hooks(model, errors);
    destructured_names(model, errors);
    fresh::check(model, errors);
    batch::check(model, errors);
    if model.options.kind == Kind::Cached {
        cached_key(model, errors);
    }
}

fn signature(model: &Model, errors: &mut Errors) {
    for attr in model.function.attrs.iter().filter(|attr| Kind::of(attr.path()).is_some()) {
        errors.at(attr, "one of `#[memoize]` and `#[cached]` is enough");
    }
    let sig = &model.function.sig;
    if let Some(token) = &sig.constness {
        errors.at(
            token,
            "a `const fn` cannot be cached: its calls may be evaluated at compile time; drop `const`",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "C-variadic arguments cannot be part of a key; cache a function without `...`");
    }
    for input in &sig.inputs {
        let attrs = match input {
            FnArg::Receiver(receiver) => &receiver.attrs,
            FnArg::Typed(typed) => &typed.attrs,
        };
        for attr in
            attrs.iter().filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
        {
            errors.at(
                attr,
                "a parameter that may not be there cannot be part of a key; put `cfg` on the whole function",
            );
        }
    }
}

fn return_type(model: &Model, errors: &mut Errors) {
    const BORROWED: &str = "a cached value outlives the arguments, so it cannot borrow from them; return an owned value or an `Arc`";
    each(&model.ret, &mut |part| {
        match part {
            Part::Type(Type::ImplTrait(found)) => {
                errors.at(
                    found,
                    "`impl Trait` has no name to be cached under; return a concrete type, or box it",
                );
                return false;
            }
            Part::Type(Type::Never(found)) => {
                errors.at(found, "a function that never returns has nothing to cache");
            }
            Part::Type(Type::Reference(found)) => {
                if found.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") {
                    errors.at(found, BORROWED);
                    return false;
                }
            }
            Part::Lifetime(found) if found.ident != "static" => errors.at(found, BORROWED),
            Part::Type(_) | Part::Lifetime(_) => {}
        }
        true
    });
}

fn ignored_names(model: &Model, errors: &mut Errors) {
    let mut seen = Vec::new();
    for name in &model.options.args_to_ignore {
        let known = name == "self" && model.receiver.is_some()
            || model.params.iter().any(|param| param.pattern.is_none() && param.name == *name);
        if !known {
            let own = model
                .params
                .iter()
                .filter(|param| param.pattern.is_none())
                .map(|param| param.name.to_string());
            let list: Vec<String> = model.receiver.iter().map(|_| "self".to_owned()).chain(own).collect();
            let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
            errors.at(name, format!("`{name}` is no parameter of this function; it has: {list}"));
        } else if seen.contains(&name) {
            errors.at(name, format!("`{name}` is named twice"));
        }
        seen.push(name);
    }
}

/// Closures take what they are called with: nothing, or a reference to every parameter (after the value, if any).
fn hooks(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    let params = model.params.len();
    for (name, expr) in [
        ("unless", &options.unless),
        ("forced_update", &options.forced_update),
        ("make_cache_key", &options.make_cache_key),
    ] {
        if let Some(Expr::Closure(closure)) = expr {
            let takes = closure.inputs.len();
            if takes != 0 && takes != params {
                errors.at(
                    &closure.inputs,
                    format!(
                        "the closure of `{name}` takes nothing, or a reference to each parameter ({params})"
                    ),
                );
            }
        }
        if let Some(Expr::Lit(ExprLit { lit, .. })) = expr {
            let right = if name == "make_cache_key" {
                matches!(lit, Lit::Str(_))
            } else {
                matches!(lit, Lit::Bool(_))
            };
            let wants = if name == "make_cache_key" { "a text" } else { "a `bool`" };
            if !right {
                errors.at(
                    lit,
                    format!("`{name}` takes {wants}: an expression over the parameters, a path or a closure"),
                );
            }
        }
    }
    let one = "takes one input: a reference to the value";
    for (name, expr) in [
        ("response_filter", &options.response_filter),
        ("timeout_from", &options.timeout_from),
        ("tags_from", &options.tags_from),
    ] {
        if let Some(Expr::Closure(closure)) = expr
            && closure.inputs.len() != 1
        {
            errors.at(inputs(closure), format!("the closure of `{name}` {one}"));
        }
    }
    if let Some(Expr::Closure(closure)) = &options.is_stale
        && closure.inputs.len() != 1
        && closure.inputs.len() != 1 + params
    {
        errors.at(
            inputs(closure),
            format!("the closure of `is_stale` {one}, or that and a reference to each parameter ({params})"),
        );
    }
    if let Some(Expr::Closure(closure)) = &options.make_name
        && closure.inputs.len() != 1
    {
        errors.at(inputs(closure), "the closure of `make_name` takes one input: the function's name, `&str`");
    }
    if let Some(Expr::Closure(closure)) = &options.key_prefix
        && !closure.inputs.is_empty()
    {
        errors.at(&closure.inputs, "the closure of `key_prefix` takes nothing; it may name the parameters");
    }
    match &options.key_prefix {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            errors.keep(pieces(text));
        }
        Some(Expr::Lit(ExprLit { lit, .. })) => {
            errors.at(
                lit,
                "`key_prefix` takes a text, such as \"view/%s\", a path, a closure or an expression",
            );
        }
        Some(expr) => {
            if let Some(text) = tokens::literal_with(expr.to_token_stream(), "%s") {
                errors.at(
                    text,
                    "`%s` is the path only in a `key_prefix` that is a text itself; what an expression or a function gives is \
                     the key as it is: ask `RequestContext::current()` for the path there",
                );
            }
        }
        None => {}
    }
}

/// The inputs of a closure with their bars.
pub(super) fn inputs(closure: &syn::ExprClosure) -> proc_macro2::TokenStream {
    let (begin, inputs, end) = (closure.inputs_begin, &closure.inputs, closure.inputs_end);
    quote::quote!(#begin #inputs #end)
}

/// A name bound by taking a parameter apart is a reference in the user's expressions, which `&` and `ref` do not allow.
fn destructured_names(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    let dynamic = match &options.timeout {
        Some(crate::attr::Lifetime::Dynamic(expr)) => Some(&**expr),
        _ => None,
    };
    let exprs = [
        options.unless.as_ref(),
        options.forced_update.as_ref(),
        options.is_stale.as_ref(),
        options.make_cache_key.as_ref(),
        options.key_prefix.as_ref(),
        dynamic,
    ];
    for expr in exprs.into_iter().flatten() {
        let names = tokens::names(expr.to_token_stream());
        for param in &model.params {
            if let Some(pattern) = &param.pattern
                && has_reference(pattern)
                && bindings(pattern).iter().any(|name| names.contains(&name.to_string()))
            {
                errors.at(
                    pattern,
                    "an option reads this parameter: name it here, and take it apart in the body",
                );
            }
        }
    }
}

/// `#[cached]` keys by the request or by a name: a parameter that neither mentions would be ignored silently.
fn cached_key(model: &Model, errors: &mut Errors) {
    let options = &model.options;
    if is_request(model) || wrong(model, "make_cache_key") || wrong(model, "key_prefix") {
        return;
    }
    let takes_all = match &options.make_cache_key {
        Some(Expr::Path(path)) => model.as_param(path).is_none(),
        Some(Expr::Closure(closure)) => !closure.inputs.is_empty(),
        _ => false,
    };
    let names = model.key_names();
    let how = "name it in `key_prefix` (`key_prefix = \"item/{id}\"`) or `make_cache_key`, or use `#[memoize]`, which keys \
               by the arguments";
    let is_named =
        |param: &Param| takes_all || param.bound().iter().any(|name| names.contains(&name.to_string()));
    for input in &model.function.sig.inputs {
        if let FnArg::Receiver(receiver) = input
            && !names.contains("self")
        {
            let at = match &receiver.kind {
                ReceiverKind::Value => receiver.self_token.to_token_stream(),
                _ => receiver.to_token_stream(),
            };
            errors.at(
                at,
                format!("`#[cached]` would ignore `self` and serve one instance's value to another: {how}"),
            );
        }
    }
    for param in model.params.iter().filter(|param| !is_named(param)) {
        let (at, name) = match &param.pattern {
            None => (param.name.to_token_stream(), format!("`{}`", param.name)),
            Some(pattern) => (pattern.to_token_stream(), "this parameter".to_owned()),
        };
        errors
            .at(at, format!("`#[cached]` would ignore {name} and serve one call's value to another: {how}"));
    }
}

/// Whether the key is the request: no key was given, or the path stands in it.
fn is_request(model: &Model) -> bool {
    match (&model.options.make_cache_key, &model.options.key_prefix) {
        (None, None) => true,
        (None, Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. }))) => {
            // One that cannot be read is a mistake already.
            pieces(text).map_or(true, |pieces| pieces.contains(&Piece::Path))
        }
        _ => false,
    }
}

/// Whether the option was written but could not be read.
fn wrong(model: &Model, name: &str) -> bool {
    let given = match name {
        "make_cache_key" => model.options.make_cache_key.is_some(),
        _ => model.options.key_prefix.is_some(),
    };
    model.options.wrote(name).is_some() && !given
}

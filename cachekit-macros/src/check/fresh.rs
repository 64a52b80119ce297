//! What cannot work of the options on the age of values and of tags.

use std::collections::HashSet;

use quote::ToTokens as _;
use syn::{Expr, ReceiverKind, Type};

use super::inputs;
use crate::diag::Errors;
use crate::model::Model;
use crate::tokens;

/// Records every mistake in them.
pub(super) fn check(model: &Model, errors: &mut Errors) {
    left_alone(model, errors);
    closures(model, errors);
    tags(model, errors);
}

/// A computation that goes on without its caller cannot keep what the caller only lent to be changed.
fn left_alone(model: &Model, errors: &mut Errors) {
    let Some(option) = model.options.fresh.behind() else { return };
    let message = format!(
        "`{option}` computes behind a caller who does not wait, so nothing can be lent to be changed: take an owned value, \
         or share it behind an `Arc<Mutex<..>>`"
    );
    if let Some(receiver) = &model.receiver
        && matches!(receiver.kind, ReceiverKind::Reference(..))
        && receiver.mutability.is_some()
    {
        errors.at(receiver, &message);
    }
    for param in &model.params {
        if let Type::Reference(reference) = &param.ty
            && reference.mutability.is_some()
        {
            errors.at(reference, &message);
        }
    }
}

fn closures(model: &Model, errors: &mut Errors) {
    let fresh = &model.options.fresh;
    if let Some(Expr::Closure(closure)) = &fresh.fail_safe_if
        && closure.inputs.len() != 1
    {
        errors.at(inputs(closure), "the closure of `fail_safe_if` takes one input: a reference to the error");
    }
    if let Some(Expr::Closure(closure)) = &fresh.on_timeout
        && !closure.inputs.is_empty()
    {
        errors.at(
            inputs(closure),
            "the closure of `on_timeout` takes nothing: the arguments are where the body is",
        );
    }
    if let Some(expr) = &fresh.on_timeout {
        let names = tokens::names(expr.to_token_stream());
        let is_named = |name: &proc_macro2::Ident| names.contains(&name.to_string());
        if model.params.iter().any(|param| param.bound().iter().any(is_named))
            || (model.receiver.is_some() && names.contains("self"))
        {
            errors.at(expr, "`on_timeout` cannot name the parameters: they are where the body is");
        }
    }
}

/// Who looks a call up has what is part of its key, and nothing else to make tags of.
fn tags(model: &Model, errors: &mut Errors) {
    let keyed: HashSet<String> =
        model.key_params().iter().flat_map(|param| param.bound()).map(|name| name.to_string()).collect();
    for tag in &model.options.tags {
        let names = tokens::names(tag.to_token_stream());
        let bound = model.params.iter().flat_map(crate::signature::Param::bound);
        let mut others =
            bound.map(|name| name.to_string()).filter(|name| names.contains(name) && !keyed.contains(name));
        if let Some(other) = others.next() {
            errors.at(
                tag,
                format!("`{other}` is no part of the key, so the tag could differ between calls that share a value; use `tags_from`, which sees the value"),
            );
        } else if names.contains("self") && model.receiver.is_some() && !model.key_takes_receiver() {
            errors.at(tag, "`self` is no part of the key, so it can be no part of a tag; use `tags_from`, which sees the value");
        }
    }
}

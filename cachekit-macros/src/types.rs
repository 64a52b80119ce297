//! What types and patterns are made of.
//!
//! Written out for the few things that are looked for, in the place of syn's visitors: those go through all of the
//! language, and took a fifth of the time in which the macros are compiled.

use proc_macro2::Ident;
use syn::punctuated::Punctuated;
use syn::{GenericArgument, Lifetime, Pat, Path, PathArguments, Token, Type, TypeImplTrait, TypeParamBound};

/// A part of a type.
pub(crate) enum Part<'a> {
    Type(&'a Type),
    Lifetime(&'a Lifetime),
}

/// Shows a type, and what it is made of where it is asked for, from the outside in. Not what is called with it: neither the
/// inputs nor the output of a function pointer or of `Fn(..)`.
pub(crate) fn each<'a>(ty: &'a Type, see: &mut dyn FnMut(Part<'a>) -> bool) {
    if !see(Part::Type(ty)) {
        return;
    }
    match ty {
        Type::Array(array) => each(&array.elem, see),
        Type::Group(group) => each(&group.elem, see),
        Type::ImplTrait(anonymous) => each_bound(&anonymous.bounds, see),
        Type::Paren(paren) => each(&paren.elem, see),
        Type::Path(path) => {
            if let Some(own) = &path.qself {
                each(&own.ty, see);
            }
            each_argument(&path.path, see);
        }
        Type::Ptr(pointer) => each(&pointer.elem, see),
        Type::Reference(reference) => {
            if let Some(lifetime) = &reference.lifetime {
                see(Part::Lifetime(lifetime));
            }
            each(&reference.elem, see);
        }
        Type::Slice(slice) => each(&slice.elem, see),
        Type::TraitObject(object) => each_bound(&object.bounds, see),
        Type::Tuple(tuple) => tuple.elems.iter().for_each(|ty| each(ty, see)),
        _ => {}
    }
}

fn each_bound<'a>(bounds: &'a Punctuated<TypeParamBound, Token![+]>, see: &mut dyn FnMut(Part<'a>) -> bool) {
    for bound in bounds {
        match bound {
            TypeParamBound::Trait(bound) => each_argument(&bound.path, see),
            TypeParamBound::Lifetime(lifetime) => _ = see(Part::Lifetime(lifetime)),
            _ => {}
        }
    }
}

fn each_argument<'a>(path: &'a Path, see: &mut dyn FnMut(Part<'a>) -> bool) {
    for segment in &path.segments {
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { continue };
        for argument in &arguments.args {
            match argument {
                GenericArgument::Lifetime(lifetime) => _ = see(Part::Lifetime(lifetime)),
                GenericArgument::Type(ty) => each(ty, see),
                GenericArgument::AssocType(output) => each(&output.ty, see),
                GenericArgument::Constraint(constraint) => each_bound(&constraint.bounds, see),
                _ => {}
            }
        }
    }
}

/// The first `impl Trait` in a type.
pub(crate) fn find_impl_trait(ty: &Type) -> Option<&TypeImplTrait> {
    let mut found = None;
    each(ty, &mut |part| {
        if let Part::Type(Type::ImplTrait(anonymous)) = part {
            found.get_or_insert(anonymous);
        }
        true
    });
    found
}

/// Whether a type holds a reference or names a lifetime.
pub(crate) fn has_lifetimes(ty: &Type) -> bool {
    let mut has = false;
    each(ty, &mut |part| {
        has |= matches!(part, Part::Lifetime(_) | Part::Type(Type::Reference(_)));
        true
    });
    has
}

/// The names a pattern binds.
pub(crate) fn bindings(pattern: &Pat) -> Vec<Ident> {
    let mut names = Vec::new();
    each_pattern(pattern, &mut |pattern| {
        if let Pat::Ident(name) = pattern {
            names.push(name.ident.clone());
        }
    });
    names
}

/// Whether a pattern takes something from behind a reference.
pub(crate) fn has_reference(pattern: &Pat) -> bool {
    let mut has = false;
    each_pattern(pattern, &mut |pattern| has |= matches!(pattern, Pat::Reference(_)));
    has
}

/// Shows a pattern, and those in it, from the outside in.
fn each_pattern<'a>(pattern: &'a Pat, see: &mut dyn FnMut(&'a Pat)) {
    see(pattern);
    match pattern {
        Pat::Ident(name) => name.subpat.iter().for_each(|(_, inner)| each_pattern(inner, see)),
        Pat::Or(or) => or.cases.iter().for_each(|case| each_pattern(case, see)),
        Pat::Paren(paren) => each_pattern(&paren.pat, see),
        Pat::Reference(reference) => each_pattern(&reference.pat, see),
        Pat::Slice(slice) => slice.elems.iter().for_each(|elem| each_pattern(elem, see)),
        Pat::Struct(of) => of.fields.iter().for_each(|field| each_pattern(&field.pat, see)),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|elem| each_pattern(elem, see)),
        Pat::TupleStruct(of) => of.elems.iter().for_each(|elem| each_pattern(elem, see)),
        Pat::Type(typed) => each_pattern(&typed.pat, see),
        _ => {}
    }
}

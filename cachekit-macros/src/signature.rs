//! What a signature says: the parameters, the receiver, what is returned.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::{
    AttrStyle, Attribute, FnArg, GenericArgument, GenericParam, Generics, Pat, PathArguments, Receiver,
    ReceiverKind, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
};

use crate::types::{bindings, find_impl_trait};

/// A function as it was written; the body stays tokens, so that syntax newer than syn passes.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness = input.parse()?;
        let sig = input.parse()?;
        let body: Group = input.parse()?;
        let (inner, rest) = syn::parse::Parser::parse2(
            |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse::<TokenStream>()?)),
            body.stream(),
        )?;
        attrs.extend(inner.into_iter().map(|attr| Attribute { style: AttrStyle::Outer, ..attr }));
        let mut stripped = Group::new(body.delimiter(), rest);
        stripped.set_span(body.span());
        Ok(Self { attrs, vis, defaultness, sig, body: stripped })
    }
}

/// How the function gives its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Sync,
    Async,
    /// A plain function that returns a boxed future, as `#[async_trait]` makes them.
    Boxed,
}

/// One parameter that is not the receiver.
pub(crate) struct Param {
    /// What holds it in the generated code.
    pub(crate) name: Ident,
    /// The pattern it is taken apart by, inside the body.
    pub(crate) pattern: Option<Pat>,
    pub(crate) ty: Type,
    pub(crate) ignored: bool,
}

impl Param {
    /// The names that the user's expressions know it by.
    pub(crate) fn bound(&self) -> Vec<Ident> {
        match &self.pattern {
            None => vec![self.name.clone()],
            Some(pattern) => bindings(pattern),
        }
    }

    /// Whether the type is an `impl Trait`, or holds one.
    pub(crate) fn is_anonymous(&self) -> bool {
        find_impl_trait(&self.ty).is_some()
    }
}

/// The parameters; those in `ignored` are not part of the key.
pub(crate) fn params(ignored: &[Ident], sig: &Signature) -> Vec<Param> {
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed
        .enumerate()
        .map(|(index, typed)| {
            let (name, pattern) = match &*typed.pat {
                Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => {
                    (plain.ident.clone(), None)
                }
                other => (format_ident!("arg{index}", span = Span::mixed_site()), Some(other.clone())),
            };
            let ignored = ignored.contains(&name);
            Param { name, pattern, ty: (*typed.ty).clone(), ignored }
        })
        .collect()
}

/// How the value is given, and of what type it is.
pub(crate) fn shape(sig: &Signature) -> (Shape, Type) {
    let ret = match &sig.output {
        ReturnType::Default => {
            let span = sig.ident.span();
            let unit = quote::quote_spanned!(span=> ());
            Type::Verbatim(unit)
        }
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    if sig.asyncness.is_some() {
        return (Shape::Async, ret);
    }
    match boxed_output(&ret) {
        Some(output) => (Shape::Boxed, output),
        None => (Shape::Sync, ret),
    }
}

/// `T` of `Pin<Box<dyn Future<Output = T> + ..>>`.
fn boxed_output(ty: &Type) -> Option<Type> {
    let Type::TraitObject(object) = only_argument(only_argument(ty, "Pin")?, "Box")? else { return None };
    object.bounds.iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let segment = bound.path.segments.last().filter(|segment| segment.ident == "Future")?;
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(output.ty.clone()),
            _ => None,
        })
    })
}

/// `T` of `name<T>`.
fn only_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// How many times `self` is dereferenced to reach `Self`.
pub(crate) fn receiver_depth(receiver: &Receiver) -> usize {
    fn depth(ty: &Type) -> usize {
        if let Type::Reference(reference) = ty {
            return 1 + depth(&reference.elem);
        }
        // A `Pin` derefs through the pointer inside it.
        if let Some(inner) = only_argument(ty, "Pin") {
            return depth(inner);
        }
        ["Box", "Rc", "Arc"]
            .iter()
            .find_map(|pointer| only_argument(ty, pointer))
            .map_or(0, |inner| 1 + depth(inner))
    }
    match &receiver.kind {
        ReceiverKind::Reference(..) => 1,
        ReceiverKind::Typed(_, ty) => depth(ty),
        _ => 0,
    }
}

/// `<T, N>` of the function itself, for calling it; nothing when there are only lifetimes.
pub(crate) fn turbofish(generics: &Generics) -> TokenStream {
    let arguments: Vec<_> = generics
        .params
        .iter()
        .filter_map(|param| match param {
            GenericParam::Type(param) => Some(param.ident.to_token_stream()),
            GenericParam::Const(param) => Some(param.ident.to_token_stream()),
            GenericParam::Lifetime(_) => None,
        })
        .collect();
    if arguments.is_empty() { TokenStream::new() } else { quote!(::<#(#arguments),*>) }
}

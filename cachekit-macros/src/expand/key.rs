//! What identifies a call: the instantiation, the arguments, or what the user says.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::{ConstParam, Expr, ExprLit, GenericParam, Lit, LitStr, Receiver, Type};

use super::{caret, hooks, local, private, private_at};
use crate::attr::template::{Piece, pieces};
use crate::attr::{Kind, Vary};
use crate::model::{Home, Model};
use crate::signature::{Param, receiver_depth};

/// The key of a call, with its tags; `receiver` is how `Self` is reached here.
pub(super) fn tagged(model: &Model, site: &TokenStream, receiver: &TokenStream) -> TokenStream {
    with_tags(model, key(model, site, receiver))
}

/// A key with the tags of the call.
pub(super) fn with_tags(model: &Model, key: TokenStream) -> TokenStream {
    if model.options.tags.is_empty() {
        return key;
    }
    let p = private(model);
    let tags = local("tags");
    let each = model.options.tags.iter().map(|tag| {
        let text = match tag {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                hooks::over_params(model, text, quote!(::std::format!(#text)))
            }
            other => hooks::called(model, other),
        };
        quote!(#tags.push(#text);)
    });
    quote!(#p::tagged(#key, |#tags: &mut #p::Tags| { #(#each)* }))
}

/// The key of a call; `receiver` is how `Self` is reached here.
pub(super) fn key(model: &Model, site: &TokenStream, receiver: &TokenStream) -> TokenStream {
    let p = private(model);
    if let Some(expr) = &model.options.make_cache_key {
        let key = hooks::called(model, expr);
        return quote!(#p::text(#key));
    }
    if model.options.kind == Kind::Cached {
        let template = template(model);
        let vary = model.options.vary.iter().map(|one| vary(model, one));
        return quote!(#p::cached_key(#site, &mut [#(#template),*], &[#(#vary),*]));
    }
    if let Some(arguments) = known(model) {
        return arguments;
    }
    let args = model.key_params().iter().rev().fold(quote!(()), |rest, param| {
        let one = arg(model, param);
        quote!((#one, #rest))
    });
    if let Some(token) = model.key_receiver() {
        let receiver = instance(model, token, receiver);
        quote!(#p::method(#receiver, #args))
    } else {
        quote!(#p::args(#args))
    }
}

/// The receiver alone: what names an instance.
pub(super) fn instance(model: &Model, token: &Receiver, receiver: &TokenStream) -> TokenStream {
    fed(model, receiver, token.self_token.span)
}

/// One argument, borrowed as far as its type says so: `&**name` for `&&T` reaches what implements the trait.
fn arg(model: &Model, param: &Param) -> TokenStream {
    let (ty, place) = match model.batch_of(param) {
        None => (&param.ty, param.name.to_token_stream()),
        // One of the ids, which is at hand as a reference.
        Some(batch) => {
            let id = crate::batch::id();
            (&batch.id, quote!(*#id))
        }
    };
    let (ty, place) = innermost(ty, place);
    match primitive(ty) {
        Some(Primitive::Word) => at(model, "word", &place, caret(ty)),
        Some(Primitive::Wide | Primitive::Float | Primitive::Text) => {
            at(model, "keyed", &quote!(&#place), caret(ty))
        }
        None => fed(model, &quote!(&#place), caret(ty)),
    }
}

/// What the expression of the key needs in scope: nothing, where no argument has to be dispatched on.
pub(super) fn scope(model: &Model) -> Option<TokenStream> {
    (!is_of_copies(model)).then(|| dispatch(model))
}

/// The same for the key and the policy.
pub(super) fn whole_scope(model: &Model) -> Option<TokenStream> {
    (!is_of_copies(model) || !is_whole(model)).then(|| dispatch(model))
}

/// The traits of the dispatch.
pub(super) fn dispatch(model: &Model) -> TokenStream {
    let p = private(model);
    quote!(use #p::dispatch::*;)
}

/// Whether the key is made of copies, and of what shared references lead to: it borrows nothing that the body may move.
pub(super) fn is_of_copies(model: &Model) -> bool {
    let is_copied = |param: &&Param| {
        let mut ty = &param.ty;
        while let Type::Reference(reference) = ty {
            if reference.mutability.is_some() {
                return false;
            }
            ty = &reference.elem;
        }
        primitive(ty).is_some()
    };
    model.key_is_of_arguments()
        && model.key_receiver().is_none()
        && model.batch.is_none()
        && model.key_params().iter().all(is_copied)
}

/// A tuple of arguments whose types are known by their names to be what `Hash` makes of them: a key as it is.
fn known(model: &Model) -> Option<TokenStream> {
    let params = model.key_params();
    // As many as the standard library has tuples that are `Hash`.
    if !is_of_copies(model) || params.len() > 12 {
        return None;
    }
    let arguments: Option<Vec<_>> = params
        .iter()
        .map(|param| {
            let (ty, place) = innermost(&param.ty, param.name.to_token_stream());
            match primitive(ty)? {
                Primitive::Word | Primitive::Wide => Some(place),
                Primitive::Text => Some(quote!(&#place)),
                Primitive::Float => None,
            }
        })
        .collect();
    let arguments = arguments?;
    Some(quote!((#(#arguments,)*)))
}

/// The key of a call about which all is known: its arguments, and that the function has one instantiation.
pub(super) fn known_call(model: &Model) -> Option<TokenStream> {
    if !model.options.tags.is_empty() || !markers(model).is_empty() {
        return None;
    }
    known(model)
}

/// Whether a result is known by the name of its type to be stored as it is.
pub(super) fn is_whole(model: &Model) -> bool {
    let is_known = match &model.ret {
        Type::Tuple(unit) => unit.elems.is_empty(),
        ty => primitive(ty).is_some_and(|primitive| !matches!(primitive, Primitive::Text)),
    };
    is_known && !model.options.local && model.batch.is_none()
}

/// What a reference to a reference leads to, and how.
fn innermost(mut ty: &Type, mut place: TokenStream) -> (&Type, TokenStream) {
    while let Type::Reference(reference) = ty {
        place = quote!(*#place);
        ty = &reference.elem;
    }
    (ty, place)
}

/// What is known of a type by its name alone, so that the compiler need not find it out.
enum Primitive {
    /// It fits a register.
    Word,
    Wide,
    Float,
    Text,
}

fn primitive(ty: &Type) -> Option<Primitive> {
    let Type::Path(path) = ty else { return None };
    match path.path.get_ident().filter(|_| path.qself.is_none())?.to_string().as_str() {
        "bool" | "char" | "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            Some(Primitive::Word)
        }
        "u128" | "i128" => Some(Primitive::Wide),
        "f32" | "f64" => Some(Primitive::Float),
        "str" => Some(Primitive::Text),
        _ => None,
    }
}

/// A call of a function of ours on an argument; its errors are at `span`.
fn at(model: &Model, function: &str, argument: &TokenStream, span: Span) -> TokenStream {
    let span = Span::mixed_site().located_at(span);
    let (p, function) = (private_at(model, span), Ident::new(function, span));
    quote_spanned!(span=> #p::#function(#argument))
}

/// The dispatch on what the argument's type implements; its errors are at `span`.
fn fed(model: &Model, reference: &TokenStream, span: Span) -> TokenStream {
    let span = Span::mixed_site().located_at(span);
    let p = private_at(model, span);
    quote_spanned!(span=> (&&&&#p::Arg(#reference)).cachekit_key())
}

/// How the wrapper reaches `Self` from its own receiver.
pub(super) fn receiver_here(receiver: &Receiver) -> TokenStream {
    let token = receiver.self_token;
    match receiver_depth(receiver) {
        0 => quote!(&#token),
        1 if is_plain_reference(receiver) => quote!(#token),
        depth => {
            let stars = std::iter::repeat_n(quote!(*), depth);
            quote!(&#(#stars)*#token)
        }
    }
}

fn is_plain_reference(receiver: &Receiver) -> bool {
    matches!(&receiver.kind, syn::ReceiverKind::Reference(_, _, None))
}

/// `#[cached]`'s `key_prefix`: a template, or something that gives a text.
fn template(model: &Model) -> Vec<TokenStream> {
    let p = private(model);
    match &model.options.key_prefix {
        None => vec![quote!(#p::piece("view/")), quote!(#p::Piece::Path)],
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => {
            // What cannot be read was refused before.
            let pieces = pieces(text).unwrap_or_default();
            if let [Piece::Text(_)] = &*pieces {
                return vec![fixed(model, text)];
            }
            pieces.iter().map(|one| piece(model, one, text.span())).collect()
        }
        Some(expr) => {
            let given = hooks::called(model, expr);
            vec![quote!(#p::piece(#given))]
        }
    }
}

fn piece(model: &Model, piece: &Piece, span: Span) -> TokenStream {
    let p = private(model);
    match piece {
        Piece::Text(text) => fixed(model, &LitStr::new(text, span)),
        Piece::Path => quote!(#p::Piece::Path),
        Piece::Method => quote!(#p::Piece::Method),
        Piece::Host => quote!(#p::Piece::Host),
        Piece::Query => quote!(#p::Piece::Query),
        Piece::Parameter(name) => quote!(#p::Piece::Parameter(#name)),
        Piece::Header(name) => quote!(#p::Piece::Of(#p::Vary::Header(#name))),
        Piece::Cookie(name) => quote!(#p::Piece::Of(#p::Vary::Cookie(#name))),
    }
}

/// A text, with parameters perhaps.
fn fixed(model: &Model, text: &LitStr) -> TokenStream {
    let p = private(model);
    let value = text.value();
    let plain = value.replace("{{", "").replace("}}", "");
    if plain.contains(['{', '}']) {
        let made = hooks::over_params(model, text, quote!(::std::format!(#text)));
        return quote!(#p::piece(#made));
    }
    let plain = LitStr::new(&value.replace("{{", "{").replace("}}", "}"), text.span());
    quote!(#p::piece(#plain))
}

/// What the value varies by beside path and query.
fn vary(model: &Model, one: &Vary) -> TokenStream {
    let p = private(model);
    match one {
        Vary::Header(name) => quote!(#p::Vary::Header(#name)),
        Vary::Cookie(name) => quote!(#p::Vary::Cookie(#name)),
        Vary::Text(Expr::Path(path)) => quote!(#p::Vary::Text(::std::convert::Into::into(#path()))),
        Vary::Text(closure) => quote!(#p::Vary::Text(::std::convert::Into::into((#closure)()))),
    }
}

/// Which instantiation this is.
pub(super) fn types(model: &Model) -> TokenStream {
    let (p, markers) = (private(model), markers(model));
    if markers.is_empty() { quote!(#p::Types::NONE) } else { quote!(#p::types((#(#markers,)*))) }
}

/// What tells instantiations apart: the impl's type, and every type and constant the function is generic over.
fn markers(model: &Model) -> Vec<TokenStream> {
    let p = private(model);
    let mut markers = Vec::new();
    if model.in_impl() {
        markers.push(quote!(#p::of_::<Self>()));
    }
    for param in model.generics_of_key() {
        if let GenericParam::Type(param) = param {
            let name = &param.ident;
            markers.push(quote!(#p::of_::<#name>()));
        }
    }
    if let Some((path, constants)) = constants(model) {
        let names = constants.iter().map(|param| &param.ident);
        markers.push(quote!(#p::of(&#path::<#(#names),*>)));
    }
    for param in model.params.iter().filter(|param| !param.ignored && param.is_anonymous()) {
        let name = &param.name;
        markers.push(quote!(#p::of(&#name)));
    }
    if matches!(model.home, Home::Nowhere { .. }) && !model.sees_impl {
        // The impl's generics cannot be seen; a closure's type is generic over all of them.
        markers.push(quote!(#p::of(&|| ())));
    }
    markers
}

/// A hidden function that is generic over the constants: its type says them, in the wrapper and in the companions.
pub(super) fn constants_marker(model: &Model) -> Option<TokenStream> {
    let (_, constants) = constants(model)?;
    let name = constants_name(model);
    let params = constants.iter().map(|param| {
        let (name, ty) = (&param.ident, &param.ty);
        quote!(const #name: #ty)
    });
    Some(quote!(fn #name<#(#params),*>() {}))
}

fn constants(model: &Model) -> Option<(TokenStream, Vec<&ConstParam>)> {
    let constants: Vec<_> = model
        .generics_of_key()
        .filter_map(|param| match param {
            GenericParam::Const(param) => Some(param),
            _ => None,
        })
        .collect();
    let name = constants_name(model);
    let path = match &model.home {
        Home::Free(owner) => quote!(#owner::#name),
        Home::Beside(_) | Home::Inherent(..) => quote!(Self::#name),
        Home::Nowhere { .. } => quote!(#name),
    };
    (!constants.is_empty()).then_some((path, constants))
}

fn constants_name(model: &Model) -> Ident {
    match &model.home {
        Home::Free(_) | Home::Nowhere { .. } => Ident::new("__cachekit_constants", Span::call_site()),
        Home::Beside(prefix) | Home::Inherent(prefix, _) => {
            Ident::new(&format!("__cachekit_{prefix}_constants"), Span::call_site())
        }
    }
}

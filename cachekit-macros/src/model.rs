//! What is being cached: the options joined with the signature.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::visit_mut::VisitMut;
use syn::{
    AttrStyle, Attribute, Expr, FnArg, GenericArgument, GenericParam, Generics, Pat, Path, PathArguments, Receiver,
    ReceiverKind, ReturnType, Safety, Signature, Token, Type, TypeParamBound, TypePath, Visibility,
    parse_quote,
};

use crate::attr::{Companions, Kind, Options};
use crate::tokens;

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

/// Where the function stands, and so where its companions go.
pub(crate) enum Home {
    /// A free function: on an enum of this name.
    Free(Ident),
    /// An associated function: beside it, with this prefix.
    Beside(String),
    /// A method of a trait impl: in an inherent impl of the type, with this prefix.
    Inherent(String, Box<TraitImpl>),
    /// Nowhere; whether it may stand in an impl that cannot be seen.
    Nowhere { maybe_impl: bool },
}

/// The header of a trait impl under `#[methods]`.
#[derive(Clone)]
pub(crate) struct TraitImpl {
    pub(crate) trait_: Path,
    pub(crate) generics: Generics,
    /// The generics that the type does not name (`U` of `impl<U> Tr<U> for S`): an inherent impl cannot have them.
    pub(crate) lifted: Generics,
    /// The associated types that the impl defines.
    pub(crate) types: Vec<Ident>,
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

/// One annotated function.
pub(crate) struct Model {
    pub(crate) options: Options,
    pub(crate) function: Function,
    pub(crate) home: Home,
    pub(crate) shape: Shape,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) ignores_receiver: bool,
    pub(crate) params: Vec<Param>,
    /// What is cached: the type returned, or what the future gives.
    pub(crate) ret: Type,
    /// The generics of the function.
    pub(crate) generics: Generics,
    /// Whether the impl was seen: whether all generics are known.
    pub(crate) sees_impl: bool,
    /// The generics of the impl that its type does not name.
    pub(crate) lifted: Generics,
}

/// What is known of the surroundings of a function.
pub(crate) enum Place {
    /// An attribute on a function sees nothing.
    Unknown,
    /// `#[methods]` on an inherent impl.
    Impl,
    /// `#[methods]` on a trait impl.
    TraitImpl(Box<TraitImpl>),
}

impl Model {
    pub(crate) fn new(options: Options, function: Function, place: Place) -> Self {
        let sig = &function.sig;
        let receiver = sig.receiver().cloned();
        let mut generics = sig.generics.clone();
        let mut params = params(&options, sig);
        let (shape, mut ret) = shape(sig);
        if let Place::TraitImpl(header) = &place {
            let mut qualify = Qualify(header);
            qualify.visit_generics_mut(&mut generics);
            qualify.visit_type_mut(&mut ret);
            for param in &mut params {
                qualify.visit_type_mut(&mut param.ty);
            }
        }
        let ignores_receiver = options.args_to_ignore.iter().any(|name| name == "self");
        let sees_impl = !matches!(place, Place::Unknown);
        let lifted = match &place {
            Place::TraitImpl(header) => header.lifted.clone(),
            Place::Unknown | Place::Impl => Generics::default(),
        };
        let home = home(&options, &function, shape, place);
        Self { options, function, home, shape, receiver, ignores_receiver, params, ret, generics, sees_impl, lifted }
    }

    /// The generics that `Self` does not carry.
    pub(crate) fn generics_of_key(&self) -> impl Iterator<Item = &GenericParam> {
        self.lifted.params.iter().chain(&self.generics.params)
    }

    /// The function's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.function.sig.ident.unraw().to_string()
    }

    /// The function's `async`, if a closure in its place is to have one.
    pub(crate) fn asyncness(&self) -> Option<TokenStream> {
        self.function.sig.asyncness.map(|token| token.to_token_stream())
    }

    pub(crate) fn is_async(&self) -> bool {
        self.shape != Shape::Sync
    }

    pub(crate) fn is_unsafe(&self) -> bool {
        matches!(self.function.sig.safety, Safety::Unsafe(_))
    }

    /// Whether the function stands in an impl, as far as can be seen.
    pub(crate) fn in_impl(&self) -> bool {
        match self.home {
            Home::Free(_) => false,
            Home::Beside(_) | Home::Inherent(..) => true,
            Home::Nowhere { maybe_impl } => maybe_impl,
        }
    }

    /// The receiver, if it is part of the key by itself.
    pub(crate) fn key_receiver(&self) -> Option<&Receiver> {
        let memoized = self.options.kind == Kind::Memoize && self.options.make_cache_key.is_none();
        self.receiver.as_ref().filter(|_| memoized && !self.ignores_receiver)
    }

    /// Whether the companions that need only the key take a receiver.
    pub(crate) fn key_takes_receiver(&self) -> bool {
        self.receiver.is_some()
            && match self.options.kind {
                Kind::Memoize => !self.ignores_receiver,
                Kind::Cached => self.key_names().contains("self"),
            }
    }

    /// The parameters that the companions which need only the key take.
    pub(crate) fn key_params(&self) -> Vec<&Param> {
        let all = || self.params.iter();
        match (&self.options.make_cache_key, self.options.kind) {
            (None, Kind::Memoize) => all().filter(|param| !param.ignored).collect(),
            (Some(Expr::Path(path)), _) if self.as_param(path).is_none() => all().collect(),
            (Some(Expr::Closure(closure)), _) if !closure.inputs.is_empty() => all().collect(),
            _ => {
                let names = self.key_names();
                all().filter(|param| param.bound().iter().any(|name| names.contains(&name.to_string()))).collect()
            }
        }
    }

    /// Every name that the expression of the key mentions.
    pub(crate) fn key_names(&self) -> std::collections::HashSet<String> {
        let expr = self.options.make_cache_key.as_ref().or(self.options.key_prefix.as_ref());
        expr.map(|expr| tokens::names(expr.to_token_stream())).unwrap_or_default()
    }

    /// The parameter that `path` names, if it is nothing else.
    pub(crate) fn as_param(&self, path: &syn::ExprPath) -> Option<&Param> {
        let name = path.path.get_ident().filter(|_| path.qself.is_none())?;
        self.params.iter().find(|param| param.pattern.is_none() && param.name == *name)
    }
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

/// The first `impl Trait` in a type.
pub(crate) fn find_impl_trait(ty: &Type) -> Option<&syn::TypeImplTrait> {
    struct Find<'a>(Option<&'a syn::TypeImplTrait>);
    impl<'a> syn::visit::Visit<'a> for Find<'a> {
        fn visit_type_impl_trait(&mut self, found: &'a syn::TypeImplTrait) {
            self.0.get_or_insert(found);
        }
    }
    let mut find = Find(None);
    syn::visit::Visit::visit_type(&mut find, ty);
    find.0
}

/// Writes `Self::Assoc` as `<Self as Trait>::Assoc`, which an inherent impl understands too.
struct Qualify<'a>(&'a TraitImpl);

impl VisitMut for Qualify<'_> {
    fn visit_type_path_mut(&mut self, found: &mut TypePath) {
        syn::visit_mut::visit_type_path_mut(self, found);
        let mut segments = found.path.segments.iter();
        if found.qself.is_none()
            && segments.next().is_some_and(|segment| segment.ident == "Self")
            && segments.next().is_some_and(|segment| self.0.types.contains(&segment.ident))
        {
            let (trait_, rest) = (&self.0.trait_, found.path.segments.iter().skip(1));
            *found = parse_quote!(<Self as #trait_>::#(#rest)::*);
        }
    }
}

/// The names a pattern binds.
pub(crate) fn bindings(pattern: &Pat) -> Vec<Ident> {
    struct Find(Vec<Ident>);
    impl<'a> syn::visit::Visit<'a> for Find {
        fn visit_pat_ident(&mut self, found: &'a syn::PatIdent) {
            self.0.push(found.ident.clone());
            syn::visit::visit_pat_ident(self, found);
        }
    }
    let mut find = Find(Vec::new());
    syn::visit::Visit::visit_pat(&mut find, pattern);
    find.0
}

fn params(options: &Options, sig: &Signature) -> Vec<Param> {
    let typed = sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    typed
        .enumerate()
        .map(|(index, typed)| {
            let (name, pattern) = match &*typed.pat {
                Pat::Ident(plain) if plain.by_ref.is_none() && plain.subpat.is_none() => (plain.ident.clone(), None),
                other => {
                    (format_ident!("arg{index}", span = Span::mixed_site()), Some(other.clone()))
                }
            };
            let ignored = options.args_to_ignore.contains(&name);
            Param { name, pattern, ty: (*typed.ty).clone(), ignored }
        })
        .collect()
}

fn home(options: &Options, function: &Function, shape: Shape, place: Place) -> Home {
    let sig = &function.sig;
    let seen_in_impl = sig.receiver().is_some()
        || options.in_impl
        || tokens::mention_self_type(quote!(#sig))
        || tokens::mention_self_type(function.body.stream());
    let off = matches!(options.companions, Companions::Off);
    let own = sig.ident.unraw();
    let named = match &options.companions {
        Companions::Named(name) => Some(name.clone()),
        _ => None,
    };
    let prefix = named.as_ref().unwrap_or(&own).unraw().to_string();
    match place {
        Place::Unknown if off || (seen_in_impl && shape == Shape::Boxed) => Home::Nowhere { maybe_impl: seen_in_impl },
        Place::Unknown if seen_in_impl => Home::Beside(prefix),
        Place::Unknown => Home::Free(named.unwrap_or_else(|| sig.ident.clone())),
        Place::Impl | Place::TraitImpl(_) if off => Home::Nowhere { maybe_impl: true },
        Place::Impl => Home::Beside(prefix),
        Place::TraitImpl(header) => Home::Inherent(prefix, header),
    }
}

fn shape(sig: &Signature) -> (Shape, Type) {
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
        ["Box", "Rc", "Arc"].iter().find_map(|pointer| only_argument(ty, pointer)).map_or(0, |inner| 1 + depth(inner))
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

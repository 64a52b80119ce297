//! What is being cached: the options joined with the signature.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::{Expr, GenericParam, Generics, Path, Receiver, Safety, Signature, Type};

use crate::attr::{Companions, Kind, Options};
use crate::batch::Batch;
use crate::signature::{Function, Param, Shape, params, shape};
use crate::tokens;

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

/// One annotated function.
pub(crate) struct Model {
    pub(crate) options: Options,
    pub(crate) function: Function,
    pub(crate) home: Home,
    pub(crate) shape: Shape,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) ignores_receiver: bool,
    pub(crate) params: Vec<Param>,
    /// The parameter with the ids, under `batch`.
    pub(crate) batch: Option<Batch>,
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
        let receiver = function.sig.receiver().cloned();
        let sig = match &place {
            Place::TraitImpl(header) => qualified(&function.sig, header),
            Place::Unknown | Place::Impl => function.sig.clone(),
        };
        let params = params(&options.args_to_ignore, &sig);
        let (shape, ret) = shape(&sig);
        let generics = sig.generics;
        let ignores_receiver = options.args_to_ignore.iter().any(|name| name == "self");
        let sees_impl = !matches!(place, Place::Unknown);
        let lifted = match &place {
            Place::TraitImpl(header) => header.lifted.clone(),
            Place::Unknown | Place::Impl => Generics::default(),
        };
        let home = home(&options, &function, shape, place);
        let batch = Batch::of(&options, &params);
        Self {
            options,
            function,
            home,
            shape,
            receiver,
            ignores_receiver,
            params,
            batch,
            ret,
            generics,
            sees_impl,
            lifted,
        }
    }

    /// The generics that `Self` does not carry.
    pub(crate) fn generics_of_key(&self) -> impl Iterator<Item = &GenericParam> {
        self.lifted.params.iter().chain(&self.generics.params)
    }

    /// The function's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.function.sig.ident.unraw().to_string()
    }

    /// Whether a computation may go on without its caller, and has to own what it is called with.
    pub(crate) fn lingers(&self) -> bool {
        self.options.fresh.behind().is_some()
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
        self.receiver.as_ref().filter(|_| self.key_is_of_arguments() && !self.ignores_receiver)
    }

    /// Whether the key is made of the arguments alone, so that making it again changes nothing.
    pub(crate) fn key_is_of_arguments(&self) -> bool {
        self.options.kind == Kind::Memoize && self.options.make_cache_key.is_none()
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
                all()
                    .filter(|param| param.bound().iter().any(|name| names.contains(&name.to_string())))
                    .collect()
            }
        }
    }

    /// Whether this is the parameter with the ids of a batch.
    pub(crate) fn batch_of(&self, param: &Param) -> Option<&Batch> {
        self.batch.as_ref().filter(|batch| std::ptr::eq(&raw const self.params[batch.place], param))
    }

    /// Every name that the expression of the key mentions.
    pub(crate) fn key_names(&self) -> HashSet<String> {
        let expr = self.options.make_cache_key.as_ref().or(self.options.key_prefix.as_ref());
        expr.map(|expr| tokens::names(expr.to_token_stream())).unwrap_or_default()
    }

    /// The parameter that `path` names, if it is nothing else.
    pub(crate) fn as_param(&self, path: &syn::ExprPath) -> Option<&Param> {
        let name = path.path.get_ident().filter(|_| path.qself.is_none())?;
        self.params.iter().find(|param| param.pattern.is_none() && param.name == *name)
    }
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
        Place::Unknown if off || (seen_in_impl && shape == Shape::Boxed) => {
            Home::Nowhere { maybe_impl: seen_in_impl }
        }
        Place::Unknown if seen_in_impl => Home::Beside(prefix),
        Place::Unknown => Home::Free(named.unwrap_or_else(|| sig.ident.clone())),
        Place::Impl | Place::TraitImpl(_) if off => Home::Nowhere { maybe_impl: true },
        Place::Impl => Home::Beside(prefix),
        Place::TraitImpl(header) => Home::Inherent(prefix, header),
    }
}

/// The signature with `<Self as Trait>::Assoc` for `Self::Assoc`, which an inherent impl understands too.
fn qualified(sig: &Signature, header: &TraitImpl) -> Signature {
    let trait_ = &header.trait_;
    let own = |name: &Ident| header.types.contains(name);
    let qualified = tokens::qualify_self(sig.to_token_stream(), &own, &quote!(<Self as #trait_>));
    // A type is still one where its name is longer.
    syn::parse2(qualified).unwrap_or_else(|_| sig.clone())
}

//! `batch`: which parameter holds the ids, and what cannot be together with it.

use proc_macro2::{Ident, Span, TokenTree};
use quote::ToTokens as _;
use syn::{Expr, ExprLit, GenericArgument, Lit, Path, PathArguments, ReceiverKind, ReturnType, Type};

use crate::attr::Options;
use crate::diag::Errors;
use crate::model::Model;
use crate::signature::Param;
use crate::types::find_impl_trait;

/// The option as it was written.
pub(crate) enum Ids {
    /// `batch`: the only parameter that can hold ids.
    Any,
    /// `batch = ids`.
    Named(Ident),
}

/// How the body is given the ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// `&[Id]`, `&Vec<Id>`
    Reference,
    /// `Vec<Id>`
    Value,
}

/// The parameter with the ids.
pub(crate) struct Batch {
    /// Its place among the parameters.
    pub(crate) place: usize,
    /// The type of one id.
    pub(crate) id: Type,
    pub(crate) by: By,
}

const HOW: &str = "`batch` stands alone, or names the parameter with the ids: `batch = ids`";

/// Options that hold for each id as they do for one call, or for the function as a whole.
const KNOWN: &[&str] = &[
    "batch",
    "timeout",
    "timeout_from",
    "unless",
    "forced_update",
    "response_filter",
    "hash_method",
    "cache_none",
    "cache_err",
    "none_timeout",
    "err_timeout",
    "source_check",
    "cache",
    "namespace",
    "local",
    "max_size",
    "companions",
    "in_impl",
    "crate",
    "make_name",
    "args_to_ignore",
];

impl Ids {
    /// Reads the option's value; `None` where it is switched off.
    pub(crate) fn parse(value: Option<Expr>) -> syn::Result<Option<Self>> {
        match value {
            None => Ok(Some(Self::Any)),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(on), .. })) => Ok(on.value.then_some(Self::Any)),
            Some(Expr::Path(path)) if path.path.get_ident().is_some() => {
                Ok(path.path.get_ident().cloned().map(Self::Named))
            }
            Some(other) => Err(syn::Error::new_spanned(other, HOW)),
        }
    }
}

impl Batch {
    /// The parameter with the ids, if it is plain which one that is.
    pub(crate) fn of(options: &Options, params: &[Param]) -> Option<Self> {
        match options.batch.as_ref()? {
            Ids::Named(name) => {
                let is_named = |param: &Param| param.bound().contains(name);
                let place = params.iter().position(is_named)?;
                let (id, by) = ids(&params[place].ty)?;
                Some(Self { place, id: id.clone(), by })
            }
            Ids::Any => {
                let mut candidates = candidates(params);
                let only = candidates.next()?;
                candidates.next().is_none().then_some(only)
            }
        }
    }
}

fn candidates(params: &[Param]) -> impl Iterator<Item = Batch> {
    params.iter().enumerate().filter(|(_, param)| !param.ignored).filter_map(|(place, param)| {
        let (id, by) = ids(&param.ty)?;
        Some(Batch { place, id: id.clone(), by })
    })
}

/// The type of the ids in `&[Id]`, `&Vec<Id>` and `Vec<Id>`.
fn ids(ty: &Type) -> Option<(&Type, By)> {
    match ty {
        Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
            Type::Slice(slice) => Some((&slice.elem, By::Reference)),
            Type::Path(path) => Some((of_vec(&path.path)?, By::Reference)),
            _ => None,
        },
        Type::Path(path) => Some((of_vec(&path.path)?, By::Value)),
        Type::Group(group) => ids(&group.elem),
        _ => None,
    }
}

fn of_vec(path: &Path) -> Option<&Type> {
    let last = path.segments.last().filter(|last| last.ident == "Vec")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    }
}

/// `T` of what a batch gives, where it is written out: of `HashMap<Id, T>`, `BTreeMap<Id, T>`, `Vec<Option<T>>`, and of a
/// `Result` with one of them.
pub(crate) fn value(ret: &Type) -> Option<&Type> {
    let Type::Path(path) = ret else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    match last.ident.to_string().as_str() {
        "HashMap" | "BTreeMap" => types.nth(1),
        "Result" => value(types.next()?),
        "Vec" => match types.next()? {
            Type::Path(option) => {
                let option = option.path.segments.last().filter(|last| last.ident == "Option")?;
                let PathArguments::AngleBracketed(arguments) = &option.arguments else { return None };
                match arguments.args.first()? {
                    GenericArgument::Type(ty) => Some(ty),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}

/// Records every mistake in a function under `batch`.
pub(crate) fn check(model: &Model, errors: &mut Errors) {
    let (Some(asked), Some(option)) = (&model.options.batch, model.options.wrote("batch")) else { return };
    options(model, errors);
    receiver(model, errors);
    if let ReturnType::Default = model.function.sig.output {
        errors.at(&model.function.sig.ident, LISTINGS);
    } else if is_no_listing(&model.ret) {
        errors.at(&model.ret, LISTINGS);
    }
    match &model.batch {
        Some(batch) => parameter(model, batch, errors),
        None => no_parameter(model, asked, option, errors),
    }
}

const LISTINGS: &str = "a batch gives values by id: return a `HashMap<Id, T>`, a `BTreeMap<Id, T>` or a `Vec<Option<T>>`, \
                        or a `Result` with one of them";

/// Whether a type can be seen to have no values by id. What else has none, its missing trait says.
fn is_no_listing(ret: &Type) -> bool {
    const OTHERS: &[&str] = &["String", "Option", "HashSet", "BTreeSet", "VecDeque", "Box", "Arc", "Rc"];
    let path = match ret {
        Type::Tuple(_) | Type::Array(_) | Type::FnPtr(_) => return true,
        Type::Path(path) => &path.path,
        _ => return false,
    };
    let Some(last) = path.segments.last() else { return false };
    let first = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(first)) => Some(first),
            _ => None,
        },
        _ => None,
    };
    let name = last.ident.to_string();
    match (name.as_str(), first) {
        ("Result", Some(first)) => is_no_listing(first),
        ("Vec", Some(first)) => is_no_listing(first) && !is_option(first),
        _ => OTHERS.contains(&name.as_str()) || name.starts_with(char::is_lowercase),
    }
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// Why the parameter with the ids was not found.
fn no_parameter(model: &Model, asked: &Ids, option: &Ident, errors: &mut Errors) {
    match asked {
        Ids::Named(name) => match model.params.iter().find(|param| param.bound().contains(name)) {
            Some(param) => {
                errors.at(
                    &param.ty,
                    format!("a batch takes its ids as `&[Id]` or `Vec<Id>`; `{name}` is neither"),
                );
            }
            None => errors.at(name, format!("`{name}` is no parameter of this function")),
        },
        Ids::Any => {
            let names: Vec<String> = candidates(&model.params)
                .map(|batch| format!("`batch = {}`", model.params[batch.place].name))
                .collect();
            if names.is_empty() {
                errors.at(
                    option,
                    "no parameter of this function can hold the ids of a batch: take them as `&[Id]` or `Vec<Id>`",
                );
            } else {
                let list = names.join(" or ");
                errors.at(option, format!("several parameters can hold the ids; say which: {list}"));
            }
        }
    }
}

/// What the parameter with the ids cannot be.
fn parameter(model: &Model, batch: &Batch, errors: &mut Errors) {
    let param = &model.params[batch.place];
    if let Some(anonymous) = find_impl_trait(&batch.id) {
        errors.at(
            anonymous,
            "the type of the ids needs a name; make the function generic: `fn f<Id: Hash + Clone>(ids: &[Id])`",
        );
    }
    if let Some(ignored) = model.options.args_to_ignore.iter().find(|name| **name == param.name) {
        errors.at(ignored, "the ids are what a batch is keyed by, so they cannot be ignored");
    }
}

fn options(model: &Model, errors: &mut Errors) {
    for name in &model.options.written {
        let text = name.to_string();
        if KNOWN.contains(&text.as_str()) {
            continue;
        }
        let why = match text.as_str() {
            "make_cache_key" => {
                "it gives one key for the whole call, and a batch has one for each id; wrap the ids in a type with a \
                 `CacheKey` of its own"
                    .to_owned()
            }
            "is_stale" => "say how long a value lives with `timeout_from`, or compute anew with `forced_update`".to_owned(),
            _ => "leave out one of them".to_owned(),
        };
        errors.at(name, format!("`{text}` does not go with `batch`: {why}"));
    }
    if let (Some(option), true) = (model.options.wrote("cache_err"), gives_only_whole_errors(&model.ret)) {
        errors.at(option, NO_ERRORS);
    } else if let (Some(option), true) =
        (model.options.wrote("err_timeout"), gives_only_whole_errors(&model.ret))
    {
        errors.at(option, NO_ERRORS);
    }
}

const NO_ERRORS: &str = "the `Err` of a whole batch is no id's, so it is not cached; give each id its own: \
                         `HashMap<Id, Result<T, E>>`";

/// Whether the type is a `Result` with no other inside, as far as can be seen.
fn gives_only_whole_errors(ret: &Type) -> bool {
    fn results(tokens: proc_macro2::TokenStream) -> usize {
        let count = |token| match token {
            TokenTree::Ident(ident) => usize::from(ident == "Result"),
            TokenTree::Group(group) => results(group.stream()),
            _ => 0,
        };
        tokens.into_iter().map(count).sum()
    }
    let Type::Path(path) = ret else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Result")
        && results(ret.to_token_stream()) == 1
}

/// The body may run again, so what it has of the instance must still be there then.
fn receiver(model: &Model, errors: &mut Errors) {
    let Some(receiver) = &model.receiver else { return };
    let is_shared = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => {
            matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none())
        }
        _ => false,
    };
    if !is_shared {
        let at = match &receiver.kind {
            ReceiverKind::Value => receiver.self_token.to_token_stream(),
            _ => receiver.to_token_stream(),
        };
        errors.at(at, "a batch takes `&self`: its body runs again for what other callers failed to compute");
    }
}

/// The name that one id has in what is generated.
pub(crate) fn id() -> Ident {
    Ident::new("id", Span::mixed_site())
}

//! `#[methods]` on an impl block: its annotated functions, expanded with what the block knows.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::parse::Parser as _;
use syn::{
    Attribute, Error, GenericParam, Generics, ImplItem, ImplItemFn, ItemImpl, Meta, Path, Token,
    WherePredicate,
};

use crate::attr::{Companions, Kind, Options, namespace};
use crate::diag::Errors;
use crate::expand::{self, Parts};
use crate::model::{Model, Place, TraitImpl};
use crate::signature::Function;
use crate::{check, fallback, tokens};

/// Expands an impl block; on a mistake, gives the errors and the block without our attributes.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let defaults = errors.keep(Defaults::parse(options)).unwrap_or_default();
    let Some(mut block) = errors.keep(read(item.clone())) else {
        return fallback::untouched(&errors.finish().unwrap_or_default(), item);
    };
    let place = Surroundings::of(&block);
    let mut companions = Vec::new();
    let mut items = Vec::new();
    // The block as it was, without our attributes, for when there is a mistake in it.
    let mut plain = Vec::new();
    let mut attributes = BTreeMap::new();
    for mut item in std::mem::take(&mut block.items) {
        let ours = match &mut item {
            ImplItem::Fn(method) => take_attribute(method, &mut errors),
            _ => None,
        };
        let mut written = item.to_token_stream();
        plain.push(written.clone());
        if let (ImplItem::Fn(method), Some(ours)) = (&item, ours) {
            attributes.entry(ours.path.to_token_stream().to_string()).or_insert_with(|| ours.path.clone());
            if let Some(parts) = one(ours, &defaults, method, &place, &mut errors) {
                written = parts.function;
                companions.push(parts.companions);
            }
        }
        items.push(written);
    }
    let used = used(&attributes);
    if let Some(errors) = errors.finish() {
        let whole = rebuild(&block, &plain, &TokenStream::new());
        return fallback::untouched(&errors, &quote!(#used #whole));
    }
    let companions: TokenStream = companions.into_iter().collect();
    match (&place.trait_impl, companions.is_empty()) {
        (None, _) | (Some(_), true) => {
            let whole = rebuild(&block, &items, &companions);
            quote!(#used #whole)
        }
        (Some(header), false) => {
            let whole = rebuild(&block, &items, &TokenStream::new());
            let (own, self_ty) = (constrained(header), &block.self_ty);
            let (impl_generics, _, clause) = own.split_for_impl();
            let conditions = block
                .attrs
                .iter()
                .filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("allow"));
            quote! {
                #used
                #whole
                #(#conditions)*
                impl #impl_generics #self_ty #clause { #companions }
            }
        }
    }
}

/// Names the attributes that were taken off, so that their imports are used.
fn used(attributes: &BTreeMap<String, Path>) -> TokenStream {
    let paths = attributes.values();
    if attributes.is_empty() {
        return TokenStream::new();
    }
    quote!(const _: () = { #(#[allow(unused_imports)] use #paths as _;)* };)
}

/// What `#[methods(..)]` says for every function in the block.
#[derive(Default)]
struct Defaults {
    no_companions: bool,
    krate: Option<Path>,
    namespace: Option<syn::LitStr>,
}

impl Defaults {
    fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let mut defaults = Self::default();
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("companions") {
                let on: syn::LitBool = meta.value()?.parse()?;
                defaults.no_companions = !on.value;
            } else if meta.path.is_ident("crate") {
                defaults.krate = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("namespace") {
                defaults.namespace = Some(namespace(&meta.value()?.parse()?)?);
            } else {
                return Err(meta.error(
                    "`#[methods]` knows `companions = false`, `namespace = \"name\"` and `crate = path`",
                ));
            }
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(defaults)
    }
}

/// What the functions in the block are told of it.
struct Surroundings {
    trait_impl: Option<TraitImpl>,
}

impl Surroundings {
    fn of(block: &ItemImpl) -> Self {
        let trait_impl = block.trait_.as_ref().map(|(trait_, _)| {
            let types = block.items.iter().filter_map(|item| match item {
                ImplItem::Type(item) => Some(item.ident.clone()),
                _ => None,
            });
            TraitImpl {
                trait_: trait_.clone(),
                lifted: lifted(&block.generics, &block.self_ty.to_token_stream()),
                generics: block.generics.clone(),
                types: types.collect(),
            }
        });
        Self { trait_impl }
    }

    fn place(&self) -> Place {
        match &self.trait_impl {
            Some(header) => Place::TraitImpl(Box::new(header.clone())),
            None => Place::Impl,
        }
    }
}

fn read(item: TokenStream) -> syn::Result<ItemImpl> {
    syn::parse2::<ItemImpl>(item.clone()).map_err(|error| match syn::parse2::<syn::Item>(item) {
        Ok(other) if !matches!(other, syn::Item::Impl(_)) => Error::new(
            proc_macro2::Span::call_site(),
            "`#[methods]` goes on an `impl` block; functions take `#[memoize]`",
        ),
        _ => error,
    })
}

/// One of our attributes, taken off a method.
struct Ours {
    kind: Kind,
    path: Path,
    options: TokenStream,
}

/// Takes `#[memoize]` or `#[cached]` off a method.
fn take_attribute(method: &mut ImplItemFn, errors: &mut Errors) -> Option<Ours> {
    let mut found: Option<Ours> = None;
    for attr in std::mem::take(&mut method.attrs) {
        match Kind::of(attr.path()) {
            None => method.attrs.push(attr),
            Some(_) if found.is_some() => errors.at(&attr, "one of `#[memoize]` and `#[cached]` is enough"),
            Some(kind) => {
                found = Some(Ours { kind, path: attr.path().clone(), options: arguments(&attr, errors) });
            }
        }
    }
    found
}

fn arguments(attr: &Attribute, errors: &mut Errors) -> TokenStream {
    match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) => TokenStream::new(),
        other @ Meta::NameValue(_) => {
            errors.at(other, "write the options in parentheses: `#[memoize(timeout = 50)]`");
            TokenStream::new()
        }
    }
}

fn one(
    ours: Ours,
    defaults: &Defaults,
    method: &ImplItemFn,
    place: &Surroundings,
    errors: &mut Errors,
) -> Option<Parts> {
    let mut own = Errors::default();
    let mut options = Options::parse(ours.kind, ours.options, &mut own);
    if options.wrote("crate").is_none()
        && let Some(krate) = &defaults.krate
    {
        options.krate = krate.clone();
    }
    if options.wrote("namespace").is_none() {
        options.namespace.clone_from(&defaults.namespace);
    }
    if options.wrote("companions").is_none() && defaults.no_companions {
        options.companions = Companions::Off;
    }
    let function = own.keep(syn::parse2::<Function>(method.to_token_stream()));
    let model = function.map(|function| Model::new(options, function, place.place()));
    if let Some(model) = &model {
        check::check(model, &mut own);
    }
    if own.is_empty() {
        return model.as_ref().map(expand::expand);
    }
    errors.append(own);
    None
}

/// The block with these items.
fn rebuild(block: &ItemImpl, items: &[TokenStream], more: &TokenStream) -> TokenStream {
    let mut head = block.clone();
    head.items.clear();
    let body = ImplItem::Verbatim(quote!(#(#items)* #more));
    head.items.push(body);
    head.into_token_stream()
}

/// The generics of an impl that its type does not name, with what is said of them.
fn lifted(generics: &Generics, self_ty: &TokenStream) -> Generics {
    let named = tokens::names(self_ty.clone());
    let free = |param: &&GenericParam| match param {
        GenericParam::Type(param) => !named.contains(&param.ident.to_string()),
        GenericParam::Const(param) => !named.contains(&param.ident.to_string()),
        GenericParam::Lifetime(param) => !named.contains(&param.lifetime.ident.to_string()),
    };
    let mut lifted =
        Generics { params: generics.params.iter().filter(free).cloned().collect(), ..Generics::default() };
    let predicates: Vec<WherePredicate> =
        predicates(generics).filter(|one| mentions(one, &lifted)).cloned().collect();
    if !predicates.is_empty() {
        lifted.make_where_clause().predicates.extend(predicates);
    }
    lifted
}

/// The generics of an impl without the lifted ones.
fn constrained(header: &TraitImpl) -> Generics {
    let names: Vec<String> = header.lifted.params.iter().map(name).collect();
    let mut own = header.generics.clone();
    own.params = own.params.into_iter().filter(|param| !names.contains(&name(param))).collect();
    if let Some(clause) = &mut own.where_clause {
        let kept = clause.predicates.iter().filter(|one| !mentions(one, &header.lifted)).cloned();
        clause.predicates = kept.collect::<syn::punctuated::Punctuated<_, Token![,]>>();
    }
    own
}

fn predicates(generics: &Generics) -> impl Iterator<Item = &WherePredicate> {
    generics.where_clause.iter().flat_map(|clause| &clause.predicates)
}

fn mentions(predicate: &WherePredicate, generics: &Generics) -> bool {
    let names = tokens::names(predicate.to_token_stream());
    generics.params.iter().any(|param| names.contains(&name(param)))
}

fn name(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(param) => param.ident.to_string(),
        GenericParam::Const(param) => param.ident.to_string(),
        GenericParam::Lifetime(param) => param.lifetime.ident.to_string(),
    }
}

//! One annotated function, from tokens to tokens.

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Error, Item, TraitItemFn};

use crate::attr::{Kind, Options};
use crate::diag::Errors;
use crate::model::{Model, Place};
use crate::signature::Function;
use crate::{check, expand, fallback};

/// Expands an attribute on a function; on a mistake, gives the errors and the function as it was.
pub(crate) fn function(kind: Kind, options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(kind, options, &mut errors);
    let function = errors.keep(read(kind, item.clone()));
    let model = function.map(|function| Model::new(options, function, Place::Unknown));
    if let Some(model) = &model {
        check::check(model, &mut errors);
    }
    match (errors.finish(), model) {
        (None, Some(model)) => {
            let parts = expand::expand(&model);
            let (function, beside) = (parts.function, parts.companions);
            quote::quote!(#function #beside)
        }
        (errors, _) => fallback::untouched(&errors.unwrap_or_default(), item),
    }
}

/// The function, or what is wrong with putting the attribute there.
fn read(kind: Kind, item: TokenStream) -> syn::Result<Function> {
    let attribute = kind.attribute();
    let error = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => return Ok(function),
        Err(error) => error,
    };
    if let Ok(declared) = syn::parse2::<TraitItemFn>(item.clone())
        && declared.default.is_none()
    {
        let sig = &declared.sig;
        return Err(Error::new(
            sig.ident.span(),
            format!(
                "a method without a body has nothing to cache; put `{attribute}` on the method in the impl"
            ),
        ));
    }
    match syn::parse2::<Item>(item) {
        Ok(Item::Impl(item)) => Err(Error::new_spanned(
            item.impl_token,
            format!(
                "`{attribute}` goes on functions; put `#[cachekit::methods]` here and `{attribute}` on the methods"
            ),
        )),
        Ok(Item::Fn(_)) | Err(_) => Err(error),
        Ok(other) => Err(Error::new(
            first_word(&other).unwrap_or_else(|| other.span()),
            format!("`{attribute}` goes on a function"),
        )),
    }
}

/// The keyword or name an item begins with, behind its attributes and visibility.
fn first_word(item: &Item) -> Option<proc_macro2::Span> {
    let token = match item {
        Item::Struct(item) => item.struct_token.to_token_stream(),
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Trait(item) => item.trait_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        Item::Const(item) => item.const_token.to_token_stream(),
        Item::Static(item) => item.static_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        _ => return None,
    };
    Some(token.span())
}

//! `#[derive(CacheKey)]`: a type's identity, field by field.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, GenericParam, Path, parse_quote};

use crate::diag::Errors;

/// Expands the derive; on a mistake, gives the errors.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let expanded = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => implementation(&input, &mut errors),
        Err(error) => error.to_compile_error(),
    };
    errors.finish().unwrap_or(expanded)
}

fn implementation(input: &DeriveInput, errors: &mut Errors) -> TokenStream {
    let krate = krate(input, errors);
    let p = quote!(#krate::__private);
    let state = Ident::new("state", Span::mixed_site());
    let body = match &input.data {
        Data::Struct(data) => {
            let (pattern, feeds) = fields(&p, &data.fields, &state, errors);
            quote!(let Self #pattern = self; #feeds)
        }
        Data::Enum(data) => {
            let arms = data.variants.iter().zip(0u64..).map(|(variant, index)| {
                let name = &variant.ident;
                let (pattern, feeds) = fields(&p, &variant.fields, &state, errors);
                quote!(Self::#name #pattern => { ::core::hash::Hasher::write_u64(#state, #index); #feeds })
            });
            let arms: Vec<_> = arms.collect();
            if arms.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) }
        }
        Data::Union(data) => {
            errors.at(
                data.union_token,
                "a union does not say which of its fields is there; implement `CacheKey` by hand",
            );
            return TokenStream::new();
        }
    };
    let mut generics = input.generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(#p::CacheKey));
        }
    }
    let name = &input.ident;
    let (impl_generics, ty_generics, clause) = generics.split_for_impl();
    let hasher = Ident::new("__H", Span::mixed_site());
    quote! {
        #[automatically_derived]
        impl #impl_generics #p::CacheKey for #name #ty_generics #clause {
            fn feed<#hasher: ::core::hash::Hasher>(&self, #state: &mut #hasher) {
                use #p::dispatch::*;
                let _ = &#state;
                #body
            }
        }
    }
}

/// The pattern that takes the fields apart, and what feeds them.
fn fields(
    p: &TokenStream,
    fields: &Fields,
    state: &Ident,
    errors: &mut Errors,
) -> (TokenStream, TokenStream) {
    let mut patterns = Vec::new();
    let mut feeds = TokenStream::new();
    for (index, field) in fields.iter().enumerate() {
        let binding = format_ident!("field{index}", span = Span::mixed_site());
        let skipped = skips(field, errors);
        patterns.push(match (&field.ident, skipped) {
            (Some(name), true) => quote!(#name: _),
            (Some(name), false) => quote!(#name: #binding),
            (None, true) => quote!(_),
            (None, false) => quote!(#binding),
        });
        if !skipped {
            let span = Span::mixed_site().located_at(field.ty.span());
            let arg = quote!(#p::Arg(#binding));
            let key = quote_spanned!(span=> (&&&#arg).cachekit_key());
            feeds.extend(quote!(#p::KeyStream::feed(&#key, #state);));
        }
    }
    let pattern = match fields {
        Fields::Named(_) => quote!({ #(#patterns),* }),
        Fields::Unnamed(_) => quote!((#(#patterns),*)),
        Fields::Unit => TokenStream::new(),
    };
    (pattern, feeds)
}

/// Where cachekit is found: `#[cache_key(crate = path)]` on the type.
fn krate(input: &DeriveInput, errors: &mut Errors) -> Path {
    let mut krate = parse_quote!(::cachekit);
    for attr in ours(&input.attrs) {
        let read = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("on a type, `cache_key` knows `crate = path`; `skip` goes on a field"));
            }
            krate = meta.value()?.call(Path::parse_mod_style)?;
            Ok(())
        });
        errors.keep(read);
    }
    if let Data::Enum(data) = &input.data {
        for attr in data.variants.iter().flat_map(|variant| ours(&variant.attrs)) {
            errors.push(Error::new_spanned(
                attr,
                "`cache_key` goes on the type or on a field, not on a variant",
            ));
        }
    }
    krate
}

/// Whether the field is left out: `#[cache_key(skip)]`.
fn skips(field: &Field, errors: &mut Errors) -> bool {
    let mut skips = false;
    for attr in ours(&field.attrs) {
        let read = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(meta.error("on a field, `cache_key` knows `skip`"));
            }
            skips = true;
            Ok(())
        });
        errors.keep(read);
    }
    skips
}

fn ours(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cache_key"))
}

//! `delete_memoized!(f, ..)`: the companion that forgets, whatever the function is.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprField, ExprPath, Ident, Member, PathArguments, Result, Token};

/// `delete_memoized!`: forgets a whole function, an instance or a call.
pub(crate) fn memoized(input: TokenStream) -> TokenStream {
    expand(input, "delete_memoized").unwrap_or_else(|error| failed(&error))
}

/// `delete_memoized_verhash!`: resets the version hash of a whole function or an instance.
pub(crate) fn verhash(input: TokenStream) -> TokenStream {
    expand(input, "delete_memoized_verhash").unwrap_or_else(|error| failed(&error))
}

pub(crate) fn failed(error: &Error) -> TokenStream {
    let error = error.to_compile_error();
    quote!({ #error })
}

fn expand(input: TokenStream, what: &str) -> Result<TokenStream> {
    let parts = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(input)?;
    let mut parts = parts.into_iter();
    let target = parts.next().ok_or_else(|| {
        Error::new(
            proc_macro2::Span::call_site(),
            format!("name the function: `{what}!(function)` or `{what}!(value.method)`"),
        )
    })?;
    let arguments: Vec<Expr> = parts.collect();
    if what == "delete_memoized_verhash" && arguments.len() > usize::from(matches!(target, Expr::Path(_))) {
        return Err(Error::new_spanned(
            &arguments[0],
            "a version hash belongs to a function or an instance, not to a call; `delete_memoized!` forgets one call",
        ));
    }
    match ungroup(target) {
        Expr::Path(path) => of_path(path, what, &arguments),
        Expr::Field(field) => of_field(&field, what, &arguments),
        other => Err(Error::new_spanned(
            other,
            "expected a function (`f`), a method of a value (`value.method`) or of a type (`Type::method`)",
        )),
    }
}

pub(crate) fn ungroup(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungroup(*group.expr),
        other => other,
    }
}

/// `value.method`: this instance, or one of its calls.
fn of_field(field: &ExprField, what: &str, arguments: &[Expr]) -> Result<TokenStream> {
    let Member::Named(method) = &field.member else {
        return Err(Error::new_spanned(&field.member, "expected the name of a method"));
    };
    let base = &field.base;
    let companion = if arguments.is_empty() { beside(method, what) } else { beside(method, &with(what)) };
    Ok(quote!(#base.#companion(#(#arguments),*)))
}

/// `f`, `module::f`, `Type::method`, `Self::method`, `<Type>::method`.
fn of_path(mut path: ExprPath, what: &str, arguments: &[Expr]) -> Result<TokenStream> {
    let is_method = of_type(&path);
    let verhash = what == "delete_memoized_verhash";
    let last = path
        .path
        .segments
        .last_mut()
        .ok_or_else(|| Error::new(proc_macro2::Span::call_site(), "empty path"))?;
    let turbofish = std::mem::take(&mut last.arguments);
    if is_method {
        last.ident = match (arguments, verhash) {
            ([], _) => beside(&last.ident, &format!("{what}_all")),
            (_, true) => beside(&last.ident, what),
            (_, false) => beside(&last.ident, &with(what)),
        };
        if !arguments.is_empty() {
            last.arguments = turbofish;
        }
        forget_trait(&mut path);
        return Ok(quote!(#path(#(#arguments),*)));
    }
    if let (true, Some(argument)) = (verhash, arguments.first()) {
        return Err(Error::new_spanned(argument, "a function's version hash takes no arguments"));
    }
    let (companion, turbofish) = if arguments.is_empty() {
        (format_ident!("{what}"), None)
    } else {
        let turbofish = (!matches!(turbofish, PathArguments::None)).then(|| turbofish.to_token_stream());
        (format_ident!("{}", with(what)), turbofish)
    };
    Ok(quote!(#path::#companion #turbofish(#(#arguments),*)))
}

/// Whether the path names a method of a type: `<..>::m`, `Self::m`, `Upper::m`.
pub(crate) fn of_type(path: &ExprPath) -> bool {
    let owner = path.path.segments.iter().rev().nth(1);
    path.qself.is_some()
        || owner.is_some_and(|owner| owner.ident.unraw().to_string().starts_with(char::is_uppercase))
}

/// `<T as Trait>::m` as `<T>::m`: companions are the type's own.
pub(crate) fn forget_trait(path: &mut ExprPath) {
    if let Some(qself) = &mut path.qself {
        let own = path.path.segments.iter().skip(qself.position).cloned().collect();
        qself.position = 0;
        qself.as_token = None;
        path.path.leading_colon = Some(Token![::](proc_macro2::Span::call_site()));
        path.path.segments = own;
    }
}

fn with(what: &str) -> String {
    format!("{what}_with")
}

pub(crate) fn beside(method: &Ident, what: &str) -> Ident {
    Ident::new(&format!("{}_{what}", method.unraw()), method.span())
}

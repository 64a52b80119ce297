//! `delete_cached!(f, .., path = .., query = ..)`: forgets what a `#[cached]` function stored for a request.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, ExprPath, Ident, Member, Path, Result, Token};

use crate::delete::{beside, failed, forget_trait, of_type, ungroup};

const NAMES: &str = "`path`, `query`, `method`, `headers`, `request`";

/// What stands in the macro: where the runtime is found, the function, its arguments, and the request.
struct Input {
    krate: Path,
    target: Expr,
    arguments: Vec<Expr>,
    request: Vec<(Ident, Expr)>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let krate = input.parse()?;
        input.parse::<Token![;]>()?;
        if input.is_empty() {
            let message = "name the function: `delete_cached!(function, path = \"/index\")`";
            return Err(Error::new(proc_macro2::Span::call_site(), message));
        }
        let target = ungroup(input.parse()?);
        let (mut arguments, mut request) = (Vec::new(), Vec::<(Ident, Expr)>::new());
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            if input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]) {
                let name: Ident = input.parse()?;
                input.parse::<Token![=]>()?;
                if !["path", "query", "method", "headers", "request"].contains(&name.to_string().as_str()) {
                    return Err(Error::new(name.span(), format!("expected one of {NAMES}, found `{name}`")));
                }
                if request.iter().any(|(other, _)| *other == name) {
                    return Err(Error::new(name.span(), format!("`{name}` is given twice")));
                }
                request.push((name, input.parse()?));
            } else {
                arguments.push(input.parse()?);
            }
        }
        Ok(Self { krate, target, arguments, request })
    }
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    syn::parse2(input).and_then(|input: Input| write(&input)).unwrap_or_else(|error| failed(&error))
}

fn write(input: &Input) -> Result<TokenStream> {
    let krate = &input.krate;
    let call = call(&input.target, &input.arguments)?;
    let Some(request) = request(input)? else { return Ok(call) };
    Ok(quote! {{
        use #krate::__private::dispatch::*;
        #krate::__private::within(#request, || #call).cachekit_answer()
    }})
}

/// The companion that forgets.
fn call(target: &Expr, arguments: &[Expr]) -> Result<TokenStream> {
    match target {
        Expr::Path(path) if of_type(path) => {
            let mut path: ExprPath = path.clone();
            if let Some(last) = path.path.segments.last_mut() {
                last.ident = beside(&last.ident, "delete_cached");
            }
            forget_trait(&mut path);
            Ok(quote!(#path(#(#arguments),*)))
        }
        Expr::Path(path) => Ok(quote!(#path::delete_cached(#(#arguments),*))),
        Expr::Field(field) => {
            let Member::Named(method) = &field.member else {
                return Err(Error::new_spanned(&field.member, "expected the name of a method"));
            };
            let (base, companion) = (&field.base, beside(method, "delete_cached"));
            Ok(quote!(#base.#companion(#(#arguments),*)))
        }
        other => Err(Error::new_spanned(
            other,
            "expected a function (`f`), a method of a value (`value.method`) or of a type (`Type::method`)",
        )),
    }
}

/// The request that is meant; none if nothing is said, then it is the one around the caller.
fn request(input: &Input) -> Result<Option<TokenStream>> {
    let krate = &input.krate;
    let named = |name: &str| input.request.iter().find(|(own, _)| own == name);
    if let Some((_, request)) = named("request") {
        if let Some((other, _)) = input.request.iter().find(|(own, _)| own != "request") {
            return Err(Error::new(
                other.span(),
                format!("`{other}` has no effect beside `request`, which says it all"),
            ));
        }
        return Ok(Some(quote!(#krate::RequestContext::clone(&#request))));
    }
    let Some((_, path)) = named("path") else {
        return match input.request.first() {
            None => Ok(None),
            Some((name, _)) => {
                Err(Error::new(name.span(), format!("`{name}` needs `path`: which request is meant?")))
            }
        };
    };
    let method = named("method").map_or_else(|| quote!("GET"), |(_, method)| quote!(#method));
    let query = named("query").map(|(_, query)| quote!(.query_string(&#query)));
    let headers = named("headers").map(|(_, headers)| quote!(.headers(#headers)));
    Ok(Some(quote!(#krate::RequestContext::new(#method, #path)#query #headers)))
}

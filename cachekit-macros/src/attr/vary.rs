//! `vary`: what a `#[cached]` function's value depends on beside path and query.

use syn::{Error, Expr, ExprLit, Lit, LitStr, Result};

use super::ungroup;

/// One thing that the value varies by.
pub(crate) enum Vary {
    /// A header field.
    Header(LitStr),
    /// `cookie("name")`.
    Cookie(LitStr),
    /// A path or a closure, called without arguments, that gives a text.
    Text(Expr),
}

const WANTS: &str = "`vary` takes the name of a header field (\"accept-language\"), `cookie(\"name\")`, the path of a \
                     function, a closure without arguments, or a list of them";

/// One of them, or a list.
pub(crate) fn list(value: Expr) -> Result<Vec<Vary>> {
    match value {
        Expr::Array(array) if !array.elems.is_empty() => {
            array.elems.into_iter().map(|one| vary(ungroup(one))).collect()
        }
        one => Ok(vec![vary(one)?]),
    }
}

fn vary(value: Expr) -> Result<Vary> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => header(name),
        Expr::Call(call) => {
            let is_cookie = matches!(&*call.func, Expr::Path(path) if path.path.is_ident("cookie"));
            let mut args = call.args.iter();
            match (is_cookie, args.next(), args.next()) {
                (true, Some(Expr::Lit(ExprLit { lit: Lit::Str(name), .. })), None) => {
                    Ok(Vary::Cookie(name.clone()))
                }
                _ => Err(Error::new_spanned(call, WANTS)),
            }
        }
        Expr::Path(_) => Ok(Vary::Text(value)),
        Expr::Closure(closure) if closure.inputs.is_empty() => Ok(Vary::Text(Expr::Closure(closure))),
        other => Err(Error::new_spanned(other, WANTS)),
    }
}

fn header(name: LitStr) -> Result<Vary> {
    if !is_field_name(&name.value()) {
        return Err(Error::new(
            name.span(),
            "`vary` expects the name of a header field, such as \"accept-language\"",
        ));
    }
    Ok(Vary::Header(name))
}

/// Whether a text can be the name of a header field.
pub(crate) fn is_field_name(text: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    text != "*" && !text.is_empty() && text.bytes().all(is_token)
}

//! Reading the value of one option.

use std::time::Duration;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{BinOp, Error, Expr, ExprBinary, ExprLit, ExprUnary, Ident, Lit, LitStr, Path, Result, UnOp};

use super::names::nearest;

/// How long a value lives, as written.
pub(crate) enum Lifetime {
    Never,
    After(Duration),
    /// Any other expression, evaluated at each miss.
    Dynamic(Box<Expr>),
}

/// How long a value may stay in this process without being asked for in its backend.
pub(crate) enum Near {
    /// As long as suits the backend.
    Default,
    Within(Duration),
}

/// What computes the digest of a remote key.
pub(crate) enum HashMethod {
    /// One that the runtime has, under this name.
    Known(Ident),
    /// A type that implements `Digest`.
    Type(Path),
}

/// Where the companions go.
#[derive(Default)]
pub(crate) enum Companions {
    #[default]
    Default,
    Named(Ident),
    Off,
}

/// The expression inside the invisible groups that `macro_rules!` leaves around what it substitutes.
pub(crate) fn ungroup(expr: Expr) -> Expr {
    match expr {
        Expr::Group(group) => ungroup(*group.expr),
        other => other,
    }
}

/// `timeout`: seconds, a text such as `"1h30m"`, or an expression.
pub(crate) fn lifetime(expr: Expr) -> Result<Lifetime> {
    if let (Expr::Binary(_), Some(seconds)) = (&expr, product(&expr)) {
        return Ok(after(Duration::from_secs(seconds)));
    }
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => literal_lifetime(&lit),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr: ref inner, .. })
            if matches!(**inner, Expr::Lit(_)) =>
        {
            Err(Error::new_spanned(&expr, "a timeout cannot be negative; `timeout = 0` never expires"))
        }
        other => Ok(Lifetime::Dynamic(Box::new(other))),
    }
}

/// `none_timeout`, `err_timeout`: as `timeout`, but known at compile time.
pub(crate) fn fixed_lifetime(name: &str, expr: Expr) -> Result<Lifetime> {
    match lifetime(expr)? {
        Lifetime::Dynamic(expr) => Err(Error::new_spanned(
            expr,
            format!(
                "`{name}` takes whole seconds or a text such as \"1h30m\"; only `timeout` takes an expression"
            ),
        )),
        fixed => Ok(fixed),
    }
}

fn literal_lifetime(lit: &Lit) -> Result<Lifetime> {
    let duration = match lit {
        Lit::Int(int) if int.suffix().is_empty() || int.suffix() == "u64" => Duration::from_secs(
            int.base10_parse()
                .map_err(|_| Error::new(lit.span(), "this many seconds do not fit; `0` never expires"))?,
        ),
        Lit::Str(text) => duration(&text.value()).map_err(|message| Error::new(lit.span(), message))?,
        Lit::Float(_) => {
            return Err(Error::new(
                lit.span(),
                "a timeout is in whole seconds; write parts of a second as text, such as \"1500ms\"",
            ));
        }
        other => {
            return Err(Error::new(
                other.span(),
                "expected whole seconds, a text such as \"1h30m\" or an expression that gives a `Duration`",
            ));
        }
    };
    Ok(after(duration))
}

/// As in Flask, zero never expires.
fn after(duration: Duration) -> Lifetime {
    if duration.is_zero() { Lifetime::Never } else { Lifetime::After(duration) }
}

/// What `60 * 60` comes to.
fn product(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        Expr::Paren(inner) => product(&inner.expr),
        Expr::Binary(ExprBinary { left, op: BinOp::Mul(_), right, .. }) => {
            product(left)?.checked_mul(product(right)?)
        }
        _ => None,
    }
}

/// `"1h30m"`, `"50s"`, `"250ms"`, `"2d"`: numbers, each with its unit.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    const HOW: &str =
        "write numbers with the units `d`, `h`, `m`, `s` or `ms`, such as \"1h30m\" or \"250ms\"";
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("the timeout is empty; {HOW}"));
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(format!("`{text}` is no timeout: expected a number at `{rest}`; {HOW}"));
        }
        let too_long = || format!("`{text}` is too long for a timeout; `timeout = 0` never expires");
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs).ok_or_else(too_long);
        let part = match unit {
            "d" => seconds(86_400)?,
            "h" => seconds(3_600)?,
            "m" => seconds(60)?,
            "s" => seconds(1)?,
            "ms" => Duration::from_millis(number),
            "" => return Err(format!("`{text}` is no timeout: `{number}` has no unit; {HOW}")),
            other => return Err(format!("`{text}` is no timeout: unknown unit `{other}`; {HOW}")),
        };
        total = total.checked_add(part).ok_or_else(too_long)?;
        rest = tail.trim_start();
    }
    Ok(total)
}

/// A switch: alone, or `= true`, `= false`.
pub(crate) fn flag(name: &Ident, value: Option<Expr>) -> Result<bool> {
    match value {
        None => Ok(true),
        Some(Expr::Lit(ExprLit { lit: Lit::Bool(lit), .. })) => Ok(lit.value),
        Some(other) => Err(Error::new_spanned(
            other,
            format!("`{name}` is a switch: write `{name}`, `{name} = true` or `{name} = false`"),
        )),
    }
}

/// `near`: alone, a switch, or the longest time.
pub(crate) fn near(name: &Ident, value: Option<Expr>) -> Result<Option<Near>> {
    const HOW: &str =
        "`near` is a switch, or takes the longest time that a value is near: write `near` or `near = \"5s\"`";
    let Some(value) = value else { return Ok(Some(Near::Default)) };
    if let Expr::Lit(ExprLit { lit: Lit::Bool(_), .. }) = value {
        return Ok(flag(name, Some(value))?.then_some(Near::Default));
    }
    let at = value.to_token_stream();
    match lifetime(value)? {
        Lifetime::After(longest) => Ok(Some(Near::Within(longest))),
        Lifetime::Never => Err(Error::new_spanned(
            at,
            "a value cannot be near without end; write the longest time, such as `near = \"5s\"`",
        )),
        Lifetime::Dynamic(expr) => Err(Error::new_spanned(expr, HOW)),
    }
}

/// `namespace`: a name that goes into keys as it is.
pub(crate) fn namespace(expr: &Expr) -> Result<LitStr> {
    let name = text("namespace", "\"shop\"", expr)?;
    let value = name.value();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if value.len() > 64 || !value.chars().all(is_plain) {
        return Err(Error::new(
            name.span(),
            "the name of a namespace is a part of keys: at most 64 letters, digits, `-`, `_`, `.` and `/`",
        ));
    }
    Ok(name)
}

/// A string literal that is not empty.
pub(crate) fn text(name: &str, example: &str, expr: &Expr) -> Result<LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if text.value().is_empty() => Err(Error::new(
            text.span(),
            format!("`{name}` is empty; write a name, such as `{name} = {example}`"),
        )),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        other => {
            Err(Error::new_spanned(other, format!("`{name}` takes a text, such as `{name} = {example}`")))
        }
    }
}

/// An integer of at least 1.
pub(crate) fn count(name: &str, expr: &Expr) -> Result<usize> {
    let wrong = || Error::new_spanned(expr, format!("`{name}` takes an integer of at least 1"));
    let Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) = expr else { return Err(wrong()) };
    if !matches!(int.suffix(), "" | "usize") {
        return Err(wrong());
    }
    int.base10_parse().ok().filter(|count| *count > 0).ok_or_else(wrong)
}

/// `hash_method`: a name the runtime has, or the path of a type.
pub(crate) fn hash_method(expr: &Expr) -> Result<HashMethod> {
    const KNOWN: &[&str] = &["md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake3"];
    let (name, span) = match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => (text.value(), text.span()),
        Expr::Path(path) => match path.path.get_ident() {
            Some(name) if !starts_upper(name) => (name.to_string(), name.span()),
            _ => return Ok(HashMethod::Type(path.path.clone())),
        },
        other => {
            return Err(Error::new_spanned(
                other,
                "`hash_method` takes a name, such as \"sha256\", or the path of a type that implements `Digest`",
            ));
        }
    };
    if KNOWN.contains(&name.as_str()) {
        return Ok(HashMethod::Known(Ident::new(&name, span)));
    }
    let hint = nearest(&name, KNOWN).map_or(String::new(), |near| format!(", did you mean \"{near}\"?"));
    let known = KNOWN.join(", ");
    Err(Error::new(
        span,
        format!(
            "unknown hash method `{name}`{hint}\nknown are {known}, and the path of a type that implements `Digest`"
        ),
    ))
}

fn starts_upper(name: &Ident) -> bool {
    name.to_string().starts_with(char::is_uppercase)
}

/// `companions`: another name for them, or `false`.
pub(crate) fn companions(expr: &Expr) -> Result<Companions> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Bool(on), .. }) if !on.value => Ok(Companions::Off),
        Expr::Lit(ExprLit { lit: Lit::Bool(_), .. }) => Ok(Companions::Default),
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.parse().map(Companions::Named).map_err(|_| {
            Error::new(
                text.span(),
                format!("`{}` is no Rust name; write one, such as \"cache_of\"", text.value()),
            )
        }),
        other => {
            Err(Error::new_spanned(other, "`companions` takes a name, such as \"cache_of\", or `false`"))
        }
    }
}

/// `[a, b, self]`, with where each name was written.
pub(crate) fn names(expr: &Expr) -> Result<Vec<Ident>> {
    const HOW: &str = "`args_to_ignore` takes the names of parameters, such as `[db, self]`";
    let Expr::Array(array) = expr else { return Err(Error::new_spanned(expr, HOW)) };
    let mut errors: Option<Error> = None;
    let mut names = Vec::new();
    for element in &array.elems {
        match element {
            Expr::Path(path) if path.path.get_ident().is_some() => {
                names.extend(path.path.get_ident().cloned());
            }
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let message = format!("{HOW}: write `{}` without quotes", text.value());
                combine(&mut errors, Error::new(text.span(), message));
            }
            other => combine(&mut errors, Error::new_spanned(other, HOW)),
        }
    }
    errors.map_or(Ok(names), Err)
}

fn combine(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(all) => all.combine(error),
        None => *errors = Some(error),
    }
}

/// `crate`: the path under which cachekit is found.
pub(crate) fn path(expr: &Expr) -> Result<Path> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => Ok(path.path.clone()),
        other => Err(Error::new_spanned(
            other,
            "`crate` takes the path of the cachekit crate, such as `::renamed`",
        )),
    }
}

/// A closure or the path of a function.
pub(crate) fn callable(name: &str, expr: Expr) -> Result<Expr> {
    match expr {
        Expr::Closure(_) | Expr::Path(_) => Ok(expr),
        other => Err(Error::new_spanned(
            &other,
            format!("`{name}` takes a closure or the path of a function, found `{}`", shorten(&other)),
        )),
    }
}

fn shorten(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    if text.chars().count() > 40 { text.chars().take(37).chain("...".chars()).collect() } else { text }
}

/// `["user:{id}", team.tag()]`: texts, in which parameters may stand, and expressions.
pub(crate) fn list(name: &str, expr: &Expr) -> Result<Vec<Expr>> {
    match expr {
        Expr::Array(array) if !array.elems.is_empty() => {
            Ok(array.elems.iter().cloned().map(ungroup).collect())
        }
        other => Err(Error::new_spanned(
            other,
            format!("`{name}` takes a list of texts, such as `{name} = [\"user:{{id}}\"]`"),
        )),
    }
}

/// Where a value is missing: the span of its name.
pub(crate) fn missing(name: &Ident, span: Span) -> Error {
    Error::new(span, format!("`{name}` needs a value: `{name} = ..`"))
}

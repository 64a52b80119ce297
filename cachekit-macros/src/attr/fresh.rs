//! The options on the age of values: how old they may be, and what is done about it.

use std::time::Duration;

use proc_macro2::Span;
use syn::{Error, Expr, ExprLit, Ident, Lit, Result};

use super::value::{self, Lifetime};

/// What an attribute says of the age of values.
#[derive(Default)]
pub(crate) struct Freshness {
    /// The durations that are given, under the names of their options.
    pub(crate) durations: Vec<(Ident, Duration)>,
    /// The numbers that are given, in the same way.
    pub(crate) numbers: Vec<(Ident, f64)>,
    pub(crate) lock: Option<Lock>,
    pub(crate) fail_safe_if: Option<Expr>,
    pub(crate) on_timeout: Option<Expr>,
}

/// One computation for all processes, and how long whoever has the right to it is waited for, if that is said.
pub(crate) struct Lock(pub(crate) Option<Duration>);

/// Options that compute behind a caller who does not wait.
const BEHIND: &[&str] = &["stale", "eager", "refresh_every", "soft_timeout", "hard_timeout", "verify"];

impl Freshness {
    /// Sets an option, if it is one of these.
    pub(crate) fn set(&mut self, name: &Ident, value: Option<Expr>) -> Option<Result<()>> {
        let text = name.to_string();
        let done = match text.as_str() {
            "stale" | "fail_safe" | "idle" | "throttle" | "soft_timeout" | "hard_timeout"
            | "refresh_every" => {
                given(name, value).and_then(|value| duration(&text, value)).map(|duration| {
                    self.durations.push((name.clone(), duration));
                })
            }
            "lock" => {
                value.map(|value| duration(&text, value)).transpose().map(|wait| self.lock = Some(Lock(wait)))
            }
            "jitter" => {
                self.number(name, value.as_ref(), 0.1, "a share of the timeout, such as `0.1`", |n| n <= 1.0)
            }
            "eager" => {
                self.number(name, value.as_ref(), 0.8, "a share of the timeout, such as `0.8`", |n| n < 1.0)
            }
            "verify" => {
                self.number(name, value.as_ref(), 0.01, "a share of the keys, such as `0.01`", |n| n <= 1.0)
            }
            "early" => self.number(name, value.as_ref(), 1.0, "a factor, such as `1.0`", |_| true),
            "fail_safe_if" => given(name, value)
                .and_then(|value| value::callable(&text, value))
                .map(|callable| self.fail_safe_if = Some(callable)),
            "on_timeout" => given(name, value).map(|value| self.on_timeout = Some(value)),
            _ => return None,
        };
        Some(done)
    }

    fn number(
        &mut self,
        name: &Ident,
        value: Option<&Expr>,
        default: f64,
        what: &str,
        fits: fn(f64) -> bool,
    ) -> Result<()> {
        let number = match value {
            None => default,
            Some(expr) => number(expr).filter(|number| *number > 0.0 && fits(*number)).ok_or_else(|| {
                Error::new_spanned(expr, format!("`{name}` takes {what}; alone it is {default:?}"))
            })?,
        };
        self.numbers.push((name.clone(), number));
        Ok(())
    }

    /// Whether the option was given, and is right.
    pub(crate) fn has(&self, name: &str) -> bool {
        let names =
            self.durations.iter().map(|(name, _)| name).chain(self.numbers.iter().map(|(name, _)| name));
        names.into_iter().any(|given| given == name)
    }

    /// The first option that computes behind a caller who does not wait.
    pub(crate) fn behind(&self) -> Option<&str> {
        BEHIND.iter().copied().find(|name| self.has(name))
    }
}

fn given(name: &Ident, value: Option<Expr>) -> Result<Expr> {
    value.ok_or_else(|| value::missing(name, name.span()))
}

/// A length of time that is not zero, known at compile time.
fn duration(name: &str, expr: Expr) -> Result<Duration> {
    let span = syn::spanned::Spanned::span(&expr);
    match value::fixed_lifetime(name, expr)? {
        Lifetime::After(duration) => Ok(duration),
        Lifetime::Never | Lifetime::Dynamic(_) => Err(zero(name, span)),
    }
}

fn zero(name: &str, span: Span) -> Error {
    Error::new(
        span,
        format!("`{name}` of no length does nothing; write how long, such as \"30s\", or leave it out"),
    )
}

fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

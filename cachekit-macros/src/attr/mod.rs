//! The options of `#[memoize(..)]` and `#[cached(..)]`: tokens to values, every mistake at its token.

mod fresh;
mod names;
pub(crate) mod template;
mod value;
mod vary;

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Ident, LitStr, Path, Token, parse_quote};

pub(crate) use fresh::{Freshness, Lock};
pub(crate) use value::{Companions, HashMethod, Lifetime, Near, namespace, ungroup};
pub(crate) use vary::Vary;

use crate::batch::Ids;
use crate::diag::Errors;

/// Which of the two attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Memoize,
    Cached,
}

impl Kind {
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Memoize => "#[memoize]",
            Self::Cached => "#[cached]",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Memoize => Self::Cached,
            Self::Cached => Self::Memoize,
        }
    }

    /// The attribute that `path` names, however it was imported.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.segments.last()?.ident.to_string().as_str() {
            "memoize" => Some(Self::Memoize),
            "cached" => Some(Self::Cached),
            _ => None,
        }
    }
}

/// The options of one annotated function.
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the attribute")]
pub(crate) struct Options {
    pub(crate) kind: Kind,
    /// Where the runtime is found: `::cachekit`, or what `crate = ..` says.
    pub(crate) krate: Path,
    pub(crate) timeout: Option<Lifetime>,
    pub(crate) timeout_from: Option<Expr>,
    pub(crate) unless: Option<Expr>,
    pub(crate) forced_update: Option<Expr>,
    pub(crate) is_stale: Option<Expr>,
    pub(crate) response_filter: Option<Expr>,
    pub(crate) hash_method: Option<HashMethod>,
    pub(crate) cache_none: bool,
    pub(crate) cache_err: bool,
    pub(crate) none_timeout: Option<Lifetime>,
    pub(crate) err_timeout: Option<Lifetime>,
    pub(crate) source_check: Option<bool>,
    pub(crate) make_cache_key: Option<Expr>,
    pub(crate) cache: Option<LitStr>,
    pub(crate) namespace: Option<LitStr>,
    pub(crate) local: bool,
    pub(crate) near: Option<Near>,
    pub(crate) max_size: Option<usize>,
    pub(crate) fresh: Freshness,
    pub(crate) tags: Vec<Expr>,
    pub(crate) tags_from: Option<Expr>,
    pub(crate) inherit: bool,
    pub(crate) recompute_limit: Option<usize>,
    pub(crate) companions: Companions,
    pub(crate) in_impl: bool,
    pub(crate) make_name: Option<Expr>,
    pub(crate) args_to_ignore: Vec<Ident>,
    pub(crate) batch: Option<Ids>,
    pub(crate) key_prefix: Option<Expr>,
    pub(crate) query_string: Option<bool>,
    pub(crate) vary: Vec<Vary>,
    /// The options that were written, right or wrong, so that no second error follows from a wrong one.
    pub(crate) written: Vec<Ident>,
}

impl Options {
    /// Reads `tokens`; what is wrong goes to `errors` and leaves its option unset.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::empty(kind);
        let parsed = (|input: ParseStream<'_>| {
            options.read(input, errors);
            Ok(())
        })
        .parse2(tokens);
        errors.keep(parsed);
        options.agree(errors);
        options
    }

    fn empty(kind: Kind) -> Self {
        Self {
            kind,
            krate: parse_quote!(::cachekit),
            timeout: None,
            timeout_from: None,
            unless: None,
            forced_update: None,
            is_stale: None,
            response_filter: None,
            hash_method: None,
            cache_none: false,
            cache_err: false,
            none_timeout: None,
            err_timeout: None,
            source_check: None,
            make_cache_key: None,
            cache: None,
            namespace: None,
            local: false,
            near: None,
            max_size: None,
            fresh: Freshness::default(),
            tags: Vec::new(),
            tags_from: None,
            inherit: false,
            recompute_limit: None,
            companions: Companions::Default,
            in_impl: false,
            make_name: None,
            args_to_ignore: Vec::new(),
            batch: None,
            key_prefix: None,
            query_string: None,
            vary: Vec::new(),
            written: Vec::new(),
        }
    }

    /// The option `name` as it was written, right or wrong.
    pub(crate) fn wrote(&self, name: &str) -> Option<&Ident> {
        self.written.iter().find(|written| *written == name)
    }

    fn read(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        let mut first = true;
        while !input.is_empty() {
            if let Err(error) = self.read_one(input, first, errors) {
                errors.push(error);
                skip_to_comma(input);
            }
            first = false;
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                errors.push(error);
                skip_to_comma(input);
                let _: Option<Token![,]> = input.parse().ok();
            }
        }
    }

    fn read_one(&mut self, input: ParseStream<'_>, first: bool, errors: &mut Errors) -> syn::Result<()> {
        let named = input.peek(Ident::peek_any)
            && !input.peek(syn::Lit)
            && (input.peek2(Token![=]) && !input.peek2(Token![==])
                || input.peek2(Token![,])
                || input.fork().call(Ident::parse_any).is_ok() && rest_is_one(input));
        if !named {
            let value = ungroup(input.parse()?);
            if !first {
                return Err(syn::Error::new_spanned(value, "expected an option, such as `timeout = 50`"));
            }
            self.timeout = Some(value::lifetime(value)?);
            self.written.push(Ident::new("timeout", proc_macro2::Span::call_site()));
            return Ok(());
        }
        let name = input.call(Ident::parse_any)?;
        let refused = names::refusal(self.kind, &name);
        let twice = self.written.contains(&name);
        if let Some(message) = &refused {
            errors.at(&name, message);
        } else if twice {
            errors.at(&name, format!("`{name}` is given twice"));
        }
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(ungroup(input.parse()?)),
            None => None,
        };
        if refused.is_some() || twice {
            return Ok(());
        }
        self.written.push(name.clone());
        self.set(&name, value)
    }

    fn set(&mut self, name: &Ident, value: Option<Expr>) -> syn::Result<()> {
        if let Some(done) = self.fresh.set(name, value.clone()) {
            return done;
        }
        let text = name.to_string();
        match text.as_str() {
            "cache_none" => self.cache_none = value::flag(name, value)?,
            "cache_err" => self.cache_err = value::flag(name, value)?,
            "source_check" => self.source_check = Some(value::flag(name, value)?),
            "query_string" => self.query_string = Some(value::flag(name, value)?),
            "local" => self.local = value::flag(name, value)?,
            "near" => self.near = value::near(name, value)?,
            "inherit" => self.inherit = value::flag(name, value)?,
            "in_impl" => self.in_impl = value::flag(name, value)?,
            "batch" => self.batch = Ids::parse(value)?,
            _ => self.set_value(&text, value.ok_or_else(|| value::missing(name, name.span()))?)?,
        }
        Ok(())
    }

    fn set_value(&mut self, name: &str, value: Expr) -> syn::Result<()> {
        match name {
            "timeout" => self.timeout = Some(value::lifetime(value)?),
            "none_timeout" => self.none_timeout = Some(value::fixed_lifetime(name, value)?),
            "err_timeout" => self.err_timeout = Some(value::fixed_lifetime(name, value)?),
            "timeout_from" => self.timeout_from = Some(value::callable(name, value)?),
            "unless" => self.unless = Some(value),
            "forced_update" => self.forced_update = Some(value),
            "is_stale" => self.is_stale = Some(value::callable(name, value)?),
            "response_filter" => self.response_filter = Some(value::callable(name, value)?),
            "hash_method" => self.hash_method = Some(value::hash_method(&value)?),
            "make_cache_key" => self.make_cache_key = Some(value),
            "cache" => self.cache = Some(value::text(name, "\"sessions\"", &value)?),
            "namespace" => self.namespace = Some(namespace(&value)?),
            "max_size" => self.max_size = Some(value::count(name, &value)?),
            "recompute_limit" => self.recompute_limit = Some(value::count(name, &value)?),
            "companions" => self.companions = value::companions(&value)?,
            "crate" => self.krate = value::path(&value)?,
            "tags" => self.tags = value::list(name, &value)?,
            "tags_from" => self.tags_from = Some(value::callable(name, value)?),
            "make_name" => self.make_name = Some(value::callable(name, value)?),
            "args_to_ignore" => self.args_to_ignore = value::names(&value)?,
            "key_prefix" => self.key_prefix = Some(value),
            "vary" => self.vary = vary::list(value)?,
            other => unreachable!("`{other}` is listed in attr/names.rs but not read"),
        }
        Ok(())
    }

    /// The rules between options.
    fn agree(&mut self, errors: &mut Errors) {
        for (lifetime, switch, on) in
            [("none_timeout", "cache_none", self.cache_none), ("err_timeout", "cache_err", self.cache_err)]
        {
            if let (Some(lifetime), Some(switch), false) = (self.wrote(lifetime), self.wrote(switch), on) {
                errors.at(lifetime, format!("`{lifetime}` needs `{switch}`, which is switched off"));
            }
        }
        self.cache_none |= self.none_timeout.is_some();
        self.cache_err |= self.err_timeout.is_some();
        if let (Some(near), Some(_), true) = (self.wrote("near"), &self.near, self.local) {
            errors.at(near, "`near` has no effect beside `local`: all values are in this process already");
        }
        self.make_cache_key_is_whole(errors);
        if let (Some(idle), Some(_)) = (self.wrote("idle"), &self.near) {
            errors.at(
                idle,
                "`idle` does not go with `near`: what is found near is no use that the backend hears of",
            );
        }
        self.verify_compares(errors);
        self.needs_another(errors);
        if let (Some(limit), true) = (self.wrote("recompute_limit"), self.local) {
            errors.at(
                limit,
                "`recompute_limit` has no effect beside `local`: it is for a backend that is down, and there is none",
            );
        }
    }

    /// What `verify` cannot compare.
    fn verify_compares(&self, errors: &mut Errors) {
        let Some(verify) = self.wrote("verify") else { return };
        if self.local {
            errors.at(
                verify,
                "`verify` does not go with `local`: values are compared as they are stored in any cache, and these are not",
            );
        }
        if self.is_stale.is_some() {
            errors.at(verify, "`verify` does not go with `is_stale`, which asks about each hit already");
        }
    }

    /// Options that say nothing without another one.
    fn needs_another(&self, errors: &mut Errors) {
        const NEEDS: [(&str, &[&str]); 4] = [
            ("fail_safe_if", &["fail_safe"]),
            ("throttle", &["stale", "fail_safe", "eager", "early"]),
            ("soft_timeout", &["stale", "fail_safe"]),
            ("on_timeout", &["hard_timeout"]),
        ];
        for (name, others) in NEEDS {
            if let Some(name) = self.wrote(name)
                && others.iter().all(|other| self.wrote(other).is_none())
            {
                let others = others.iter().map(|other| format!("`{other}`")).collect::<Vec<_>>().join(" or ");
                errors.at(name, format!("`{name}` does nothing without {others}"));
            }
        }
        if let (Some(Lifetime::Never), false, Some(name)) = (
            &self.timeout,
            self.timeout_from.is_some(),
            ["stale", "fail_safe", "early", "eager", "jitter"].iter().find_map(|name| self.wrote(name)),
        ) {
            errors.at(
                name,
                format!("`{name}` does nothing beside `timeout = 0`: such a value is always fresh"),
            );
        }
    }

    /// What `make_cache_key` gives is the key, so nothing else can shape it.
    fn make_cache_key_is_whole(&self, errors: &mut Errors) {
        if self.wrote("make_cache_key").is_none() {
            return;
        }
        for other in ["args_to_ignore", "key_prefix", "query_string", "vary", "hash_method", "make_name"] {
            if let Some(other) = self.wrote(other) {
                errors.at(
                    other,
                    format!("`{other}` has no effect beside `make_cache_key`, which gives the whole key"),
                );
            }
        }
    }
}

/// Whether nothing but one name is left, up to the next comma.
fn rest_is_one(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    fork.call(Ident::parse_any).is_ok() && fork.is_empty()
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        let _: syn::Result<proc_macro2::TokenTree> = input.parse();
    }
}

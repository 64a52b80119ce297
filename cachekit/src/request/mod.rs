//! The request that `#[cached]` functions are keyed by, set by a web layer around each call.

mod fields;
mod key;
pub(crate) mod list;
pub(crate) mod preferences;
pub(crate) mod query;
mod within;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use self::fields::Fields;
pub(crate) use self::key::key_text;
pub use self::key::{Piece, Vary};
use self::key::{Told, Unknown};
pub use self::within::{ViaFuture, ViaValue, Within, within};

/// What a `#[cached]` function without a `key_prefix` of its own is keyed by: path, method, query and header fields.
///
/// A web layer sets it around a handler. Outside a request such a function runs uncached.
///
/// ```
/// use cachekit::{RequestContext, cached};
///
/// #[cached(timeout = 50)]
/// fn index() -> String { "expensive".to_owned() }
///
/// let request = RequestContext::new("GET", "/index").query([("page", "2")]);
/// request.scope(index);
/// assert!(request.scope(|| index::peek()).is_some());
/// assert_eq!(request.scope(|| index::make_cache_key()), "view//index");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RequestContext {
    inner: Arc<Inner>,
}

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    /// Where the target of the request names it, or the fields may lack it.
    host: Option<String>,
    fields: Fields,
}

thread_local! {
    static CURRENT: RefCell<Option<RequestContext>> = const { RefCell::new(None) };
}

impl RequestContext {
    /// A request of a method (`"GET"`) for a path (`"/index"`), without a query and without header fields.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        let (query, fields) = (Vec::new(), Fields::default());
        Self {
            inner: Arc::new(Inner { method: method.into(), path: path.into(), query, host: None, fields }),
        }
    }

    /// Sets the pairs of the query, in their order, repeated names kept.
    #[must_use]
    pub fn query<N: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.change().query = pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        self
    }

    /// Sets the query as it stands in a URL: `page=2&sort=name`, with or without a `?`.
    #[must_use]
    pub fn query_string(mut self, query: &str) -> Self {
        self.change().query = query::pairs(query);
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.change().fields.add(name, value.into());
        self
    }

    /// Adds header fields.
    #[must_use]
    pub fn headers<'a, V: Into<String>>(mut self, fields: impl IntoIterator<Item = (&'a str, V)>) -> Self {
        for (name, value) in fields {
            self.change().fields.add(name, value.into());
        }
        self
    }

    /// Sets header fields as they came; where only some are known, those of other names are not known to be absent.
    #[cfg(feature = "http")]
    pub(crate) fn fields(mut self, fields: http::HeaderMap, known: Option<Arc<[String]>>) -> Self {
        self.change().fields = Fields::Came(fields, known);
        self
    }

    /// Sets the host, where the fields do not say all of it.
    #[cfg(feature = "http")]
    pub(crate) fn with_host(mut self, host: String) -> Self {
        self.change().host = Some(host);
        self
    }

    fn change(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.inner)
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.inner.method
    }

    /// The path, as it stands in the URL: percent signs are not decoded.
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The pairs of the query, decoded.
    pub fn query_pairs(&self) -> &[(String, String)] {
        &self.inner.query
    }

    /// The first value of a name in the query, decoded.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.inner.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The host that the request is for, with its port, as the client wrote it.
    pub fn host(&self) -> Option<&str> {
        self.inner.host.as_deref().or_else(|| self.inner.fields.first("host"))
    }

    /// The host as part of a key, in lower case; what could be no host, or is not known, is none.
    fn host_as_key(&self) -> Told<'_> {
        let said = match &self.inner.host {
            Some(host) => Some(Cow::Borrowed(&**host)),
            None if self.inner.fields.knows("host") => self.inner.fields.joined("host").map(Cow::Owned),
            None => return Err(Unknown),
        };
        match said {
            Some(host) if is_host(&host) => Ok(Some(host.to_ascii_lowercase().into())),
            Some(_) => Err(Unknown),
            None => Ok(None),
        }
    }

    /// The first value of a header field, if it is text.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.inner.fields.first(name)
    }

    /// The value of a cookie that the request brought.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.inner.fields.cookie(name)
    }

    /// The request around the caller, if there is one.
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs `call` inside this request.
    pub fn scope<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        call()
    }

    /// Runs a future inside this request, on whatever threads it is polled.
    pub async fn scope_async<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|cx| {
            let _entered = self.enter();
            call.as_mut().poll(cx)
        })
        .await
    }

    fn enter(&self) -> Entered {
        Entered(CURRENT.replace(Some(self.clone())), Rc::default())
    }
}

/// Whether a text could be a host, with or without a port.
pub(crate) fn is_host(text: &str) -> bool {
    text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]~".contains(&b))
}

impl fmt::Debug for RequestContext {
    /// Without the values of header fields, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("method", &self.inner.method)
            .field("path", &self.inner.path)
            .field("query", &self.inner.query)
            .finish_non_exhaustive()
    }
}

/// Puts the outer request back, also when the call panics.
struct Entered(Option<RequestContext>, #[allow(dead_code, reason = "keeps it on its thread")] Rc<()>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

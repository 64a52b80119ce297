//! The request that `#[cached]` functions are keyed by, set by a web layer around each call.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

/// What a `#[cached]` function without a `key_prefix` of its own is keyed by: path, method and query.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    method: String,
    path: String,
    query: Vec<(String, String)>,
}

thread_local! {
    static CURRENT: RefCell<Option<RequestContext>> = const { RefCell::new(None) };
}

impl RequestContext {
    /// A request of a method (`"GET"`) for a path (`"/index"`), without a query.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self { inner: Arc::new(Inner { method: method.into(), path: path.into(), query: Vec::new() }) }
    }

    /// Sets the pairs of the query, in their order, repeated names kept.
    #[must_use]
    pub fn query<N: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Arc::make_mut(&mut self.inner).query = pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        self
    }

    /// The method.
    pub fn method(&self) -> &str {
        &self.inner.method
    }

    /// The path.
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The pairs of the query.
    pub fn query_pairs(&self) -> &[(String, String)] {
        &self.inner.query
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

/// Puts the outer request back, also when the call panics.
struct Entered(Option<RequestContext>, #[allow(dead_code, reason = "keeps it on its thread")] Rc<()>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The text that a request gives a `#[cached]` key: the prefix with `%s` as the path, the method unless it is `GET`,
/// and the query where it counts; `None` outside a request that is needed.
pub(crate) fn key_text(
    prefix: Cow<'static, str>,
    query: bool,
    digest: impl FnOnce(&[&[u8]]) -> String,
) -> Option<Cow<'static, str>> {
    let by_path = prefix.contains("%s");
    if !by_path && !query {
        return Some(prefix);
    }
    let request = RequestContext::current()?;
    let mut text = prefix.replacen("%s", request.path(), 1);
    if by_path && request.method() != "GET" {
        text.push('#');
        text.push_str(request.method());
    }
    if query {
        let mut pairs = request.query_pairs().to_vec();
        pairs.sort();
        text.push('?');
        text.push_str(&digest(&[canonical(&pairs).as_bytes()]));
    }
    Some(Cow::Owned(text))
}

/// Pairs as a text that no other pairs have: each part with its length.
fn canonical(pairs: &[(String, String)]) -> String {
    use fmt::Write as _;
    pairs.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}:{name}={}:{value}&", name.len(), value.len());
        text
    })
}

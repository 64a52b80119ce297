//! What a program says of its response cache.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Clock, Timeout};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::responses::ResponseCache;
use super::rules::storing::{Policy, STATUSES};
use super::rules::vary::Normalize;

/// A condition on a request.
pub(crate) type OnRequest = Arc<dyn Fn(&Method, &Uri, &HeaderMap) -> bool + Send + Sync>;
/// A condition on a response.
pub(crate) type OnResponse = Arc<dyn Fn(StatusCode, &HeaderMap) -> bool + Send + Sync>;
/// What makes values of a request field fewer.
pub(crate) type Simplify = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Everything that can be said.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting")]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) cache: Option<String>,
    /// `None` until it is known: the timeout of the cache.
    pub(crate) timeout: Timeout,
    pub(crate) policy: Policy,
    pub(crate) max_body: usize,
    pub(crate) max_entries: usize,
    pub(crate) max_variants: usize,
    pub(crate) pass_timeout: Duration,
    pub(crate) by_host: bool,
    pub(crate) ignored_query: Vec<String>,
    pub(crate) authorized: bool,
    pub(crate) obeys_request: bool,
    pub(crate) cache_status: bool,
    pub(crate) hit_header: bool,
    pub(crate) simplify: Vec<(String, Simplify)>,
    pub(crate) unless: Option<OnRequest>,
    pub(crate) response_filter: Option<OnResponse>,
}

impl Normalize for Settings {
    fn own(&self, name: &str, value: &str) -> Option<String> {
        self.simplify.iter().find(|(own, _)| own == name).map(|(_, simplify)| simplify(value))
    }
}

/// Builds a [`ResponseCache`].
#[derive(Clone)]
#[must_use = "it is a cache after `build`"]
pub struct ResponseCacheBuilder {
    settings: Settings,
}

impl ResponseCacheBuilder {
    pub(super) fn new(name: String) -> Self {
        let policy = Policy {
            statuses: STATUSES.iter().map(|status| (*status, None)).collect(),
            timeout: None,
            while_revalidate: Duration::ZERO,
            if_error: Duration::ZERO,
        };
        Self {
            settings: Settings {
                name,
                cache: None,
                timeout: Timeout::Default,
                policy,
                max_body: 256 * 1024,
                max_entries: 1000,
                max_variants: 32,
                pass_timeout: Duration::from_secs(10),
                by_host: true,
                ignored_query: Vec::new(),
                authorized: false,
                obeys_request: false,
                cache_status: false,
                hit_header: false,
                simplify: Vec::new(),
                unless: None,
                response_filter: None,
            },
        }
    }

    /// Makes it. Each call leaks a few hundred bytes on purpose: it is listed with the annotated functions for ever.
    pub fn build(self) -> ResponseCache {
        ResponseCache::new(self.settings)
    }

    /// The installed cache of this name holds the entries, instead of the default one.
    pub fn cache(mut self, name: impl Into<String>) -> Self {
        self.settings.cache = Some(name.into());
        self
    }

    /// How long a response is fresh that does not say so itself by `Cache-Control` or `Expires`: seconds or a
    /// `Duration`, `0` for ever. Otherwise the cache's default.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.settings.timeout = timeout.into();
        self
    }

    /// Stores responses of this status too, or with a lifetime of their own. Without it: 200, 203, 301, 308, 404, 410.
    pub fn status_timeout(mut self, status: u16, timeout: impl Into<Timeout>) -> Self {
        let timeout = timeout.into();
        let lifetime = match timeout {
            Timeout::Default => None,
            Timeout::Until(_) => Some(timeout.or_default(Timeout::Never, &Clock::SYSTEM)),
            Timeout::Never => Some(None),
            Timeout::After(lifetime) => Some(Some(lifetime)),
        };
        self.settings.policy.statuses.retain(|(own, _)| *own != status);
        self.settings.policy.statuses.push((status, lifetime));
        self
    }

    /// Stores only responses of these statuses.
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.settings.policy.statuses = statuses.into_iter().map(|status| (status, None)).collect();
        self
    }

    /// For how long after it was fresh a response is still served while it is computed again, unless it says so itself.
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.settings.policy.while_revalidate = time;
        self
    }

    /// For how long after it was fresh a response is served if computing it again fails, unless it says so itself. A
    /// failure is an error of the service, or a status of 500 and above.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.policy.if_error = time;
        self
    }

    /// The most bytes of a body that is stored; longer ones pass through. 256 KiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// The most entries in this process, where they are kept in it. 1,000, so that memory is bounded by 1,000 times
    /// [`max_body`](Self::max_body).
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.settings.max_entries = entries.max(1);
        self
    }

    /// The most variants of a response that this process stores. 32.
    pub fn max_variants(mut self, variants: usize) -> Self {
        self.settings.max_variants = variants;
        self
    }

    /// For how long nobody waits for a response that turned out not to be stored. 10 s.
    pub fn pass_timeout(mut self, time: Duration) -> Self {
        self.settings.pass_timeout = time;
        self
    }

    /// Serves all hosts the same responses. Only for services whose responses do not depend on the host, not even in
    /// their links.
    pub fn any_host(mut self) -> Self {
        self.settings.by_host = false;
        self
    }

    /// Leaves parameters of the query out of the key that the service does not look at, such as `utm_source`.
    pub fn ignore_query(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.ignored_query.extend(names.into_iter().map(Into::into));
        self
    }

    /// Lets requests with `Authorization` take part: their responses are stored if they say `public` or `s-maxage`, and
    /// they are served what is stored. Without it such requests pass.
    pub fn allow_authorization(mut self) -> Self {
        self.settings.authorized = true;
        self
    }

    /// Obeys the request's `Cache-Control`: `no-cache`, `no-store`, `only-if-cached`, `max-age`, `min-fresh`. Without
    /// it clients cannot make the service work.
    pub fn obey_request(mut self) -> Self {
        self.settings.obeys_request = true;
        self
    }

    /// Says in `Cache-Status` (RFC 9211) what became of each request, under the cache's name.
    pub fn cache_status(mut self) -> Self {
        self.settings.cache_status = true;
        self
    }

    /// Adds `hit_cache: True` to what is served from the cache, as Flask-Caching's `response_hit_indication`.
    pub fn hit_header(mut self) -> Self {
        self.settings.hit_header = true;
        self
    }

    /// Makes the values of a request field fewer, where responses vary by it: all values that `simplify` gives the same
    /// text share an entry.
    ///
    /// The service must not see more of the field than that text, or it would be served to those who differ.
    pub fn simplify(
        mut self,
        field: &str,
        simplify: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        self.settings.simplify.push((field.to_ascii_lowercase(), Arc::new(simplify)));
        self
    }

    /// True: the request passes, nothing is read and nothing stored.
    pub fn unless(
        mut self,
        condition: impl Fn(&Method, &Uri, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.unless = Some(Arc::new(condition));
        self
    }

    /// False: the response is not stored. Asked only about what the rules would store.
    pub fn response_filter(
        mut self,
        filter: impl Fn(StatusCode, &HeaderMap) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.response_filter = Some(Arc::new(filter));
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("cache", &self.cache)
            .field("timeout", &self.timeout)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseCacheBuilder").field(&self.settings).finish()
    }
}

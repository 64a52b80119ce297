//! A page that shows what every annotated function does, and lets an operator forget.
//!
//! ```
//! use cachekit::stats_page::StatsPage;
//!
//! // Whoever may see the page may read; forgetting is for those whom the guard lets.
//! let page = StatsPage::new().guard(|request| request.header("x-operator") == Some("secret"));
//! # #[cfg(feature = "axum")]
//! let app: axum::Router = axum::Router::new().route_service("/cache", page);
//! ```
//!
//! Shown are, of each function, hits, misses, the hit ratio over the last ten minutes, time saved, entries, errors and tags; of
//! each cache its entries, and how its servers do, by their circuit breakers.
//!
//! `GET` gives the page, with `?format=json` the same figures as JSON. `POST` with `?forget=function&name=..`,
//! `?forget=tag&name=..&cache=..` (the default cache without `cache`), `?forget=cache&name=..` or `?forget=all` forgets; it needs the header field `x-cachekit: forget`, which no form of
//! another site can send. The page is one document: it loads nothing.

mod figures;
mod history;
mod html;
mod json;
#[cfg(any(feature = "actix", feature = "tower"))]
mod serve;

use std::fmt;
use std::sync::Arc;

use cachekit_backends::Result;
use http::{HeaderMap, Method, StatusCode, Uri};

use self::figures::Figures;
use self::history::History;
use crate::registry;
use crate::request::query;
use crate::site::all_sites;

/// The page; clones share it. A service for tower, and a resource for actix-web.
#[derive(Clone)]
pub struct StatsPage {
    title: String,
    guard: Option<Guard>,
    history: Arc<History>,
}

type Guard = Arc<dyn Fn(&Visitor<'_>) -> bool + Send + Sync>;

/// Who asks for the page.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    headers: &'a HeaderMap,
    uri: &'a Uri,
}

impl Visitor<'_> {
    /// The first line of a header field, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The target of the request.
    pub fn uri(&self) -> &Uri {
        self.uri
    }
}

/// An answer of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// What `Content-Type` says.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Fields of every answer: it is nobody else's, loads nothing, and is shown in no frame.
pub const FIELDS: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

impl Default for StatsPage {
    fn default() -> Self {
        Self::new()
    }
}

impl StatsPage {
    /// A page without a guard: it shows, and lets nobody forget. From now on a thread notes the hit ratio every five
    /// seconds, as long as the page is there.
    pub fn new() -> Self {
        Self { title: "Caches".to_owned(), guard: None, history: History::start() }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Lets those forget for whom the guard says so.
    #[must_use]
    pub fn guard(mut self, guard: impl Fn(&Visitor<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.guard = Some(Arc::new(guard));
        self
    }

    /// The answer to a request, for frameworks that have no adapter here.
    pub async fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer {
        let pairs = query::pairs(uri.query().unwrap_or_default());
        let said = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let may_forget = self.guard.as_ref().is_some_and(|guard| guard(&Visitor { headers, uri }));
        match method.as_str() {
            "GET" | "HEAD" if said("format") == Some("json") => {
                json_answer(StatusCode::OK, json::figures(&self.figures(may_forget)))
            }
            "GET" | "HEAD" => {
                let body = html::page(&self.title, &self.figures(may_forget));
                Answer { status: StatusCode::OK, content_type: "text/html; charset=utf-8", body }
            }
            "POST" if !may_forget => {
                refuse(StatusCode::FORBIDDEN, "the guard of this page lets you forget nothing")
            }
            "POST" if headers.get("x-cachekit").is_none_or(|value| value != "forget") => {
                refuse(StatusCode::FORBIDDEN, "expected the header field `x-cachekit: forget`")
            }
            "POST" => match forget(said("forget"), said("name"), said("cache")).await {
                Some(Ok(())) => json_answer(StatusCode::OK, json::figures(&self.figures(may_forget))),
                Some(Err(error)) => {
                    refuse(StatusCode::BAD_GATEWAY, &format!("it may not be forgotten: {error:#}"))
                }
                None => refuse(
                    StatusCode::NOT_FOUND,
                    "expected `forget=function|tag|cache|all`, and a `name` and `cache` that are known",
                ),
            },
            _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "expected GET or POST"),
        }
    }

    fn figures(&self, may_forget: bool) -> Figures {
        Figures::now(&self.history, may_forget)
    }
}

/// Forgets what is named; `None` if there is no such thing.
async fn forget(what: Option<&str>, name: Option<&str>, cache: Option<&str>) -> Option<Result<()>> {
    let cache_of =
        |name: &str| registry::all().into_iter().find(|(own, _)| own == name).map(|(_, cache)| cache);
    match (what?, name) {
        ("function", Some(name)) => {
            let site = all_sites().into_iter().find(|site| site.name() == name && site.can_be_forgotten())?;
            Some(site.forget_async().await)
        }
        ("tag", Some(tag)) if !tag.is_empty() => {
            let cache = cache_of(cache.unwrap_or(registry::DEFAULT))?;
            Some(cache.invalidate_tag_async(tag).await)
        }
        ("cache", Some(name)) => {
            let cache = cache_of(name)?;
            Some(cache.clear_async().await)
        }
        ("all", None) => {
            let mut outcome = Ok(());
            for (_, cache) in registry::all() {
                outcome = outcome.and(cache.clear_async().await);
            }
            Some(outcome)
        }
        _ => None,
    }
}

fn refuse(status: StatusCode, message: &str) -> Answer {
    json_answer(status, format!("{{\"error\":{}}}", json::text(message)))
}

fn json_answer(status: StatusCode, body: String) -> Answer {
    Answer { status, content_type: "application/json", body }
}

impl fmt::Debug for StatsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsPage").field("title", &self.title).finish_non_exhaustive()
    }
}

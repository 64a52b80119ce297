//! A stored response as the answer to a request: whole, without its body, or 304.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::engine::Engine;
use super::page::Page;
use super::rules::age::ttl;
use super::rules::cache_status::{Member, Outcome};
use super::rules::{Fields as _, date, etag};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const HIT_CACHE: HeaderName = HeaderName::from_static("hit_cache");

/// What a request says about the answer's form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form {
    is_head: bool,
    /// `If-None-Match` and `If-Modified-Since`.
    conditions: HeaderMap,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Form {
    pub(crate) fn of(is_head: bool, request: &HeaderMap) -> Self {
        let mut conditions = HeaderMap::new();
        for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
            for value in request.get_all(&name) {
                conditions.append(&name, value.clone());
            }
        }
        Self { is_head, conditions }
    }

    /// Whether the client has the response already.
    fn has(&self, page: &Page) -> bool {
        if page.status != StatusCode::OK || self.conditions.is_empty() {
            return false;
        }
        let tag = page.headers.get(ETAG).map(HeaderValue::as_bytes);
        if let Some(matches) = etag::none_match(&self.conditions, tag) {
            return matches;
        }
        let read =
            |headers: &HeaderMap, name: &str| headers.single(name).and_then(|field| date::parse(&field));
        let since = read(&self.conditions, "if-modified-since");
        let modified = read(&page.headers, "last-modified");
        since.zip(modified).is_some_and(|(since, modified)| modified <= since)
    }
}

impl Engine {
    /// The answer that a stored response is.
    pub(crate) fn answer(&self, page: &Page, form: &Form, outcome: Outcome) -> Answer {
        let mut headers = page.headers.clone();
        if let Outcome::Hit { .. } = outcome {
            let age = page.age(self.now());
            headers.insert(AGE, number(age));
        }
        self.note(&mut headers, outcome);
        if form.has(page) {
            for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, LAST_MODIFIED] {
                headers.remove(name);
            }
            return Answer { status: StatusCode::NOT_MODIFIED, headers, body: Bytes::new() };
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(page.body.len()));
        let body = if form.is_head { Bytes::new() } else { page.body.clone() };
        Answer { status: page.status, headers, body }
    }

    /// What a hit on a response is called.
    pub(crate) fn hit_outcome(&self, page: &Page) -> Outcome {
        Outcome::Hit { ttl: ttl(&page.lifetimes, page.age(self.now())) }
    }

    /// The answer to a request that may only be answered from the cache.
    pub(crate) fn not_cached(&self) -> Answer {
        let mut headers = HeaderMap::new();
        self.note(&mut headers, Outcome::NotCached);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        Answer { status: StatusCode::GATEWAY_TIMEOUT, headers, body: Bytes::new() }
    }

    /// Says in the fields of a response what became of the request, as far as the program wants that.
    pub(crate) fn note(&self, headers: &mut HeaderMap, outcome: Outcome) {
        if self.settings.cache_status
            && let Ok(member) = HeaderValue::try_from(Member(&self.settings.name, outcome).to_string())
        {
            headers.append(CACHE_STATUS, member);
        }
        if self.settings.hit_header && matches!(outcome, Outcome::Hit { .. }) {
            headers.insert(HIT_CACHE, HeaderValue::from_static("True"));
        }
    }
}

fn number(age: Duration) -> HeaderValue {
    HeaderValue::from(age.as_secs())
}

//! `CachedResponse`: a whole response as the value of a `#[cached]` handler.

use bytes::Bytes;
use cachekit_backends::Timeout;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rules::cache_control::Directives;
use super::rules::vary::Vary;
use crate::view::View;

/// A response that a `#[cached]` handler returns: status, header fields, body, and how long it is cached.
///
/// One that sets a cookie, is of a status of 500 and above, or says `private`, `no-store` or `Vary: *` is given to its
/// client and not stored.
///
/// ```
/// use cachekit::{RequestContext, cached, http::CachedResponse};
///
/// #[cached(timeout = 60)]
/// fn robots() -> CachedResponse {
///     CachedResponse::new("User-agent: *").header("content-type", "text/plain").timeout(3600)
/// }
///
/// let request = RequestContext::new("GET", "/robots.txt");
/// request.scope(robots); // computed, and cached for an hour
/// assert_eq!(request.scope(robots).body(), "User-agent: *");
/// assert_eq!(robots::stats().hits, 1);
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct CachedResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    timeout: Option<Timeout>,
}

impl CachedResponse {
    /// A response of the status 200 without header fields.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into(), timeout: None }
    }

    /// Sets the status.
    ///
    /// # Panics
    ///
    /// When it is none: not between 100 and 999.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status is between 100 and 999");
        self
    }

    /// Adds a header field.
    ///
    /// # Panics
    ///
    /// When the name is none, or the value has control characters.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a name is a token");
        self.headers.append(name, HeaderValue::try_from(value).expect("a value has no control characters"));
        self
    }

    /// Sets how long it is cached, instead of what the attribute says: seconds or a `Duration`, `0` for ever.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = Some(timeout.into());
        self
    }

    /// The status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How long it is cached, if it says so itself.
    pub fn own_timeout(&self) -> Option<Timeout> {
        self.timeout
    }

    /// Status, header fields and body.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }

    /// Whether others may be given it.
    fn is_for_all(&self) -> bool {
        let says = Directives::of(&self.headers);
        !self.headers.contains_key(SET_COOKIE)
            && !self.status.is_server_error()
            && !says.private
            && !says.no_store
            && Vary::of(&self.headers) != Vary::Everything
    }
}

impl View for CachedResponse {
    type Form = StoredResponse;

    fn to_form(&self) -> Option<StoredResponse> {
        self.is_for_all().then(|| StoredResponse {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
        })
    }

    fn from_form(form: StoredResponse) -> Self {
        Self { status: form.status, headers: form.headers, body: form.body, timeout: None }
    }

    fn timeout(&self) -> Option<Timeout> {
        self.timeout
    }
}

/// A [`CachedResponse`] as it is stored.
#[derive(Clone, Debug)]
pub struct StoredResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Status, fields, body.
type Form = (u16, Vec<(String, Bytes)>, Bytes);

impl Serialize for StoredResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form: Form = (self.status.as_u16(), to_fields(&self.headers), self.body.clone());
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (status, fields, body) = Form::deserialize(deserializer)?;
        let status = StatusCode::from_u16(status).map_err(D::Error::custom)?;
        Ok(Self { status, headers: from_fields(fields).map_err(D::Error::custom)?, body })
    }
}

/// Header fields as they are stored.
pub(super) fn to_fields(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    let fields = headers.iter();
    fields.map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes()))).collect()
}

/// Header fields as they were stored.
pub(super) fn from_fields(fields: Vec<(String, Bytes)>) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        headers.append(HeaderName::try_from(name)?, HeaderValue::from_maybe_shared(value)?);
    }
    Ok(headers)
}

#[cfg(feature = "tower")]
impl From<CachedResponse> for http::Response<http_body_util::Full<Bytes>> {
    fn from(response: CachedResponse) -> Self {
        let mut answer = Self::new(http_body_util::Full::new(response.body));
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        if let Some(timeout) = response.timeout {
            answer.extensions_mut().insert(super::OwnTimeout::of(timeout));
        }
        answer
    }
}

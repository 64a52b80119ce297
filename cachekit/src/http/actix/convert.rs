//! Between the `http` that actix-web has and the one that the rest of this module has.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap as Theirs, HeaderName as TheirName, HeaderValue as TheirValue};
use actix_web::http::{StatusCode as TheirStatus, header};
use actix_web::{HttpRequest, HttpResponse};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::super::answer::Answer;

/// Method, target and fields of a request; `None` if it is none that could be cached.
pub(super) fn parts(request: &ServiceRequest) -> Option<(Method, Uri, HeaderMap)> {
    request_parts(request.request())
}

/// The same for the response cache, which looks at the fields of `GET` and `HEAD` only.
pub(super) fn parts_looked_at(request: &ServiceRequest) -> Option<(Method, Uri, HeaderMap)> {
    if matches!(request.method().as_str(), "GET" | "HEAD") {
        return parts(request);
    }
    let (method, uri) = target(request.request())?;
    Some((method, uri, HeaderMap::new()))
}

/// The same of a request that reached its handler.
pub(crate) fn request_parts(request: &HttpRequest) -> Option<(Method, Uri, HeaderMap)> {
    let (method, uri) = target(request)?;
    Some((method, uri, fields(request.headers())?))
}

fn target(request: &HttpRequest) -> Option<(Method, Uri)> {
    let method = Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    let uri = Uri::try_from(request.uri().to_string()).ok()?;
    Some((method, uri))
}

/// Header fields; `None` if there are too many.
pub(super) fn fields(theirs: &Theirs) -> Option<HeaderMap> {
    let mut fields = HeaderMap::with_capacity(theirs.len());
    for (name, value) in theirs {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        fields.try_append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?).ok()?;
    }
    Some(fields)
}

/// A status.
pub(super) fn status(theirs: TheirStatus) -> StatusCode {
    // Both have the numbers from 100 to 999.
    StatusCode::from_u16(theirs.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A field in their form.
pub(super) fn field(name: &HeaderName, value: &HeaderValue) -> Option<(TheirName, TheirValue)> {
    Some((
        TheirName::from_bytes(name.as_str().as_bytes()).ok()?,
        TheirValue::from_bytes(value.as_bytes()).ok()?,
    ))
}

/// An answer as their response.
pub(super) fn response(answer: &Answer, body: bytes::Bytes) -> HttpResponse<BoxBody> {
    let status = TheirStatus::from_u16(answer.status.as_u16()).unwrap_or(TheirStatus::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(body));
    for (name, value) in &answer.headers {
        if let Some((name, value)) = field(name, value)
            && name != header::CONTENT_LENGTH
        {
            response.headers_mut().append(name, value);
        }
    }
    response
}

//! The request around `#[cached]` functions, set by a middleware.

use std::borrow::Cow;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

use actix_web::Error;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};

use super::super::context::{Target, context, known};
use super::convert::fields;

/// Makes the request known to `#[cached]` functions that run in its handler: path, method, query and header fields.
#[derive(Clone, Debug, Default)]
pub struct RequestContextMiddleware {
    known: Option<Arc<[String]>>,
}

impl RequestContextMiddleware {
    /// A middleware that makes all header fields known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes only the fields of these names known: a little cheaper. A function that varies by another one is not
    /// cached.
    #[must_use]
    pub fn headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.known = Some(known(names));
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequestContextMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type InitError = ();
    type Transform = RequestContextService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(RequestContextService { inner, known: self.known.clone() }))
    }
}

/// What [`RequestContextMiddleware`] makes of a service.
#[derive(Debug)]
pub struct RequestContextService<S> {
    inner: S,
    known: Option<Arc<[String]>>,
}

impl<S, B> Service<ServiceRequest> for RequestContextService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: 'static,
{
    type Response = ServiceResponse<B>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<ServiceResponse<B>, Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let Some(headers) = fields(request.headers()) else { return Box::pin(self.inner.call(request)) };
        let uri = request.uri();
        let target = Target {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            authority: uri.authority().map(actix_web::http::uri::Authority::as_str),
        };
        let context = context(target, Cow::Owned(headers), self.known.as_ref());
        let response = context.scope(|| self.inner.call(request));
        Box::pin(async move { context.scope_async(response).await })
    }
}

//! The request around `#[cached]` functions, set by a layer.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::super::context::{Target, context, known};

/// Makes the request known to `#[cached]` functions that run in its handler: path, method, query and header fields.
#[derive(Clone, Debug, Default)]
pub struct RequestContextLayer {
    known: Option<Arc<[String]>>,
}

impl RequestContextLayer {
    /// A layer that makes all header fields known.
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

impl<S> Layer<S> for RequestContextLayer {
    type Service = RequestContextService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestContextService { inner, known: self.known.clone() }
    }
}

/// What [`RequestContextLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct RequestContextService<S> {
    inner: S,
    known: Option<Arc<[String]>>,
}

impl<S, B> Service<Request<B>> for RequestContextService<S>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (uri, headers) = (request.uri(), Cow::Borrowed(request.headers()));
        let target = Target {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            authority: uri.authority().map(http::uri::Authority::as_str),
        };
        let context = context(target, headers, self.known.as_ref());
        let response = context.scope(|| self.inner.call(request));
        Box::pin(async move { context.scope_async(response).await })
    }
}

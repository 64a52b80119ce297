//! Whole responses cached, by a layer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Either;
use tower_layer::Layer;
use tower_service::Service;

use super::super::ResponseCache;
use super::super::engine::Plan;
use super::super::rules::cache_status::{Forward, Outcome};
use super::BoxError;
use super::body::Body;
use super::respond::respond;

/// Work to be done beside the requests.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
pub(super) type Spawn = Arc<dyn Fn(Work) + Send + Sync>;

impl ResponseCache {
    /// The layer that puts this cache in front of a service.
    pub fn layer(&self) -> ResponseCacheLayer {
        ResponseCacheLayer { cache: self.clone(), spawn: None }
    }
}

/// Puts a [`ResponseCache`] in front of a service; made by [`ResponseCache::layer`].
#[derive(Clone)]
pub struct ResponseCacheLayer {
    cache: ResponseCache,
    spawn: Option<Spawn>,
}

impl ResponseCacheLayer {
    /// Computes what is stale beside the requests, on this executor: `.revalidate_on(tokio::spawn)`.
    ///
    /// Without it the first who asks for a stale response computes it and waits; the others are served the stale one.
    #[must_use]
    pub fn revalidate_on<R>(
        mut self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) -> R + Send + Sync + 'static,
    ) -> Self {
        self.spawn = Some(Arc::new(move |work| drop(spawn(work))));
        self
    }
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCacheService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResponseCacheService { inner, cache: self.cache.clone(), spawn: self.spawn.clone() }
    }
}

/// What [`ResponseCacheLayer`] makes of a service.
#[derive(Clone)]
pub struct ResponseCacheService<S> {
    inner: S,
    cache: ResponseCache,
    spawn: Option<Spawn>,
}

impl<S, B, R> Service<Request<B>> for ResponseCacheService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: HttpBody + Default + Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let engine = &self.cache.engine;
        let has_body = !request.body().is_end_stream();
        match engine.plan(request.method(), request.uri(), request.headers(), has_body) {
            Plan::Pass(why) => {
                let response = self.inner.call(request);
                let engine = Arc::clone(engine);
                Box::pin(async move {
                    let mut response = response.await?;
                    engine.note(response.headers_mut(), Outcome::Forward { why, stored: false });
                    Ok(response.map(Either::Left))
                })
            }
            Plan::Change(path) => {
                let response = self.inner.call(request);
                let cache = self.cache.clone();
                Box::pin(async move {
                    let mut response = response.await?;
                    cache.changed(&path, response.status()).await;
                    let why = Forward::Method;
                    cache.engine.note(response.headers_mut(), Outcome::Forward { why, stored: false });
                    Ok(response.map(Either::Left))
                })
            }
            Plan::Look(asked) => {
                // The one that was asked whether it is ready does the work.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                Box::pin(respond(Arc::clone(engine), asked, request, ready, self.spawn.clone()))
            }
        }
    }
}

impl fmt::Debug for ResponseCacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheLayer").field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ResponseCacheService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheService").field("cache", &self.cache).finish_non_exhaustive()
    }
}

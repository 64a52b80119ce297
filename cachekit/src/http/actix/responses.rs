//! Whole responses cached, by a middleware.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap as Theirs, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use actix_web::{Error, HttpResponse};
use http::HeaderMap;

use super::super::ResponseCache;
use super::super::answer::{Answer, Form};
use super::super::engine::{Asked, Engine, Looked, Plan};
use super::super::fill::{Fill, Received};
use super::super::rules::cache_status::{Forward, Outcome};
use super::body::{Gathered, Kept, gather};
use super::convert;

impl ResponseCache {
    /// The middleware that puts this cache in front of a service of actix-web.
    pub fn middleware(&self) -> ResponseCacheMiddleware {
        ResponseCacheMiddleware { cache: self.clone() }
    }
}

/// Puts a [`ResponseCache`] in front of a service; made by [`ResponseCache::middleware`].
///
/// The first who asks for a stale response computes it and waits; the others are served the stale one.
#[derive(Clone, Debug)]
pub struct ResponseCacheMiddleware {
    cache: ResponseCache,
}

impl<S, B> Transform<S, ServiceRequest> for ResponseCacheMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type InitError = ();
    type Transform = ResponseCacheService<S>;
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(ResponseCacheService { inner: Rc::new(inner), cache: self.cache.clone() }))
    }
}

/// What [`ResponseCacheMiddleware`] makes of a service.
pub struct ResponseCacheService<S> {
    inner: Rc<S>,
    cache: ResponseCache,
}

impl<S, B> Service<ServiceRequest> for ResponseCacheService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let engine = Arc::clone(&self.cache.engine);
        let planned = convert::parts_looked_at(&request).map(|(method, uri, headers)| {
            let length = request.headers().get(CONTENT_LENGTH);
            let has_body = length.is_some_and(|length| length.as_bytes() != b"0");
            (engine.plan(&method, &uri, &headers, has_body), headers)
        });
        match planned {
            None => Box::pin(forward(engine, Forward::Bypass, self.inner.call(request))),
            Some((Plan::Pass(why), _)) => Box::pin(forward(engine, why, self.inner.call(request))),
            Some((Plan::Change(path), _)) => {
                let response = self.inner.call(request);
                let cache = self.cache.clone();
                Box::pin(async move {
                    let response = forward(engine, Forward::Method, response).await?;
                    cache.changed(&path, convert::status(response.status())).await;
                    Ok(response)
                })
            }
            Some((Plan::Look(asked), headers)) => {
                Box::pin(respond(engine, asked, headers, request, Rc::clone(&self.inner)))
            }
        }
    }
}

/// The service's own response, with a note on it.
async fn forward<B: MessageBody + 'static>(
    engine: Arc<Engine>,
    why: Forward,
    response: impl Future<Output = Result<ServiceResponse<B>, Error>>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let mut response = response.await?.map_into_boxed_body();
    note(&engine, response.headers_mut(), Outcome::Forward { why, stored: false });
    Ok(response)
}

async fn respond<S, B>(
    engine: Arc<Engine>,
    asked: Box<Asked>,
    headers: HeaderMap,
    request: ServiceRequest,
    service: Rc<S>,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    let form = Form::of(asked.is_head, &headers);
    match engine.look(&asked, &headers).await {
        Looked::Hit(page) => {
            let answer = engine.answer(&page, &form, engine.hit_outcome(&page));
            // For a `HEAD` the server leaves the body out, and needs it for its length.
            let body = if answer.status == page.status { page.body.clone() } else { answer.body.clone() };
            Ok(request.into_response(convert::response(&answer, body)))
        }
        Looked::NotCached => Ok(request.into_response(whole(engine.not_cached()))),
        Looked::Pass(why) => forward(engine, why, service.call(request)).await,
        Looked::Miss(fill) | Looked::Stale(_, fill) => {
            fill_by(&engine, fill, request, &*service, &form).await
        }
    }
}

/// Has the service answer, and stores that, if it may be.
async fn fill_by<S, B>(
    engine: &Arc<Engine>,
    mut fill: Box<Fill>,
    mut request: ServiceRequest,
    service: &S,
    form: &Form,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    // The cache needs the whole response, whatever this client has.
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        request.headers_mut().remove(name);
    }
    let why = fill.why;
    let response = match fill.run(service.call(request)).await {
        Ok(response) => response.map_into_boxed_body(),
        Err(error) => {
            if !error.as_response_error().status_code().is_server_error() {
                return Err(error);
            }
            return match fill.failed().await {
                Some(old) => {
                    let answer = engine.answer(&old, form, engine.hit_outcome(&old));
                    // The request is gone with the error, so this is an error too, of another response.
                    Err(InternalError::from_response(error, whole(answer)).into())
                }
                None => Err(error),
            };
        }
    };
    let (asked, response) = response.into_parts();
    let (mut response, mut body) = response.into_parts();
    let own = response.extensions().get::<crate::http::OwnTimeout>().map(|own| own.0);
    let Some(fields) = convert::fields(response.headers()) else {
        return Ok(ServiceResponse::new(asked, response.set_body(body)));
    };
    let storing = match fill.receive(convert::status(response.status()), &fields, own).await {
        Received::Old(old) => {
            let answer = engine.answer(&old, form, engine.hit_outcome(&old));
            return Ok(ServiceResponse::new(asked, whole(answer)));
        }
        Received::Pass => {
            note(engine, response.headers_mut(), Outcome::Forward { why, stored: false });
            return Ok(ServiceResponse::new(asked, response.set_body(body)));
        }
        Received::Store(storing) => storing,
    };
    let size = body.size();
    let (stored, kept) = match gather(&mut body, storing.limit()).await {
        Gathered::All(bytes) => {
            let page = storing.finish(bytes).await;
            let answer = engine.answer(&page, form, Outcome::Forward { why, stored: true });
            return Ok(ServiceResponse::new(asked, whole(answer)));
        }
        Gathered::Some(read) => (true, Kept::new(read, body, size, Some(storing))),
        Gathered::TooLong(read) => {
            storing.give_up().await;
            (false, Kept::new(read, body, size, None))
        }
        Gathered::Broken(error) => (false, Kept::broken(body, size, error)),
    };
    note(engine, response.headers_mut(), Outcome::Forward { why, stored });
    Ok(ServiceResponse::new(asked, response.set_body(BoxBody::new(kept))))
}

fn whole(mut answer: Answer) -> HttpResponse<BoxBody> {
    let body = std::mem::take(&mut answer.body);
    convert::response(&answer, body)
}

/// Says in their fields what became of a request.
fn note(engine: &Engine, theirs: &mut Theirs, outcome: Outcome) {
    let mut fields = HeaderMap::new();
    engine.note(&mut fields, outcome);
    for (name, value) in &fields {
        if let Some((name, value)) = convert::field(name, value) {
            theirs.append(name, value);
        }
    }
}

impl<S> fmt::Debug for ResponseCacheService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCacheService").field("cache", &self.cache).finish_non_exhaustive()
    }
}

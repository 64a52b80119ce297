//! A request that is looked up: answered from the cache, or by the service for all who wait.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{Request, Response};
use http_body::Body as HttpBody;
use http_body_util::Either;
use tower_service::Service;

use super::super::answer::{Answer, Form};
use super::super::engine::{Asked, Engine, Looked};
use super::super::fill::{Fill, Received};
use super::super::rules::cache_status::Outcome;
use super::BoxError;
use super::body::{Body, Gathered, Kept, gather};
use super::responses::Spawn;
use crate::request::RequestContext;

/// Answers a request.
pub(super) async fn respond<S, B, R>(
    engine: Arc<Engine>,
    asked: Box<Asked>,
    request: Request<B>,
    mut service: S,
    spawn: Option<Spawn>,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: HttpBody + Default + Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    let looked = engine.look(&asked, request.headers()).await;
    let form = Form::of(asked.is_head, request.headers());
    match looked {
        Looked::Hit(page) => Ok(into_response(engine.answer(&page, &form, engine.hit_outcome(&page)))),
        Looked::NotCached => Ok(into_response(engine.not_cached())),
        Looked::Pass(why) => {
            let mut response = service.call(request).await?;
            engine.note(response.headers_mut(), Outcome::Forward { why, stored: false });
            Ok(response.map(Either::Left))
        }
        Looked::Miss(fill) => fill_by(&engine, fill, request, &mut service, &form).await,
        Looked::Stale(page, fill) => match spawn {
            Some(spawn) => {
                let answer = engine.answer(&page, &form, engine.hit_outcome(&page));
                let again = again(&request);
                spawn(Box::pin(refresh(engine, fill, again, service, RequestContext::current())));
                Ok(into_response(answer))
            }
            None => fill_by(&engine, fill, request, &mut service, &form).await,
        },
    }
}

/// Computes what is stale, for nobody in particular.
async fn refresh<S, B, R>(
    engine: Arc<Engine>,
    fill: Box<Fill>,
    request: Request<B>,
    mut service: S,
    context: Option<RequestContext>,
) where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: HttpBody + Default + Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    let work = async {
        let form = Form::default();
        let Ok(response) = fill_by(&engine, fill, request, &mut service, &form).await else { return };
        // What streams is stored when it has been read.
        let mut body = Box::pin(response.into_body());
        while let Some(Ok(_)) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {}
    };
    match context {
        Some(context) => context.scope_async(work).await,
        None => work.await,
    }
}

/// The same request once more, without what makes its answer another one.
fn again<B: Default>(request: &Request<B>) -> Request<B> {
    let mut again = Request::new(B::default());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    again
}

/// Has the service answer, and stores that, if it may be.
async fn fill_by<S, B, R>(
    engine: &Arc<Engine>,
    mut fill: Box<Fill>,
    mut request: Request<B>,
    service: &mut S,
    form: &Form,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError> + Send,
{
    // The cache needs the whole response, whatever this client has.
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        request.headers_mut().remove(name);
    }
    let why = fill.why;
    let response = match fill.run(service.call(request)).await {
        Ok(response) => response,
        Err(error) => {
            return match fill.failed().await {
                Some(old) => Ok(into_response(engine.answer(&old, form, engine.hit_outcome(&old)))),
                None => Err(error),
            };
        }
    };
    let forwarded = |stored| Outcome::Forward { why, stored };
    let (mut parts, body) = response.into_parts();
    let own = parts.extensions.get::<crate::http::OwnTimeout>().map(|own| own.0);
    let storing = match fill.receive(parts.status, &parts.headers, own).await {
        Received::Old(old) => return Ok(into_response(engine.answer(&old, form, engine.hit_outcome(&old)))),
        Received::Pass => {
            engine.note(&mut parts.headers, forwarded(false));
            return Ok(Response::from_parts(parts, Either::Left(body)));
        }
        Received::Store(storing) => storing,
    };
    let mut body = Box::pin(body);
    let kept = match gather(&mut body, storing.limit()).await {
        Gathered::All(bytes, None) => {
            let page = storing.finish(bytes).await;
            let answer = engine.answer(&page, form, forwarded(true));
            let mut response: Response<Body<R>> = into_response(answer);
            *response.extensions_mut() = parts.extensions;
            return Ok(response);
        }
        Gathered::All(bytes, trailers) => {
            storing.give_up().await;
            engine.note(&mut parts.headers, forwarded(false));
            Kept::whole(bytes, trailers)
        }
        Gathered::TooLong(read) => {
            storing.give_up().await;
            engine.note(&mut parts.headers, forwarded(false));
            Kept::passing(read, body)
        }
        Gathered::Some(read) => {
            engine.note(&mut parts.headers, forwarded(true));
            Kept::streaming(read, body, storing)
        }
        Gathered::Broken(error) => {
            drop(storing);
            engine.note(&mut parts.headers, forwarded(false));
            Kept::broken(error)
        }
    };
    Ok(Response::from_parts(parts, Either::Right(kept)))
}

fn into_response<R: HttpBody>(answer: Answer) -> Response<Body<R>> {
    let mut response = Response::new(Either::Right(Kept::whole(answer.body, None)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

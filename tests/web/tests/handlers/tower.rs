//! The layers around a service of tower that is no framework's, and that may fail.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cachekit::http::{RequestContextLayer, ResponseCache};
use cachekit::{Cache, ManualClock, RequestContext, cached};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower_layer::Layer as _;
use tower_service::Service;

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// What the service is about, keyed by what it is asked for.
#[cached(cache = "tower", key_prefix = "tower/{request.host}%s")]
fn said() -> String {
    RUNS.fetch_add(1, SeqCst);
    RequestContext::current().map_or_else(String::new, |request| request.path().to_owned())
}

/// A service that fails while it is told to.
#[derive(Clone)]
struct Plain(Arc<AtomicBool>);

impl Service<Request<Full<Bytes>>> for Plain {
    type Response = Response<Full<Bytes>>;
    type Error = String;
    type Future = Ready<Result<Self::Response, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(if self.0.load(SeqCst) { Err("broken".to_owned()) } else { Ok(Response::new(said().into())) })
    }
}

async fn ask<S, B>(service: &mut S, target: &str) -> Result<(String, Option<String>), String>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = String>,
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let request = Request::builder().uri(target).header("host", "shop").body(Full::default());
    let response = service.call(request.expect("a request")).await?;
    let age = response.headers().get("age").and_then(|age| age.to_str().ok()).map(str::to_owned);
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    Ok((String::from_utf8_lossy(&body).into_owned(), age))
}

#[tokio::test]
async fn an_error_of_a_service_is_answered_by_what_is_stale() {
    let clock = ManualClock::new();
    let cache = Cache::builder().clock(clock.clock()).build();
    cachekit::install_named("tower", cache).expect("a name of its own");
    let pages = ResponseCache::builder("tower").cache("tower").timeout(60);
    let pages = pages.stale_if_error(Duration::from_secs(60)).build();
    let failing = Arc::new(AtomicBool::new(true));
    let mut service = pages.layer().layer(RequestContextLayer::new().layer(Plain(Arc::clone(&failing))));
    assert_eq!(ask(&mut service, "/a").await, Err("broken".to_owned()), "nothing is stored");
    failing.store(false, SeqCst);
    let page = |age: Option<&str>| Ok(("/a".to_owned(), age.map(str::to_owned)));
    assert_eq!(ask(&mut service, "/a").await, page(None));
    failing.store(true, SeqCst);
    for (pass, age) in [(59, "59"), (1, "60"), (59, "119")] {
        clock.advance(Duration::from_secs(pass));
        assert_eq!(ask(&mut service, "/a").await, page(Some(age)));
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(&mut service, "/a").await, Err("broken".to_owned()), "after that it is over");
    failing.store(false, SeqCst);
    // The function inside is cached by itself, for longer.
    let runs = RUNS.load(SeqCst);
    assert_eq!((ask(&mut service, "/a").await, RUNS.load(SeqCst)), (page(None), runs));
}

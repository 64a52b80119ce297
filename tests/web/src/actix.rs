//! The service on actix-web, in a thread of its own.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use cachekit::http::ResponseCache;
use cachekit::http::actix::RequestContextMiddleware;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::{Sleep, sleep};

use crate::service::{Answer, Asked, Handler};

/// Serves until the process ends.
pub(crate) fn serve(cache: &ResponseCache, handler: Handler) -> SocketAddr {
    let cache = cache.clone();
    let configure = move |config: &mut web::ServiceConfig| {
        let handler = handler.clone();
        config.default_service(web::to(move |request: HttpRequest| {
            let handler = handler.clone();
            async move { answer(&handler, &request).await }
        }));
    };
    start_behind(configure, Some(cache))
}

/// Serves a configuration, with the request known to its handlers, until the process ends.
pub fn start(configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> SocketAddr {
    start_behind(configure, None)
}

fn start_behind(
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    cache: Option<ResponseCache>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (is_behind, cache) = match cache {
        Some(cache) => (true, cache),
        None => (false, ResponseCache::builder("unused").build()),
    };
    std::thread::spawn(move || {
        let server = HttpServer::new(move || {
            App::new()
                .configure(configure.clone())
                .wrap(Condition::new(is_behind, cache.middleware()))
                .wrap(RequestContextMiddleware::new())
        });
        let server = server.workers(2).disable_signals().listen(listener).expect("a server");
        actix_web::rt::System::new().block_on(server.run())
    });
    address
}

async fn answer(handler: &Handler, request: &HttpRequest) -> HttpResponse<BoxBody> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    let asked = Asked { method: request.method().to_string(), target: request.uri().to_string(), headers };
    let answer = handler(&asked);
    sleep(answer.takes).await;
    let mut response = HttpResponse::build(StatusCode::from_u16(answer.status).expect("a status"));
    for (name, value) in &answer.headers {
        response.append_header((name.as_str(), &**value));
    }
    if answer.is_stream() {
        response.body(BoxBody::new(Parts::new(&answer)))
    } else {
        response.body(answer.parts[0].clone())
    }
}

/// A body in parts, with pauses.
struct Parts {
    left: std::vec::IntoIter<String>,
    between: Duration,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Parts {
    fn new(answer: &Answer) -> Self {
        Self { left: answer.parts.clone().into_iter(), between: answer.between, pause: None }
    }
}

impl MessageBody for Parts {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
        }
        self.pause = Some(Box::pin(sleep(self.between)));
        Poll::Ready(self.left.next().map(|part| Ok(part.into())))
    }
}

//! The service on axum.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use cachekit::http::{RequestContextLayer, ResponseCache};
use http_body::Frame;
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

use crate::service::{Answer, Asked, Handler};

/// Serves until the runtime ends.
pub(crate) async fn serve(cache: &ResponseCache, handler: Handler, background: bool) -> SocketAddr {
    let app = Router::new().fallback(move |request: Request| {
        let asked = Asked {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: request.headers().clone(),
        };
        answer(handler(&asked))
    });
    let layer = if background { cache.layer().revalidate_on(tokio::spawn) } else { cache.layer() };
    start(app.layer(layer).layer(RequestContextLayer::new())).await
}

/// Serves a router until the runtime ends.
pub async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn answer(answer: Answer) -> Response {
    sleep(answer.takes).await;
    let body =
        if answer.is_stream() { Body::new(Parts::new(&answer)) } else { Body::from(answer.parts[0].clone()) };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, &**value);
    }
    response.body(body).expect("a response")
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

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
        }
        self.pause = Some(Box::pin(sleep(self.between)));
        Poll::Ready(self.left.next().map(|part| Ok(Frame::data(part.into()))))
    }
}

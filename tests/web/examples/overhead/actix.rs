//! On actix-web.

use std::hint::black_box;
use std::time::{Duration, Instant};

use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use cachekit::http::ResponseCache;
use cachekit::http::actix::RequestContextMiddleware;

use crate::FIELDS;
use crate::times::{CALLS, CASES, ROUNDS, Times};

fn routes(config: &mut web::ServiceConfig) {
    let page = "x".repeat(4096);
    let page = move || {
        let page = page.clone();
        async move { HttpResponse::Ok().content_type("text/html").body(page) }
    };
    config.route("/page", web::get().to(page)).route("/act", web::post().to(async || "done"));
}

/// The time of one call, the body read.
async fn time<S, B, R>(app: &S, method: &str, target: &str, request: impl Fn(TestRequest) -> R) -> Duration
where
    S: Service<R, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let mut spent = Duration::ZERO;
    for _ in 0..CALLS {
        let asked = TestRequest::with_uri(target).method(method.clone());
        let asked = request(FIELDS.into_iter().fold(asked, TestRequest::insert_header));
        let begun = Instant::now();
        let response = app.call(asked).await.expect("a response");
        black_box(to_bytes(response.into_body()).await.ok().expect("a body"));
        spent += begun.elapsed();
    }
    spent / CALLS
}

/// Measures; whether all is within its limits.
pub(crate) async fn measure() -> bool {
    let pages = ResponseCache::builder("actix-pages").timeout(0).build();
    let noted = ResponseCache::builder("actix-noted").timeout(0).cache_status().build();
    let bare = init_service(App::new().configure(routes)).await;
    let cached = init_service(App::new().configure(routes).wrap(pages.middleware())).await;
    let said = init_service(App::new().configure(routes).wrap(noted.middleware())).await;
    let known = init_service(App::new().configure(routes).wrap(RequestContextMiddleware::new())).await;
    let names = [
        "the bare service",
        "with ResponseCacheMiddleware",
        "with Cache-Status",
        "with RequestContextMiddleware",
    ];
    let mut are_fine = true;
    for case in CASES {
        let (_, method, target) = case;
        let mut times = Times::new("actix-web", case, &names);
        for _ in 0..ROUNDS {
            times.add(0, time(&bare, method, target, TestRequest::to_request).await);
            times.add(1, time(&cached, method, target, TestRequest::to_request).await);
            times.add(2, time(&said, method, target, TestRequest::to_request).await);
            times.add(3, time(&known, method, target, TestRequest::to_request).await);
        }
        are_fine &= times.are_fine();
    }
    are_fine
}

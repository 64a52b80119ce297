//! On axum.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use cachekit::http::{RequestContextLayer, ResponseCache};
use http::Request;
use http_body_util::BodyExt as _;
use tower_service::Service;

use crate::FIELDS;
use crate::times::{CALLS, CASES, ROUNDS, Times};

fn app() -> Router {
    let page = "x".repeat(4096);
    Router::new()
        .route("/page", get(async move || ([("content-type", "text/html")], page.clone())))
        .route("/act", post(async || "done"))
}

fn request(method: &str, target: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in FIELDS {
        request = request.header(name, value);
    }
    request.body(Body::empty()).expect("a request")
}

/// The time of one call, the body read.
async fn time(app: &mut Router, method: &str, target: &str) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..CALLS {
        let request = request(method, target);
        let begun = Instant::now();
        let response = app.call(request).await.expect("a response");
        black_box(response.into_body().collect().await.expect("a body").to_bytes());
        spent += begun.elapsed();
    }
    spent / CALLS
}

/// Measures; whether all is within its limits.
pub(crate) async fn measure() -> bool {
    let pages = ResponseCache::builder("axum-pages").timeout(0).build();
    let noted = ResponseCache::builder("axum-noted").timeout(0).cache_status().build();
    let mut apps = [
        ("the bare service", app()),
        ("with ResponseCacheLayer", app().layer(pages.layer())),
        ("with Cache-Status", app().layer(noted.layer())),
        ("with RequestContextLayer", app().layer(RequestContextLayer::new())),
    ];
    let mut are_fine = true;
    for case in CASES {
        let mut times = Times::new("axum", case, &apps.each_ref().map(|(name, _)| *name));
        for _ in 0..ROUNDS {
            for (index, (_, app)) in apps.iter_mut().enumerate() {
                times.add(index, time(app, case.1, case.2).await);
            }
        }
        are_fine &= times.are_fine();
    }
    are_fine
}

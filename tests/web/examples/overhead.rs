//! What the layers add to a request, against the bare service, in one run: `cargo run --release -p cachekit-web-tests
//! --example overhead`. Fails if a hit costs more than 5 µs or a bypass more than 2 µs.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use cachekit::http::{RequestContextLayer, ResponseCache};
use http::Request;
use http_body_util::BodyExt as _;
use tower_service::Service;

const CALLS: u32 = 20_000;
const ROUNDS: usize = 15;
const FIELDS: [(&str, &str); 8] = [
    ("host", "localhost:3000"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("connection", "keep-alive"),
    ("cookie", "theme=dark; session=0123456789abcdef0123456789abcdef"),
    ("upgrade-insecure-requests", "1"),
];

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

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let pages = ResponseCache::builder("pages").timeout(0).build();
    let noted = ResponseCache::builder("noted").timeout(0).cache_status().build();
    let mut apps = [
        ("the bare service", app()),
        ("with ResponseCacheLayer", app().layer(pages.layer())),
        ("with Cache-Status", app().layer(noted.layer())),
        ("with RequestContextLayer", app().layer(RequestContextLayer::new())),
    ];
    let cases =
        [("a hit", "GET", "/page?b=2&a=1"), ("a bypass", "OPTIONS", "/page"), ("a change", "POST", "/act")];
    let mut failed = false;
    for (what, method, target) in cases {
        // In turns, so that what else the machine does meets all of them.
        let mut times = vec![Vec::new(); apps.len()];
        for _ in 0..ROUNDS {
            for ((_, app), times) in apps.iter_mut().zip(&mut times) {
                times.push(time(app, method, target).await);
            }
        }
        println!("{what}: {method} {target}");
        let bare = median(&mut times[0]);
        for ((name, _), times) in apps.iter().zip(&mut times) {
            let own = median(times);
            let added = own.as_secs_f64() - bare.as_secs_f64();
            println!("  {name:<28}{:>9.0} ns{:>+9.0} ns", own.as_secs_f64() * 1e9, added * 1e9);
            let most = match what {
                "a hit" => 5e-6,
                "a bypass" => 2e-6,
                _ => f64::INFINITY,
            };
            failed |= added > most;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

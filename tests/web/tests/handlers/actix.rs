//! On actix-web.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use actix_web::error::UrlGenerationError;
use actix_web::web;
use cachekit::http::{CachedResponse, ResponseCache};
use cachekit::{Cache, ManualClock, RequestContext, cached, delete_cached};
use cachekit_web_tests::{Client, start_actix};
use serde::{Deserialize, Serialize};

static RUNS: AtomicUsize = AtomicUsize::new(0);

fn run() -> usize {
    RUNS.fetch_add(1, SeqCst)
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    id: u64,
    shop: String,
    run: usize,
}

#[cached(timeout = 50)]
async fn item(path: web::Path<u64>, shop: web::Data<String>) -> web::Json<Item> {
    web::Json(Item { id: path.into_inner(), shop: shop.to_string(), run: run() })
}

/// Runs of [`counted`], which one test asks alone.
static COUNTED: AtomicUsize = AtomicUsize::new(0);

#[cached(timeout = 50)]
async fn counted() -> String {
    format!("run {}", COUNTED.fetch_add(1, SeqCst))
}

#[cached(timeout = 50)]
async fn text() -> String {
    run().to_string()
}

#[cached(timeout = 50)]
async fn html() -> web::Html {
    web::Html::new(format!("<p>{}</p>", run()))
}

#[cached(timeout = 50)]
async fn login() -> CachedResponse {
    CachedResponse::new(run().to_string()).header("set-cookie", "id=1")
}

/// Fails where the client says so.
fn checked() -> Result<usize, UrlGenerationError> {
    let fails = RequestContext::current().is_some_and(|request| request.header_value("x-fail").is_some());
    if fails { Err(UrlGenerationError::ResourceNotFound) } else { Ok(run()) }
}

#[cached(timeout = 50)]
async fn checked_text() -> Result<String, UrlGenerationError> {
    checked().map(|run| run.to_string())
}

#[cached(timeout = 50)]
async fn checked_html() -> Result<web::Html, UrlGenerationError> {
    checked().map(|run| web::Html::new(format!("<p>{run}</p>")))
}

#[cached(timeout = 50)]
async fn checked_response() -> Result<CachedResponse, UrlGenerationError> {
    checked().map(|run| CachedResponse::new(run.to_string()).status(203).header("x-own", "1"))
}

#[cached(key_prefix = by_shop)]
async fn named() -> String {
    run().to_string()
}

/// What a program makes of a request.
fn by_shop() -> String {
    RequestContext::current()
        .map_or_else(String::new, |request| format!("actix {} {}", request.method(), request.path()))
}

fn tenant() -> String {
    let request = RequestContext::current();
    request.as_ref().and_then(|request| request.header_value("x-tenant")).unwrap_or("none").to_owned()
}

#[cached(query_string = true, vary = ["accept-language", cookie("theme"), tenant])]
async fn search() -> String {
    run().to_string()
}

#[cached(timeout = 50)]
async fn image() -> CachedResponse {
    CachedResponse::new(run().to_string()).status(203).header("content-type", "image/x-test").timeout(3600)
}

#[cached(timeout = 50)]
async fn failing(request: actix_web::HttpRequest) -> Result<web::Json<usize>, UrlGenerationError> {
    if request.headers().contains_key("x-fail") {
        return Err(UrlGenerationError::ResourceNotFound);
    }
    Ok(web::Json(run()))
}

#[cached(
    key_prefix = "{request.method}/{request.host}%s/{request.query.page}/{request.header.X-Tenant}/{request.cookie.theme}"
)]
async fn templated() -> String {
    run().to_string()
}

/// Answers, or fails as handlers of actix-web do.
async fn moody(request: actix_web::HttpRequest) -> Result<String, actix_web::Error> {
    if request.headers().contains_key("x-fail") {
        return Err(actix_web::error::ErrorInternalServerError("broken"));
    }
    Ok(run().to_string())
}

async fn client() -> Client {
    let address = start_actix(|config| {
        config
            .app_data(web::Data::new("ours".to_owned()))
            .route("/things/{id}", web::get().to(item))
            .route("/tally", web::get().to(counted))
            .route("/tally", web::head().to(counted))
            .route("/tally", web::post().to(counted))
            .route("/find", web::get().to(search))
            .route("/picture", web::get().to(image))
            .route("/plain", web::get().to(text))
            .route("/markup", web::get().to(html))
            .route("/enter", web::get().to(login))
            .route("/trial/text", web::get().to(checked_text))
            .route("/trial/html", web::get().to(checked_html))
            .route("/trial/response", web::get().to(checked_response))
            .route("/called", web::get().to(named))
            .route("/templates", web::get().to(templated))
            .route("/templates", web::head().to(templated))
            .route("/templates", web::post().to(templated))
            .route("/fails", web::get().to(failing));
    });
    Client::connect(address).await
}

#[tokio::test]
async fn extractors_are_parameters_and_results_are_actixs() {
    let mut client = client().await;
    let first = client.get("/things/1", &[]).await;
    let value: serde_json::Value = serde_json::from_str(first.text()).expect("json");
    assert_eq!((&value["id"], &value["shop"]), (&1.into(), &"ours".into()));
    assert_eq!(client.get("/things/1", &[]).await.text(), first.text());
    assert_ne!(client.get("/things/2", &[]).await.text(), first.text());
    let image = client.get("/picture", &[]).await;
    assert_eq!((image.status.as_u16(), image.header("content-type")), (203, Some("image/x-test")));
    assert_eq!(client.get("/picture", &[]).await.text(), image.text());
    assert_eq!(client.get("/fails", &[("x-fail", "1")]).await.status.as_u16(), 500);
    let ok = client.get("/fails", &[]).await;
    assert_eq!(client.get("/fails", &[("x-fail", "1")]).await.text(), ok.text());
}

#[tokio::test]
async fn the_method_is_part_of_the_key_and_a_head_reads_only() {
    let mut client = client().await;
    let before = counted::stats();
    client.send("HEAD", "/tally", &[], "").await;
    let get = client.get("/tally", &[]).await;
    assert_ne!(client.send("POST", "/tally", &[], "").await.text(), get.text());
    let runs = COUNTED.load(SeqCst);
    let head = client.send("HEAD", "/tally", &[], "").await;
    assert_eq!(head.header("content-length"), Some(&*get.text().len().to_string()));
    assert_eq!((COUNTED.load(SeqCst), counted::stats().stored - before.stored), (runs, 2));
}

#[tokio::test]
async fn queries_fields_and_cookies_are_keys_and_can_be_forgotten() {
    let mut client = client().await;
    let base = [("accept-language", "de"), ("cookie", "theme=dark")];
    let first = client.get("/find?b=2&a=1", &base).await;
    assert_eq!(client.get("/find?a=1&b=2", &base).await.text(), first.text());
    assert_ne!(client.get("/find?a=1&b=2", &[("accept-language", "en"), base[1]]).await.text(), first.text());
    assert_ne!(client.get("/find?a=1&b=2", &[base[0]]).await.text(), first.text());
    assert_ne!(client.get("/find?a=1&a=1&b=2", &base).await.text(), first.text(), "a duplicate counts");
    let of_tenant = [base[0], base[1], ("x-tenant", "a")];
    assert_ne!(client.get("/find?a=1&b=2", &of_tenant).await.text(), first.text());
    let other_cookies = [base[0], ("cookie", "id=7; theme=dark")];
    assert_eq!(client.get("/find?a=1&b=2", &other_cookies).await.text(), first.text());
    let deleted = delete_cached!(search, path = "/find", query = "b=2&a=1", headers = base).await;
    assert!(deleted.expect("it is deleted"));
    assert_ne!(client.get("/find?a=1&b=2", &base).await.text(), first.text());
}

#[tokio::test]
async fn a_template_has_the_method_host_query_fields_and_cookies() {
    let mut client = client().await;
    crate::templates::check(&mut client, "/templates").await;
    let fields = [("host", "one"), ("x-tenant", "a"), ("cookie", "theme=dark")];
    let first = client.get("/templates?page=1", &fields).await;
    let deleted = delete_cached!(templated, path = "/templates", query = "page=1", headers = fields).await;
    assert!(deleted.expect("it is deleted"));
    assert_ne!(client.get("/templates?page=1", &fields).await.text(), first.text());
}

#[tokio::test]
async fn results_of_each_kind_are_cached_and_their_errors_are_not() {
    let mut client = client().await;
    for target in ["/trial/text", "/trial/html", "/trial/response"] {
        crate::results::check(&mut client, target, 500).await;
    }
    assert_eq!(client.get("/trial/response", &[]).await.header("x-own"), Some("1"));
    for target in ["/plain", "/markup"] {
        let first = client.get(target, &[]).await;
        let second = client.get(target, &[]).await;
        let of = |reply: &cachekit_web_tests::Reply| {
            (reply.text().to_owned(), reply.header("content-type").map(str::to_owned))
        };
        assert_eq!(of(&first), of(&second), "{target}");
    }
    assert_eq!(client.get("/markup", &[]).await.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn case_315_what_sets_a_cookie_is_its_clients_alone() {
    let mut client = client().await;
    let (first, second) = (client.get("/enter", &[]).await, client.get("/enter", &[]).await);
    assert_ne!(first.text(), second.text());
    assert!(first.header("set-cookie").is_some() && second.header("set-cookie").is_some());
}

#[tokio::test]
async fn case_013_090_a_response_brings_its_own_timeout() {
    let mut client = client().await;
    client.get("/picture", &[]).await;
    let request = RequestContext::new("GET", "/picture");
    assert_eq!(request.scope_async(image::peek()).await.map(|image| image.status_code().as_u16()), Some(203));
}

#[tokio::test]
async fn case_102_a_request_is_forgotten_by_path_whatever_made_its_key() {
    let mut client = client().await;
    let item = client.get("/things/30", &[]).await;
    assert!(delete_cached!(self::item, path = "/things/30").await.expect("it is deleted"));
    assert!(!delete_cached!(self::item, path = "/things/30").await.expect("nothing is there"));
    assert_ne!(client.get("/things/30", &[]).await.text(), item.text());
    let named = client.get("/called", &[]).await;
    assert_eq!(client.get("/called", &[]).await.text(), named.text());
    let request = RequestContext::new("GET", "/called");
    assert!(delete_cached!(self::named, request = request).await.expect("it is deleted"));
    assert_ne!(client.get("/called", &[]).await.text(), named.text());
}

#[tokio::test]
async fn an_error_of_a_handler_is_answered_by_what_is_stale() {
    let clock = ManualClock::new();
    let cache = Cache::builder().clock(clock.clock()).build();
    cachekit::install_named("moody", cache).expect("a name of its own");
    let pages = ResponseCache::builder("moody").cache("moody").timeout(60).cache_status();
    let pages = pages.stale_if_error(Duration::from_secs(60)).build();
    let address = start_actix(move |config| {
        config.service(web::scope("").wrap(pages.middleware()).route("/moody", web::get().to(moody)));
    });
    let mut client = Client::connect(address).await;
    let fail = [("x-fail", "1")];
    assert_eq!(client.get("/moody", &fail).await.status.as_u16(), 500, "nothing is stored");
    let first = client.get("/moody", &[]).await;
    assert_eq!((first.status.as_u16(), first.status_of_cache()), (200, "fwd=uri-miss; stored"));
    clock.advance(Duration::from_secs(60));
    let old = client.get("/moody", &fail).await;
    assert_eq!((old.status.as_u16(), old.text(), old.header("age")), (200, first.text(), Some("60")));
    clock.advance(Duration::from_secs(60));
    assert_eq!(client.get("/moody", &fail).await.status.as_u16(), 500, "after that it is over");
}

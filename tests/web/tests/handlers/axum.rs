//! On axum.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use cachekit::http::{CachedResponse, RequestContextLayer};
use cachekit::{RequestContext, cached, delete_cached};
use cachekit_web_tests::{Client, start_axum};
use serde::{Deserialize, Serialize};

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// A number for each run of a body.
fn run() -> usize {
    RUNS.fetch_add(1, SeqCst)
}

#[derive(Clone, Debug)]
struct App {
    shop: &'static str,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    id: u64,
    shop: String,
    run: usize,
}

#[cached(timeout = 50)]
async fn item(Path(id): Path<u64>, State(app): State<App>) -> Json<Item> {
    Json(Item { id, shop: app.shop.to_owned(), run: run() })
}

/// Runs of [`counted`], which one test asks alone.
static COUNTED: AtomicUsize = AtomicUsize::new(0);

#[cached(timeout = 50)]
async fn counted() -> String {
    format!("run {}", COUNTED.fetch_add(1, SeqCst))
}

#[cached(timeout = 50)]
async fn html() -> Html<String> {
    Html(format!("<p>{}</p>", run()))
}

#[cached(timeout = 50)]
async fn text() -> String {
    run().to_string()
}

#[derive(Deserialize)]
struct Page {
    page: Option<u64>,
}

#[cached(query_string = true)]
async fn search(Query(page): Query<Page>) -> String {
    format!("{:?} {}", page.page, run())
}

#[cached(vary = ["accept-language", cookie("theme"), tenant])]
async fn home() -> String {
    run().to_string()
}

/// What a program knows of a request.
fn tenant() -> String {
    let request = RequestContext::current();
    request.as_ref().and_then(|request| request.header_value("x-tenant")).unwrap_or("none").to_owned()
}

#[cached(timeout = 50)]
async fn image() -> CachedResponse {
    CachedResponse::new(run().to_string()).status(203).header("content-type", "image/x-test").timeout(3600)
}

#[cached(timeout = 50)]
async fn login() -> CachedResponse {
    CachedResponse::new(run().to_string()).header("set-cookie", "id=1")
}

#[cached(timeout = 50)]
async fn failing() -> Result<Json<usize>, StatusCode> {
    if RequestContext::current().is_some_and(|request| request.header_value("x-fail").is_some()) {
        return Err(StatusCode::IM_A_TEAPOT);
    }
    Ok(Json(run()))
}

/// Fails where the client says so.
fn checked() -> Result<usize, StatusCode> {
    let fails = RequestContext::current().is_some_and(|request| request.header_value("x-fail").is_some());
    if fails { Err(StatusCode::IM_A_TEAPOT) } else { Ok(run()) }
}

#[cached(timeout = 50)]
async fn checked_text() -> Result<String, StatusCode> {
    checked().map(|run| run.to_string())
}

#[cached(timeout = 50)]
async fn checked_html() -> Result<Html<String>, StatusCode> {
    checked().map(|run| Html(format!("<p>{run}</p>")))
}

#[cached(timeout = 50)]
async fn checked_response() -> Result<CachedResponse, StatusCode> {
    checked().map(|run| CachedResponse::new(run.to_string()).status(203).header("x-own", "1"))
}

#[cached(key_prefix = by_shop)]
async fn named() -> String {
    run().to_string()
}

#[cached(
    key_prefix = "{request.method}/{request.host}%s/{request.query.page}/{request.header.X-Tenant}/{request.cookie.theme}"
)]
async fn templated() -> String {
    run().to_string()
}

fn by_shop() -> String {
    RequestContext::current()
        .map_or_else(String::new, |request| format!("{} {}", request.method(), request.path()))
}

async fn client() -> Client {
    let router = Router::new()
        .route("/items/{id}", get(item).post(item))
        .route("/counted", get(counted).post(counted))
        .route("/html", get(html))
        .route("/text", get(text))
        .route("/search", get(search))
        .route("/home", get(home))
        .route("/image", get(image))
        .route("/login", get(login))
        .route("/failing", get(failing))
        .route("/checked/text", get(checked_text))
        .route("/checked/html", get(checked_html))
        .route("/checked/response", get(checked_response))
        .route("/named", get(named))
        .route("/templated", get(templated).post(templated))
        .with_state(App { shop: "ours" });
    Client::connect(start_axum(router.layer(RequestContextLayer::new())).await).await
}

#[tokio::test]
async fn extractors_are_parameters_and_results_are_axums() {
    let mut client = client().await;
    for target in ["/items/1", "/items/2", "/html", "/text", "/image"] {
        let first = client.get(target, &[]).await;
        let second = client.get(target, &[]).await;
        assert_eq!(
            (first.text(), first.header("content-type")),
            (second.text(), second.header("content-type"))
        );
        assert_eq!(first.status, second.status);
    }
    let first: serde_json::Value =
        serde_json::from_str(client.get("/items/1", &[]).await.text()).expect("json");
    assert_eq!((&first["id"], &first["shop"]), (&1.into(), &"ours".into()));
    assert_eq!(client.get("/items/1", &[]).await.header("content-type"), Some("application/json"));
    assert_eq!(client.get("/html", &[]).await.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(client.get("/image", &[]).await.header("content-type"), Some("image/x-test"));
    assert_eq!(client.get("/image", &[]).await.status.as_u16(), 203);
}

#[tokio::test]
async fn the_method_is_part_of_the_key_and_a_head_reads_only() {
    let mut client = client().await;
    let before = counted::stats();
    client.send("HEAD", "/counted", &[], "").await;
    let get = client.get("/counted", &[]).await;
    let post = client.send("POST", "/counted", &[], "").await;
    assert_ne!(get.text(), post.text());
    let runs = COUNTED.load(SeqCst);
    let head = client.send("HEAD", "/counted", &[], "").await;
    assert_eq!(head.header("content-length"), Some(&*get.text().len().to_string()));
    assert_eq!(client.get("/counted", &[]).await.text(), get.text());
    assert_eq!(COUNTED.load(SeqCst), runs, "a HEAD is answered from a GET");
    assert!(counted::stats().stored - before.stored == 2, "and stores nothing");
}

#[tokio::test]
async fn case_096_097_the_query_is_sorted_and_keeps_duplicates() {
    let mut client = client().await;
    let mut text = async |target: &str| client.get(target, &[]).await.text().to_owned();
    let first = text("/search?page=1&q=a").await;
    assert_eq!(text("/search?q=a&page=1").await, first);
    assert_ne!(text("/search?q=b&page=1").await, first);
    assert_ne!(text("/search?page=1&q=a&q=a").await, first);
    let encoded = text("/search?q=x+y").await;
    assert_eq!(text("/search?q=x%20y").await, encoded, "the same pairs");
}

#[tokio::test]
async fn a_handler_varies_by_fields_cookies_and_what_it_knows() {
    let mut client = client().await;
    let base = [("accept-language", "de"), ("cookie", "theme=dark; id=1"), ("x-tenant", "a")];
    let first = client.get("/home", &base).await;
    for (index, value, same) in [
        (0, "DE ", true),
        (0, "en", false),
        (1, "id=2; theme=dark", true),
        (1, "theme=light", false),
        (1, "", false),
        (2, "b", false),
    ] {
        let mut fields = base;
        fields[index].1 = value;
        let reply = client.get("/home", &fields).await;
        assert_eq!(reply.text() == first.text(), same, "{fields:?}");
    }
    let same = client.get(
        "/home",
        &[("accept-language", "de"), ("cookie", "theme=dark"), ("x-tenant", "a"), ("x-other", "1")],
    );
    assert_eq!(same.await.text(), first.text());
    let deleted = delete_cached!(home, path = "/home", headers = base).await.expect("it is deleted");
    assert!(deleted);
    assert_ne!(client.get("/home", &base).await.text(), first.text());
}

#[tokio::test]
async fn case_013_090_a_response_brings_its_own_timeout() {
    let mut client = client().await;
    client.get("/image", &[]).await;
    let request = RequestContext::new("GET", "/image");
    assert_eq!(request.scope_async(image::peek()).await.map(|image| image.status_code().as_u16()), Some(203));
    // Longer than what the attribute says: see the clock in `context`.
    assert_eq!(image::cache_timeout(), Some(std::time::Duration::from_secs(50)));
}

#[tokio::test]
async fn case_315_what_sets_a_cookie_is_its_clients_alone() {
    let mut client = client().await;
    let (first, second) = (client.get("/login", &[]).await, client.get("/login", &[]).await);
    assert_ne!(first.text(), second.text());
    assert!(first.header("set-cookie").is_some() && second.header("set-cookie").is_some());
}

#[tokio::test]
async fn an_error_is_not_cached() {
    let mut client = client().await;
    assert_eq!(client.get("/failing", &[("x-fail", "1")]).await.status.as_u16(), 418);
    let first = client.get("/failing", &[]).await;
    assert_eq!(first.status.as_u16(), 200);
    assert_eq!(client.get("/failing", &[("x-fail", "1")]).await.text(), first.text());
}

#[tokio::test]
async fn results_of_each_kind_are_cached_and_their_errors_are_not() {
    let mut client = client().await;
    for target in ["/checked/text", "/checked/html", "/checked/response"] {
        crate::results::check(&mut client, target, 418).await;
    }
    assert_eq!(client.get("/checked/response", &[]).await.header("x-own"), Some("1"));
}

#[tokio::test]
async fn case_100_101_102_a_request_is_forgotten_by_path_and_query() {
    let mut client = client().await;
    let mut text = async |target: &str| client.get(target, &[]).await.text().to_owned();
    let (one, two) = (text("/search?page=1&q=d&q=e").await, text("/search?page=2&q=d").await);
    assert!(delete_cached!(search, path = "/search", query = "q=e&page=1&q=d").await.expect("it is deleted"));
    assert!(
        !delete_cached!(search, path = "/search", query = "q=e&page=1&q=d").await.expect("nothing is there")
    );
    assert_ne!(text("/search?page=1&q=d&q=e").await, one);
    assert_eq!(text("/search?page=2&q=d").await, two);
    let item = text("/items/30").await;
    assert!(delete_cached!(self::item, path = "/items/30").await.expect("it is deleted"));
    assert_ne!(text("/items/30").await, item);
    let named = text("/named").await;
    assert_eq!(text("/named").await, named);
    let request = RequestContext::new("GET", "/named");
    assert!(delete_cached!(self::named, request = request).await.expect("it is deleted"));
    assert_ne!(text("/named").await, named);
}

#[tokio::test]
async fn a_template_has_the_method_host_query_fields_and_cookies() {
    let mut client = client().await;
    crate::templates::check(&mut client, "/templated").await;
    let some = Router::new().route("/known", get(templated).post(templated));
    let some = some.layer(RequestContextLayer::new().headers(["X-Tenant", "Cookie"]));
    crate::templates::check(&mut Client::connect(start_axum(some).await).await, "/known").await;
    let fields = [("host", "one"), ("x-tenant", "a"), ("cookie", "theme=dark")];
    let first = client.get("/templated?page=1", &fields).await;
    let deleted = delete_cached!(templated, path = "/templated", query = "page=1", headers = fields).await;
    assert!(deleted.expect("it is deleted"));
    assert_ne!(client.get("/templated?page=1", &fields).await.text(), first.text());
}

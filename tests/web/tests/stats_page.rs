//! The page of statistics: what it answers, on axum and on actix-web.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use cachekit::stats_page::StatsPage;
use cachekit::testing::Faulty;
use cachekit::{Cache, SimpleCache, memoize};
use cachekit_web_tests::{Client, Reply, start_actix, start_axum};
use serde_json::json;

#[memoize(cache = "answers")]
fn doubled(number: u64) -> u64 {
    number * 2
}

#[memoize(cache = "answers", tags = ["threes", "three:{number}"])]
fn other(number: u64) -> u64 {
    number * 3
}

#[memoize(cache = "far", tags_from = |number| [number.to_string()])]
fn far(number: u64) -> u64 {
    number * 5
}

fn page() -> StatsPage {
    StatsPage::new().title("a < b").guard(|visitor| visitor.header("x-operator") == Some("secret"))
}

fn figures(reply: &Reply, function: &str) -> serde_json::Value {
    let json: serde_json::Value = serde_json::from_str(reply.text()).expect("json");
    let functions = json["functions"].as_array().expect("a list").clone();
    let is_it =
        |one: &serde_json::Value| one["function"].as_str().is_some_and(|name| name.ends_with(function));
    functions.into_iter().find(is_it).expect("the function is listed")
}

const OPERATOR: (&str, &str) = ("x-operator", "secret");
const FORGET: (&str, &str) = ("x-cachekit", "forget");

/// How the servers behind a cache do, and what their failures cost.
async fn servers_are_shown(client: &mut Client, faulty: &Faulty) {
    for (failing, breaker, says) in
        [(true, "open", "left alone for a moment"), (false, "closed", "asked as usual")]
    {
        faulty.fail(failing);
        far(1);
        let json: serde_json::Value =
            serde_json::from_str(client.get("/cache?format=json", &[]).await.text()).expect("json");
        let caches = json["caches"].as_array().expect("a list");
        let server = caches.iter().find(|cache| cache["name"] == "far").map(|cache| &cache["servers"][0]);
        assert_eq!(
            server.map(|server| (&server["server"], &server["breaker"])),
            Some((&json!("faulty"), &json!(breaker)))
        );
        assert!(client.get("/cache", &[]).await.text().contains(says), "{says}");
    }
    let far = figures(&client.get("/cache?format=json", &[]).await, "::far");
    assert!(far["errors"].as_u64() > Some(0) && far["value_tags"] == true, "{far}");
}

#[tokio::test]
async fn everybody_may_read_and_operators_forget() {
    cachekit::install_named("answers", Cache::builder().build()).expect("a name of its own");
    let on_axum = start_axum(Router::new().route_service("/cache", page())).await;
    let resource = page();
    let on_actix = start_actix(move |config| {
        config.service(resource.resource("/cache"));
    });
    let faulty = Faulty::new(SimpleCache::new());
    let behind = Cache::builder().backend(faulty.clone()).build();
    cachekit::install_named("far", behind).expect("a name of its own");
    for address in [on_axum, on_actix] {
        let mut client = Client::connect(address).await;
        doubled::delete_memoized().expect("it is forgotten");
        let before = doubled::stats();
        for number in [1, 2, 1, 1] {
            doubled(number);
        }
        other(1);
        let html = client.get("/cache", &[]).await;
        assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(html.header("cache-control"), Some("no-store"));
        assert!(
            html.header("content-security-policy").is_some_and(|says| says.starts_with("default-src 'none'"))
        );
        assert!(html.text().contains("<h1>a &lt; b</h1>") && html.text().contains("doubled"));
        let json = client.get("/cache?format=json", &[]).await;
        assert_eq!(json.header("content-type"), Some("application/json"));
        let seen = figures(&json, "::doubled");
        assert_eq!(seen["hits"].as_u64(), Some(before.hits + 2));
        assert_eq!((seen["entries"].as_u64(), seen["can_be_forgotten"].as_bool()), (Some(2), Some(true)));
        assert!(json.text().contains("\"may_forget\":false"));

        servers_are_shown(&mut client, &faulty).await;
        let name = seen["function"].as_str().expect("a name").to_owned();
        let target = format!("/cache?forget=function&name={name}");
        for (fields, status) in
            [(&[][..], 403), (&[FORGET], 403), (&[OPERATOR], 403), (&[("x-operator", "guess"), FORGET], 403)]
        {
            assert_eq!(client.send("POST", &target, fields, "").await.status.as_u16(), status, "{fields:?}");
        }
        assert_eq!(doubled::stats().entries, Some(2));
        let forgotten = client.send("POST", &target, &[OPERATOR, FORGET], "").await;
        assert_eq!(
            (forgotten.status.as_u16(), figures(&forgotten, "::doubled")["entries"].as_u64()),
            (200, Some(0))
        );
        assert_eq!(other::stats().entries, Some(1), "the other one stays");
        let all: serde_json::Value = serde_json::from_str(json.text()).expect("json");
        let caches = all["caches"].as_array().expect("a list");
        let own = caches.iter().find(|cache| cache["name"] == "answers").map(|cache| &cache["entries"]);
        assert_eq!(own, Some(&json!(3)), "those of its functions");
        let tagged = figures(&json, "::other");
        assert_eq!(
            (&tagged["tags"], &tagged["cache"]),
            (&json!(["threes", "three:{number}"]), &json!("answers"))
        );
        assert_eq!((&seen["tags"], &seen["value_tags"]), (&json!([]), &json!(false)));
        other(2);
        let tag = |tag: &str, cache: &str| format!("/cache?forget=tag&name={tag}&cache={cache}");
        for (target, status, left) in [
            (tag("three%3A1", "none"), 404, 2),
            (tag("", "answers"), 404, 2),
            (tag("three%3A7", "answers"), 200, 2),
            ("/cache?forget=tag&name=threes".to_owned(), 200, 2),
            (tag("three%3A1", "answers"), 200, 1),
            (tag("threes", "answers"), 200, 0),
        ] {
            assert_eq!(client.send("POST", &target, &[FORGET], "").await.status.as_u16(), 403, "{target}");
            let reply = client.send("POST", &target, &[OPERATOR, FORGET], "").await;
            assert_eq!(reply.status.as_u16(), status, "{target}");
            let live = [1, 2].into_iter().filter(|number| other::peek(*number).is_some()).count();
            assert_eq!(live, left, "{target}");
        }
        other(1);
        let cache = client.send("POST", "/cache?forget=cache&name=answers", &[OPERATOR, FORGET], "").await;
        assert_eq!((cache.status.as_u16(), other::stats().entries), (200, Some(0)));
        for target in ["/cache?forget=function&name=none", "/cache?forget=everything", "/cache"] {
            assert_eq!(
                client.send("POST", target, &[OPERATOR, FORGET], "").await.status.as_u16(),
                404,
                "{target}"
            );
        }
        other(1);
        client.send("POST", "/cache?forget=all", &[OPERATOR, FORGET], "").await;
        assert_eq!(other::stats().entries, Some(0));
        assert_eq!(client.send("DELETE", "/cache", &[OPERATOR, FORGET], "").await.status.as_u16(), 405);
    }
}

#[tokio::test]
async fn without_a_guard_nobody_forgets() {
    let mut client =
        Client::connect(start_axum(Router::new().route_service("/", StatsPage::new())).await).await;
    assert_eq!(client.send("POST", "/?forget=all", &[FORGET], "").await.status.as_u16(), 403);
    assert!(client.get("/?format=json", &[]).await.text().contains("\"may_forget\":false"));
}

/// Gives something else each time.
#[memoize(verify = 1.0)]
fn drifting() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn hits_that_were_verified_are_counted() {
    drifting();
    drifting();
    let start = Instant::now();
    while drifting::stats().verified.mismatches == 0 {
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", drifting::stats());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut client = Client::connect(start_axum(Router::new().route_service("/cache", page())).await).await;
    let seen = figures(&client.get("/cache?format=json", &[]).await, "::drifting");
    assert_eq!((&seen["verified"], &seen["mismatches"]), (&json!(1), &json!(1)), "{seen}");
}

//! What is stored, for how long, and what is said of it.

use cachekit::http::ResponseCacheBuilder;
use cachekit_web_tests::{Answer, everywhere, everywhere_with};

#[test]
fn a_response_is_computed_once_until_it_is_over() {
    everywhere(
        |asked| Answer::text(asked.target.clone()).header("content-type", "text/plain"),
        async |w| {
            let mut client = w.client().await;
            let first = client.get("/a?x=1", &[]).await;
            assert_eq!((first.text(), first.status_of_cache()), ("/a?x=1", "fwd=uri-miss; stored"));
            assert_eq!(first.header("age"), None);
            w.pass(7);
            let second = client.get("/a?x=1", &[]).await;
            assert_eq!((second.text(), second.status_of_cache()), ("/a?x=1", "hit"));
            assert_eq!(
                (second.header("age"), second.header("cache-status")),
                (Some("7"), Some("pages; hit; ttl=53"))
            );
            for name in ["content-type", "content-length", "etag", "date"] {
                assert_eq!(first.header(name), second.header(name), "{name}");
                assert!(first.header(name).is_some(), "{name}");
            }
            assert_eq!(w.runs(), 1);
            w.pass(52);
            assert_eq!(client.get("/a?x=1", &[]).await.status_of_cache(), "hit");
            w.pass(1);
            assert_eq!(client.get("/a?x=1", &[]).await.status_of_cache(), "fwd=uri-miss; stored");
            assert_eq!(w.runs(), 1);
            let stats = w.pages.stats();
            assert_eq!((stats.hits, stats.misses, stats.stored), (2, 2, 2));
        },
    );
}

#[test]
fn the_query_is_sorted_and_keeps_duplicates() {
    everywhere(
        |asked| Answer::text(asked.target.clone()),
        async |w| {
            let mut client = w.client().await;
            for (target, runs) in [
                ("/q?a=1&b=2", 1),
                ("/q?b=2&a=1", 0),
                ("/q?a=1&a=1&b=2", 1),
                ("/q?b=2&a=1&a=1", 0),
                ("/q?a=3&b=2&a=1", 1),
                ("/q?b=2&a=3&a=1", 0),
                ("/q?b=2&a=1&a=3", 1),
                ("/q", 1),
                ("/q?", 0),
            ] {
                client.get(target, &[]).await;
                assert_eq!(w.runs(), runs, "{target}");
            }
        },
    );
}

#[test]
fn hosts_are_kept_apart_unless_they_do_not_count() {
    let handler = |asked: &cachekit_web_tests::Asked| Answer::text(asked.header("host"));
    everywhere(handler, async |w| {
        let mut client = w.client().await;
        for (host, runs) in [("one", 1), ("ONE", 0), ("two", 1), ("one:80", 1)] {
            let reply = client.get("/", &[("host", host)]).await;
            assert_eq!((reply.text().to_lowercase(), w.runs()), (host.to_lowercase(), runs));
        }
        assert_eq!(client.get("/", &[("host", "a/b")]).await.status_of_cache(), "fwd=bypass");
    });
    everywhere_with(ResponseCacheBuilder::any_host, handler, async |w| {
        let mut client = w.client().await;
        client.get("/", &[("host", "one")]).await;
        assert_eq!(client.get("/", &[("host", "two")]).await.text(), "one");
    });
}

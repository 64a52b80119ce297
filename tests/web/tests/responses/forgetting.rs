//! Forgetting: by path, all, and by the methods that change things.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cachekit_web_tests::{Answer, Asked, World, everywhere};

fn counting() -> impl Fn(&Asked) -> Answer + Send + Sync + 'static {
    let count = AtomicUsize::new(0);
    move |asked| {
        let answer = Answer::text(count.fetch_add(1, SeqCst).to_string()).header("vary", "x-theme");
        if asked.target == "/refused" { answer.status(409) } else { answer }
    }
}

/// What is cached of some pages: whether the service runs for each.
async fn run(w: &World, targets: &[(&str, &str)]) -> Vec<usize> {
    let mut client = w.client().await;
    let mut runs = Vec::new();
    for (target, theme) in targets {
        client.get(target, &[("x-theme", theme), ("host", "one")]).await;
        runs.push(w.runs());
    }
    runs
}

#[test]
fn a_path_is_forgotten_with_its_queries_hosts_and_variants() {
    everywhere(counting(), async |w: World| {
        let pages = [("/a", "dark"), ("/a", "light"), ("/a?x=1", "dark"), ("/b", "dark"), ("/a/b", "dark")];
        assert_eq!(run(&w, &pages).await, [1, 1, 1, 1, 1]);
        assert_eq!(run(&w, &pages).await, [0, 0, 0, 0, 0]);
        w.pages.forget_async("/a").await.expect("it is forgotten");
        assert_eq!(run(&w, &pages).await, [1, 1, 1, 0, 0]);
        w.pages.forget("/b").expect("it is forgotten");
        assert_eq!(run(&w, &pages).await, [0, 0, 0, 1, 0]);
        w.pages.forget_all_async().await.expect("all is forgotten");
        assert_eq!(run(&w, &pages).await, [1, 1, 1, 1, 1]);
        w.cache.clear_async().await.expect("it is cleared");
        assert_eq!(run(&w, &pages).await, [1, 1, 1, 1, 1]);
    });
}

#[test]
fn what_a_request_changed_is_forgotten() {
    everywhere(counting(), async |w: World| {
        let mut client = w.client().await;
        let page = [("/a", "dark")];
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            run(&w, &page).await;
            client.send(method, "/a?x=1", &[], "").await;
            w.runs();
            assert_eq!(run(&w, &page).await, [1], "{method}");
        }
        client.send("OPTIONS", "/a", &[], "").await;
        client.send("POST", "/b", &[], "").await;
        w.runs();
        assert_eq!(run(&w, &page).await, [0]);
    });
}

#[test]
fn what_a_request_failed_to_change_stays() {
    everywhere(
        |asked| Answer::text("x").status(if asked.method == "GET" { 200 } else { 409 }),
        async |w: World| {
            let mut client = w.client().await;
            client.get("/a", &[]).await;
            client.send("POST", "/a", &[], "").await;
            assert_eq!(client.get("/a", &[]).await.status_of_cache(), "hit");
        },
    );
}

#[test]
fn a_cache_that_fails_costs_only_its_use() {
    everywhere(
        |_| Answer::text("x"),
        async |w: World| {
            let mut client = w.client().await;
            client.get("/", &[]).await;
            if let Some(faulty) = &w.faulty {
                faulty.fail(true);
                assert_eq!(client.get("/", &[]).await.text(), "x");
                assert!(w.pages.forget_async("/").await.is_err(), "what cannot be forgotten is said");
                assert_eq!(client.send("POST", "/", &[], "").await.text(), "x");
                assert!(w.pages.stats().errors > 0);
                faulty.fail(false);
            }
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "hit");
        },
    );
}

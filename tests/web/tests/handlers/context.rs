//! What the request context gives to keys, without a server.

use std::cell::Cell;
use std::time::Duration;

use cachekit::http::CachedResponse;
use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, ManualClock, RequestContext, SimpleCache, cached, delete_cached};

thread_local! {
    /// The bodies that ran on this thread, which is one test's.
    static RUNS: Cell<usize> = const { Cell::new(0) };
}

fn run() -> usize {
    RUNS.replace(RUNS.get() + 1)
}

/// Runs a case with typed values and with bytes.
fn everywhere(case: impl Fn(&ManualClock)) {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| case(&clock));
    let bytes = Faulty::new(SimpleCache::builder().clock(clock.clock()).build());
    Scope::new(Cache::builder().backend(bytes).clock(clock.clock()).build()).run(|| case(&clock));
}

#[test]
fn case_090_a_responses_own_timeout_wins() {
    #[cached(timeout = 50)]
    fn image(long: bool) -> CachedResponse {
        let response = CachedResponse::new(run().to_string()).header("x-a", "1").header("x-a", "2");
        if long { response.timeout(100) } else { response }
    }
    everywhere(|clock| {
        let (long, short) = (RequestContext::new("GET", "/long"), RequestContext::new("GET", "/short"));
        let first = long.scope(|| image(true));
        assert_eq!(first.headers().get_all("x-a").iter().count(), 2);
        short.scope(|| image(false));
        clock.advance(Duration::from_secs(99));
        let second = long.scope(|| image(true));
        assert_eq!(
            (second.body(), second.headers(), second.status_code()),
            (first.body(), first.headers(), first.status_code())
        );
        let runs = RUNS.get();
        short.scope(|| image(false));
        clock.advance(Duration::from_secs(1));
        long.scope(|| image(true));
        assert_eq!(RUNS.get(), runs + 2);
    });
}

#[test]
fn what_is_not_for_everybody_is_not_stored() {
    #[cached]
    fn page(kind: &str) -> CachedResponse {
        let page = CachedResponse::new(run().to_string());
        match kind {
            "cookie" => page.header("set-cookie", "a=1"),
            "private" => page.header("cache-control", "max-age=60, Private"),
            "no-store" => page.header("Cache-Control", "no-store"),
            "vary" => page.header("vary", "*"),
            "error" => page.status(500),
            _ => page,
        }
    }
    everywhere(|_| {
        for (kind, same) in [
            ("cookie", false),
            ("private", false),
            ("no-store", false),
            ("vary", false),
            ("error", false),
            ("plain", true),
        ] {
            let request = RequestContext::new("GET", format!("/{kind}"));
            let bodies = [request.scope(|| page(kind)), request.scope(|| page(kind))];
            assert_eq!(bodies[0].body() == bodies[1].body(), same, "{kind}");
        }
    });
}

#[test]
fn a_field_that_is_not_known_is_no_key() {
    #[cached(key_prefix = "nav", vary = "accept-language")]
    fn nav() -> usize {
        run()
    }
    everywhere(|_| {
        assert_ne!(nav(), nav(), "outside a request");
        let request = RequestContext::new("GET", "/").header("Accept-Language", "de");
        assert_eq!(request.scope(nav), request.scope(nav));
        assert_eq!(request.scope(nav::peek), Some(request.scope(nav)));
        let other = RequestContext::new("GET", "/").header("accept-language", "en");
        assert_ne!(request.scope(nav), other.scope(nav));
        let debug = format!("{:?}", request.header("authorization", "secret"));
        assert!(!debug.contains("secret") && !debug.contains("de"), "{debug}");
    });
}

#[test]
fn forgetting_takes_what_the_key_takes() {
    #[cached(key_prefix = "greeting/{name}")]
    fn greeting(name: &str) -> String {
        format!("{name} {}", run())
    }
    #[cached(query_string)]
    fn list() -> usize {
        run()
    }
    everywhere(|_| {
        let first = greeting("Ada");
        assert!(delete_cached!(greeting, "Ada").expect("it is deleted"));
        assert_ne!(greeting("Ada"), first);
        let request = RequestContext::new("POST", "/list").query_string("a=1&b=x%20y");
        let first = request.scope(list);
        assert!(!delete_cached!(list, path = "/list", query = "b=x+y&a=1").expect("another method"));
        assert!(
            delete_cached!(list, path = "/list", query = "b=x+y&a=1", method = "POST")
                .expect("it is deleted")
        );
        assert_ne!(request.scope(list), first);
        assert!(request.scope(|| delete_cached!(list)).expect("the request around the caller"));
    });
}

#[test]
fn a_head_reads_what_a_get_stored() {
    #[cached]
    fn page() -> usize {
        run()
    }
    everywhere(|_| {
        let get = RequestContext::new("GET", "/");
        let head = RequestContext::new("HEAD", "/");
        assert_ne!(head.scope(page), head.scope(page), "it stores nothing");
        let body = get.scope(page);
        assert_eq!((head.scope(page), get.scope(page)), (body, body));
        assert_ne!(head.scope(page::refresh), body);
        assert_eq!(get.scope(page), body, "also where it is told to");
    });
}

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
fn a_template_names_what_the_request_has() {
    #[cached(
        key_prefix = "{request.method} {request.host}%s {request.query.page} {request.cookie.theme} end"
    )]
    fn page() -> usize {
        run()
    }
    #[cached(key_prefix = "found/{request.query}")]
    fn found() -> usize {
        run()
    }
    everywhere(|_| {
        let base = || RequestContext::new("GET", "/a").query_string("page=1&x=2").header("Host", "One:80");
        let themed = || base().header("cookie", "theme=dark");
        let key = themed().scope(page::make_cache_key);
        assert!(key.starts_with("GET one:80/a 1 dark end;"), "{key}");
        let first = themed().scope(page);
        for (request, same) in [
            (themed(), true),
            (themed().query_string("x=3&page=1"), true),
            (base().header("cookie", "id=7; theme=dark"), true),
            (
                RequestContext::new("HEAD", "/a")
                    .query_string("page=1")
                    .headers([("host", "ONE:80"), ("cookie", "theme=dark")]),
                true,
            ),
            (
                RequestContext::new("PUT", "/a")
                    .query_string("page=1")
                    .headers([("host", "one:80"), ("cookie", "theme=dark")]),
                false,
            ),
            (
                RequestContext::new("GET", "/a")
                    .query_string("page=1")
                    .headers([("host", "two"), ("cookie", "theme=dark")]),
                false,
            ),
            (themed().query_string("page=2"), false),
            (themed().query_string("page=1&page=1"), false),
            (themed().query_string(""), false),
            (base().header("cookie", "theme="), false),
            (base(), false),
        ] {
            assert_eq!(request.scope(page::peek) == Some(first), same, "{request:?}");
        }
        let two_hosts = themed().header("host", "two");
        assert_ne!(two_hosts.scope(page), two_hosts.scope(page), "two hosts are none");
        let queries = ["a=1&b=2", "b=2&a=1", "a=1%26b=2", "a=1&b=2&b=2", ""]
            .map(|query| RequestContext::new("GET", "/").query_string(query).scope(found));
        assert_eq!(queries[0], queries[1]);
        for (index, one) in queries.iter().enumerate().skip(1) {
            assert!(!queries[index + 1..].contains(one), "{queries:?}");
        }
        let taken = delete_cached!(
            page,
            path = "/a",
            query = "page=1",
            headers = [("host", "one:80"), ("cookie", "theme=dark")]
        );
        assert!(taken.expect("it is deleted"));
        assert_ne!(page(), page(), "outside a request");
    });
}

#[test]
fn where_values_meet_nobody_takes_the_key_of_another() {
    #[cached(key_prefix = "{request.header.a}{request.header.b}%s")]
    fn page() -> usize {
        run()
    }
    #[cached(key_prefix = "greeting/{name}")]
    fn greeting(name: &str) -> usize {
        assert!(!name.is_empty());
        run()
    }
    everywhere(|_| {
        let long = "x".repeat(100);
        let requests = [
            [Some("ab"), Some("c")],
            [Some("a"), Some("bc")],
            [None, Some("abc")],
            [Some(""), Some("abc")],
            [Some("abc"), None],
            [Some("abc"), Some("/")],
            [Some(&long), Some("")],
            [Some(&long[1..]), Some("x")],
        ];
        let mut seen = Vec::new();
        for [a, b] in requests {
            let fields = [("a", a), ("b", b)].into_iter().filter_map(|(name, value)| Some((name, value?)));
            let request = RequestContext::new("GET", "/").headers(fields);
            let own = request.scope(page);
            assert_eq!(request.scope(page), own);
            assert!(!seen.contains(&own), "{a:?} {b:?}");
            assert!(request.scope(page::make_cache_key).len() < 150);
            seen.push(own);
        }
        let request = RequestContext::new("GET", "/Ada");
        let own = request.scope(|| greeting("%s"));
        assert_ne!(request.scope(|| greeting("/Ada")), own, "an argument is no template");
        assert_eq!(greeting("%s"), own, "nor does it need a request");
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

//! What a request says: its method, its body, its `Authorization`, its `Cache-Control`.

use cachekit::http::ResponseCacheBuilder;
use cachekit_web_tests::{Answer, Asked, World, everywhere, everywhere_with};

fn echo(asked: &Asked) -> Answer {
    Answer::text(format!("{} {}", asked.method, asked.header("authorization")))
}

#[test]
fn other_methods_pass() {
    everywhere(echo, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[]).await;
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "PURGE"] {
            let reply = client.send(method, "/other", &[], "").await;
            assert_eq!((reply.text(), reply.status_of_cache()), (&*format!("{method} "), "fwd=method"));
            assert_eq!(client.send(method, "/other", &[], "").await.header("age"), None);
        }
        assert_eq!(w.pages.stats().bypasses, 14);
    });
}

#[test]
fn case_314_a_head_is_answered_from_a_get_and_never_the_other_way() {
    everywhere(
        |asked| if asked.method == "HEAD" { Answer::text("") } else { Answer::text("body") },
        async |w: World| {
            let mut client = w.client().await;
            assert_eq!(client.send("HEAD", "/", &[], "").await.status_of_cache(), "fwd=uri-miss");
            assert_eq!(client.get("/", &[]).await.text(), "body");
            assert_eq!(w.runs(), 2);
            let head = client.send("HEAD", "/", &[], "").await;
            assert_eq!((head.status_of_cache(), head.text()), ("hit", ""));
            assert_eq!(head.header("content-length"), Some("4"));
            assert_eq!(head.header("etag"), client.get("/", &[]).await.header("etag"));
            assert_eq!(w.runs(), 0);
        },
    );
}

#[test]
fn an_authorised_request_passes_unless_it_may_take_part() {
    let ada = [("authorization", "Bearer ada")];
    everywhere(echo, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[]).await;
        let own = client.get("/", &ada).await;
        assert_eq!((own.text(), own.status_of_cache()), ("GET Bearer ada", "fwd=bypass"));
        assert_eq!(client.get("/", &[]).await.text(), "GET ");
    });
    everywhere_with(
        ResponseCacheBuilder::allow_authorization,
        |asked| match &*asked.target {
            "/public" => echo(asked).header("cache-control", "Public"),
            "/shared" => echo(asked).header("cache-control", "s-maxage=60"),
            "/both" => echo(asked).header("cache-control", "public, private"),
            "/must" => echo(asked).header("cache-control", "max-age=60, must-revalidate"),
            _ => echo(asked).header("cache-control", "max-age=60"),
        },
        async |w: World| {
            let mut client = w.client().await;
            for (target, runs) in [("/public", 1), ("/shared", 1), ("/both", 2), ("/must", 2), ("/own", 2)] {
                client.get(target, &ada).await;
                client.get(target, &ada).await;
                assert_eq!(w.runs(), runs, "{target}");
            }
        },
    );
}

#[test]
fn a_get_with_a_body_passes() {
    everywhere(
        |asked| Answer::text(asked.header("content-length")),
        async |w: World| {
            let mut client = w.client().await;
            assert_eq!(client.send("GET", "/", &[], "poison").await.status_of_cache(), "fwd=bypass");
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "fwd=uri-miss; stored");
        },
    );
}

#[test]
fn those_who_want_a_part_pass() {
    everywhere(echo, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[]).await;
        for field in ["range", "Range", "if-match", "if-unmodified-since", "if-range", "upgrade"] {
            assert_eq!(client.get("/", &[(field, "x")]).await.status_of_cache(), "fwd=bypass", "{field}");
        }
        assert_eq!(client.get("/", &[("range", "bytes=0-1")]).await.text(), "GET ");
    });
}

#[test]
fn what_a_client_writes_spoils_no_entry() {
    everywhere(
        |_| Answer::text("body").header("etag", "\"a,b\"").header("vary", "accept-language"),
        async |w: World| {
            let mut client = w.client().await;
            client.get("/", &[]).await;
            w.runs();
            let long = "\"x\", ".repeat(1000);
            for (name, value, status) in [
                ("if-none-match", "\"a,b\"", 304),
                ("if-none-match", "\"x\", W/\"a,b\"", 304),
                ("If-None-Match", "W/\"x,\\\"y\" ,\t\"a,b\",", 304),
                ("if-none-match", &format!("{long}\"a,b\""), 304),
                ("if-none-match", &long, 200),
                ("if-none-match", "\"a", 200),
                ("if-none-match", "\"a\", b\"", 200),
                ("if-none-match", "a,b", 200),
                ("if-none-match", "w/\"a,b\"", 200),
                ("if-none-match", "*, \"x\"", 200),
                ("if-none-match", "\u{e9}", 200),
                ("if-modified-since", "Sun, 31 Feb 2099 00:00:00 GMT", 200),
                ("cache-control", "no-cache, \u{e9}", 200),
                ("cache-control", "max-age=-1", 200),
                ("cookie", "\u{e9}=1; theme", 200),
                ("accept-encoding", ",,;q=,\u{e9}", 200),
                ("te", "trailers", 200),
                ("x-forwarded-host", "evil", 200),
                ("x-http-method-override", "DELETE", 200),
                ("content-length", "0", 200),
            ] {
                let reply = client.get("/", &[(name, value)]).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.status_of_cache()),
                    (status, "hit"),
                    "{name}: {value}"
                );
                assert_eq!(reply.text(), if status == 304 { "" } else { "body" }, "{name}: {value}");
            }
            assert_eq!(w.runs(), 0);
            for language in ["\u{e9}", "de;q=x", ";;;", &"x".repeat(3000)] {
                for _ in 0..2 {
                    let reply = client.get("/", &[("accept-language", language)]).await;
                    assert_eq!((reply.status.as_u16(), reply.text()), (200, "body"));
                }
            }
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "hit");
        },
    );
}

#[test]
fn a_client_cannot_make_the_service_work() {
    everywhere(echo, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[]).await;
        for control in ["no-cache", "no-store", "max-age=0", "only-if-cached"] {
            assert_eq!(client.get("/", &[("cache-control", control)]).await.status_of_cache(), "hit");
        }
        assert_eq!(client.get("/", &[("pragma", "no-cache")]).await.status_of_cache(), "hit");
    });
}

#[test]
fn a_client_that_may_say_so_is_obeyed() {
    everywhere_with(ResponseCacheBuilder::obey_request, echo, async |w: World| {
        let mut client = w.client().await;
        let missing = client.get("/", &[("cache-control", "Only-If-Cached")]).await;
        assert_eq!((missing.status.as_u16(), missing.status_of_cache()), (504, "detail=only-if-cached"));
        assert_eq!(w.runs(), 0);
        client.get("/", &[]).await;
        w.pass(10);
        for (control, outcome) in [
            ("only-if-cached", "hit"),
            ("max-age=10", "hit"),
            ("min-fresh=50", "hit"),
            ("no-store", "fwd=request"),
            ("max-age=9", "fwd=request; stored"),
            ("min-fresh=61", "fwd=request; stored"),
            ("foo, No-Cache", "fwd=request; stored"),
            ("max-age=0", "fwd=request; stored"),
        ] {
            let reply = client.get("/", &[("cache-control", control)]).await;
            assert_eq!(reply.status_of_cache(), outcome, "{control}");
        }
        w.pass(5);
        assert_eq!(client.get("/", &[("pragma", "no-cache")]).await.status_of_cache(), "fwd=request; stored");
        assert_eq!(client.get("/", &[]).await.header("age"), Some("0"), "what it made is stored");
    });
}

#[test]
fn a_condition_of_ones_own_lets_requests_pass() {
    everywhere_with(
        |builder| {
            builder.unless(|_, uri, headers| uri.path() == "/admin" || headers.contains_key("x-preview"))
        },
        echo,
        async |w: World| {
            let mut client = w.client().await;
            for (target, fields, outcome) in [
                ("/admin", &[][..], "fwd=bypass"),
                ("/", &[("x-preview", "1")], "fwd=bypass"),
                ("/", &[], "fwd=uri-miss; stored"),
            ] {
                assert_eq!(
                    client.get(target, fields).await.status_of_cache(),
                    outcome,
                    "{target} {fields:?}"
                );
            }
        },
    );
}

#[test]
fn case_089_the_hit_header_is_on_hits_only_and_on_demand() {
    everywhere_with(ResponseCacheBuilder::hit_header, echo, async |w: World| {
        let mut client = w.client().await;
        assert_eq!(client.get("/", &[]).await.header("hit_cache"), None);
        for _ in 0..2 {
            assert_eq!(client.get("/", &[]).await.header("hit_cache"), Some("True"));
        }
        w.pass(60);
        assert_eq!(client.get("/", &[]).await.header("hit_cache"), None);
    });
    everywhere(echo, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[]).await;
        assert_eq!(client.get("/", &[]).await.header("hit_cache"), None);
    });
}

#[test]
fn parameters_that_nobody_looks_at_are_left_out() {
    everywhere_with(
        |builder| builder.ignore_query(["utm_source"]),
        echo,
        async |w: World| {
            let mut client = w.client().await;
            client.get("/?a=1&utm_source=x", &[]).await;
            assert_eq!(client.get("/?utm_source=y&a=1", &[]).await.status_of_cache(), "hit");
            assert_eq!(client.get("/?a=2", &[]).await.status_of_cache(), "fwd=uri-miss; stored");
        },
    );
}

//! The header corpus: what keeps a response, or the answer to a request, out of the cache, however it is written.

use cachekit_web_tests::{Answer, Asked, World, everywhere, everywhere_with};

/// Header lines that keep a 200 out of the cache; most of them were once overlooked by somebody.
const REFUSED: &[&[(&str, &str)]] = &[
    &[("cache-control", "private")],
    &[("Cache-Control", "Private")],
    &[("CACHE-CONTROL", "PRIVATE")],
    &[("cache-control", "max-age=60, pRiVaTe")],
    &[("cache-control", "private,max-age=60")],
    &[("cache-control", "max-age=60"), ("cache-control", "private")],
    &[("cache-control", "public"), ("cache-control", "private")],
    &[("cache-control", " \tprivate \t")],
    &[("cache-control", ",,private,,")],
    &[("cache-control", "private=\"x-user\"")],
    &[("cache-control", "private=\"x, y\", max-age=60")],
    &[("cache-control", "no-store")],
    &[("cache-control", "No-Store")],
    &[("cache-control", "max-age=60,no-store")],
    &[("cache-control", "no-cache")],
    &[("cache-control", "NO-CACHE=\"set-cookie\"")],
    &[("cache-control", "private=\"Set-Cookie\"")],
    &[("cache-control", "no-cache=\"x\"")],
    &[("cache-control", "no-cache=\"a, b\", max-age=60")],
    &[("cache-control", "max-age=60, x=\"open")],
    &[("cache-control", "private; max-age=60")],
    &[("cache-control", "public; private")],
    &[("cache-control", "\"private\"")],
    &[("cache-control", "no store")],
    &[("cache-control", "public"), ("cache-control", "x=\"open"), ("cache-control", "private")],
    &[("cache-control", "max-age=\"0\"")],
    &[("cache-control", "max-age=\"-5\"")],
    &[("cache-control", "max-age=\"60")],
    &[("cache-control", "max-age=60s")],
    &[("cache-control", "max-age=0, max-age=60")],
    &[("cache-control", "s-maxage=0, public")],
    &[("cache-control", "max-age=60, \u{a0}private")],
    &[("cache-control", "max-age=0")],
    &[("cache-control", "max-age=-1")],
    &[("cache-control", "max-age=1.5")],
    &[("cache-control", "max-age=abc")],
    &[("cache-control", "max-age=")],
    &[("cache-control", "max-age=60, max-age=0")],
    &[("cache-control", "max-age=60"), ("cache-control", "max-age=0")],
    &[("cache-control", "max-age=60, s-maxage=0")],
    &[("expires", "0")],
    &[("expires", "-1")],
    &[("expires", "Thu, 01 Jan 1970 00:00:00 GMT")],
    &[("expires", "")],
    &[("expires", "tomorrow")],
    &[("expires", "Sat, 31 Feb 2099 00:00:00 GMT")],
    &[("expires", "Fri, 01 Jan 2100 00:00:00 UTC")],
    &[("expires", "Friday, 01-Jan-99 00:00:00 GMT")],
    &[("expires", "Fri, 01 Jan 2100 00:00:00 GMT"), ("expires", "0")],
    &[("age", "60")],
    &[("age", "5"), ("age", "70")],
    &[("age", "99999999999999999999")],
    &[("set-cookie", "id=1")],
    &[("Set-Cookie", "id=1; HttpOnly"), ("cache-control", "public, max-age=60")],
    &[("set-cookie", "")],
    &[("set-cookie", "id=1"), ("Set-Cookie", "theme=dark"), ("SET-COOKIE", "x=1")],
    &[("vary", "*")],
    &[("Vary", "accept-encoding, *")],
    &[("vary", "accept-encoding"), ("vary", "*")],
    &[("vary", " * ")],
    &[("vary", ",*,")],
    &[("vary", "accept, *, cookie")],
    &[("vary", "accept; *")],
    &[("vary", "\"*\"")],
    &[("vary", "a b")],
    &[("vary", "\u{e9}")],
    &[("vary", "a,b,c,d,e,f,g,h,i")],
    &[("content-range", "bytes 0-1/2")],
];

/// Header lines that look dangerous and are not.
const STORED: &[&[(&str, &str)]] = &[
    &[],
    &[("cache-control", "public")],
    &[("cache-control", "privateer, x-no-store")],
    &[("cache-control", "x=\"private, no-store\"")],
    &[("cache-control", "MAX-AGE = \"60\"")],
    &[("cache-control", "max-age=99999999999999999999999999")],
    &[("cache-control", "max-age=18446744073709551616")],
    &[("cache-control", "max-age=60, max-age=\"70\"")],
    &[("cache-control", "s-maxage=60, max-age=0")],
    &[("cache-control", "")],
    &[("age", "-1")],
    &[("age", "x")],
    &[("date", "yesterday")],
    &[("vary", "")],
    &[("vary", "Accept-Encoding, accept-encoding")],
    &[("x-set-cookie", "id=1")],
    &[("expires", "Fri, 01 Jan 2100 00:00:00 GMT")],
];

fn index(asked: &Asked) -> usize {
    asked.target.rsplit('/').next().and_then(|index| index.parse().ok()).unwrap_or_default()
}

fn with(answer: Answer, lines: &[(&str, &str)]) -> Answer {
    lines.iter().fold(answer, |answer, (name, value)| {
        // One byte for each character: what is beyond ASCII is no UTF-8 then.
        let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        answer.header(name, bytes)
    })
}

#[test]
fn what_is_not_for_everybody_is_not_stored() {
    everywhere(
        |asked| with(Answer::text("x"), REFUSED[index(asked)]),
        async |w: World| {
            let mut client = w.client().await;
            for (index, lines) in REFUSED.iter().enumerate() {
                for _ in 0..2 {
                    let reply = client.get(&format!("/{index}"), &[]).await;
                    assert!(!reply.status_of_cache().contains("stored"), "{lines:?}");
                    let own_age = lines.iter().find(|(name, _)| *name == "age").map(|(_, age)| *age);
                    assert_eq!((reply.text(), reply.header("age")), ("x", own_age), "{lines:?}");
                }
                assert_eq!(w.runs(), 2, "{lines:?}");
            }
        },
    );
}

#[test]
fn what_only_looks_so_is_stored() {
    everywhere(
        |asked| with(Answer::text("x"), STORED[index(asked)]),
        async |w: World| {
            let mut client = w.client().await;
            for (index, lines) in STORED.iter().enumerate() {
                client.get(&format!("/{index}"), &[]).await;
                let reply = client.get(&format!("/{index}"), &[]).await;
                assert_eq!((reply.status_of_cache(), w.runs()), ("hit", 1), "{lines:?}");
            }
        },
    );
}

#[test]
fn case_082_statuses_are_an_allow_list() {
    let handler = |asked: &Asked| {
        let status = u16::try_from(index(asked)).unwrap_or(500);
        Answer::text(if status == 204 { "" } else { "x" }).status(status)
    };
    let stored = [200, 203, 301, 308, 404, 410];
    everywhere(handler, async |w: World| {
        let mut client = w.client().await;
        for status in [
            200, 201, 202, 203, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 429, 500,
            502, 503, 504,
        ] {
            client.get(&format!("/{status}"), &[]).await;
            let reply = client.get(&format!("/{status}"), &[]).await;
            assert_eq!(reply.status.as_u16(), status);
            let expected = if stored.contains(&status) { 1 } else { 2 };
            assert_eq!(w.runs(), expected, "{status}");
        }
    });
    let settings =
        |builder: cachekit::http::ResponseCacheBuilder| builder.status_timeout(404, 5).status_timeout(302, 5);
    everywhere_with(settings, handler, async |w: World| {
        let mut client = w.client().await;
        for status in [302, 404] {
            client.get(&format!("/{status}"), &[]).await;
            client.get(&format!("/{status}"), &[]).await;
            w.pass(5);
            client.get(&format!("/{status}"), &[]).await;
            assert_eq!(w.runs(), 2, "{status}");
        }
    });
}

#[test]
fn a_long_list_is_read_to_its_end() {
    everywhere(
        |asked| {
            let (end, vary) = match &*asked.target {
                "/private" => ("private", "accept"),
                "/star" => ("x", "*"),
                _ => ("x", "accept"),
            };
            let control = format!("{}{end}", "x-a=\"1, 2\", ".repeat(1000));
            Answer::text("x")
                .header("cache-control", control)
                .header("vary", format!("{}{vary}", "accept, ".repeat(1000)))
        },
        async |w: World| {
            let mut client = w.client().await;
            for (target, runs) in [("/private", 2), ("/star", 2), ("/all", 1)] {
                client.get(target, &[]).await;
                client.get(target, &[]).await;
                assert_eq!(w.runs(), runs, "{target}");
            }
        },
    );
}

#[test]
fn a_part_is_never_stored_whatever_the_list_says() {
    let settings = |builder: cachekit::http::ResponseCacheBuilder| {
        [204, 206, 304].into_iter().fold(builder, |builder, status| builder.status_timeout(status, 60))
    };
    everywhere_with(
        settings,
        |asked| {
            let status = u16::try_from(index(asked)).unwrap_or(500);
            Answer::text(if status == 206 { "pa" } else { "" }).status(status)
        },
        async |w: World| {
            let mut client = w.client().await;
            for (status, runs) in [(206, 2), (304, 2), (204, 1)] {
                for _ in 0..2 {
                    let reply = client.get(&format!("/{status}"), &[]).await;
                    assert_eq!(
                        (reply.status.as_u16(), reply.text()),
                        (status, if status == 206 { "pa" } else { "" })
                    );
                }
                assert_eq!(w.runs(), runs, "{status}");
            }
        },
    );
}

#[test]
fn what_comes_with_a_date_is_as_old_as_that() {
    everywhere(
        |asked| match asked.header("x-date") {
            "" => Answer::text("x"),
            date => Answer::text("x").header("date", date),
        },
        async |w: World| {
            let mut client = w.client().await;
            let date = client.get("/now", &[]).await.header("date").map(str::to_owned).expect("a date");
            w.pass(20);
            let dated = [("x-date", &*date)];
            assert_eq!(client.get("/dated", &dated).await.status_of_cache(), "fwd=uri-miss; stored");
            w.pass(39);
            let hit = client.get("/dated", &dated).await;
            assert_eq!((hit.status_of_cache(), hit.header("age")), ("hit", Some("59")));
            assert_eq!(hit.header("date"), Some(&*date));
            w.pass(1);
            assert_eq!(client.get("/dated", &dated).await.status_of_cache(), "fwd=uri-miss", "it is over");
        },
    );
}

#[test]
fn what_others_said_of_their_caches_stays_before_ours() {
    everywhere(
        |_| {
            Answer::text("x")
                .header("cache-status", "origin; hit; ttl=5")
                .header("cache-status", "edge; fwd=miss")
        },
        async |w: World| {
            let mut client = w.client().await;
            for own in ["pages; fwd=uri-miss; stored", "pages; hit; ttl=60"] {
                let reply = client.get("/", &[]).await;
                let all: Vec<_> = reply.headers.get_all("cache-status").iter().collect();
                assert_eq!(all, ["origin; hit; ttl=5", "edge; fwd=miss", own]);
            }
        },
    );
}

#[test]
fn case_315_a_cookie_is_never_replayed() {
    everywhere(
        |asked| Answer::text("x").header("set-cookie", format!("id={}", asked.header("x-user"))),
        async |w: World| {
            let mut client = w.client().await;
            for user in ["ada", "bob"] {
                let reply = client.get("/", &[("x-user", user)]).await;
                assert_eq!(reply.header("set-cookie"), Some(&*format!("id={user}")));
            }
        },
    );
}

#[test]
fn a_page_that_stops_being_private_is_stored() {
    everywhere(
        |asked| match asked.header("x-user") {
            "" => Answer::text("all"),
            user => Answer::text(user).header("cache-control", "private"),
        },
        async |w: World| {
            let mut client = w.client().await;
            assert_eq!(client.get("/", &[("x-user", "ada")]).await.text(), "ada");
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "fwd=uri-miss; stored");
            assert_eq!(client.get("/", &[("x-user", "ada")]).await.text(), "all");
        },
    );
}

#[test]
fn a_filter_has_the_last_word() {
    everywhere_with(
        |builder| builder.response_filter(|_, headers| !headers.contains_key("x-draft")),
        |asked| with(Answer::text("x"), if asked.target == "/draft" { &[("x-draft", "1")] } else { &[] }),
        async |w: World| {
            let mut client = w.client().await;
            for (target, runs) in [("/draft", 2), ("/page", 1)] {
                client.get(target, &[]).await;
                client.get(target, &[]).await;
                assert_eq!(w.runs(), runs, "{target}");
            }
        },
    );
}

#[test]
fn what_belongs_to_the_connection_is_not_replayed() {
    everywhere(
        |_| Answer::text("x").header("keep-alive", "timeout=5").header("x-own", "1").header("age", "20"),
        async |w: World| {
            let mut client = w.client().await;
            client.get("/", &[]).await;
            w.pass(1);
            let hit = client.get("/", &[]).await;
            assert_eq!((hit.status_of_cache(), hit.header("age")), ("hit", Some("21")));
            assert_eq!((hit.header("keep-alive"), hit.header("x-own")), (None, Some("1")));
            w.pass(39);
            assert_ne!(client.get("/", &[]).await.status_of_cache(), "hit", "an age counts");
        },
    );
}

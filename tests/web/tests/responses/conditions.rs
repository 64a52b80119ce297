//! `ETag`, `If-None-Match`, `If-Modified-Since` and 304.

use cachekit_web_tests::{Answer, World, everywhere};

#[test]
fn a_client_that_has_it_is_told_so() {
    everywhere(
        |_| {
            Answer::text("body")
                .header("content-type", "text/plain")
                .header("cache-control", "max-age=60")
                .header("vary", "accept")
                .header("expires", "Fri, 01 Jan 2100 00:00:00 GMT")
                .header("content-language", "en")
        },
        async |w: World| {
            let mut client = w.client().await;
            let first = client.get("/", &[]).await;
            let tag = first.header("etag").expect("a tag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{tag} is strong");
            for field in
                [&*tag, "*", &format!("W/{tag}"), &format!("\"x\", {tag}"), &format!("\"x\",W/{tag},")]
            {
                let reply = client.get("/", &[("if-none-match", field)]).await;
                assert_eq!((reply.status.as_u16(), reply.text()), (304, ""), "{field}");
                for name in ["etag", "cache-control", "vary", "date", "expires"] {
                    assert_eq!(reply.header(name), first.header(name), "{name}");
                    assert!(reply.header(name).is_some(), "{name}");
                }
                for name in ["content-type", "content-language"] {
                    assert_eq!(reply.header(name), None, "{name}");
                }
            }
            for field in ["\"x\"", &tag.to_uppercase(), tag.trim_matches('"'), "", &format!("\"open, {tag}")]
            {
                let reply = client.get("/", &[("if-none-match", field)]).await;
                assert_eq!((reply.status.as_u16(), reply.text()), (200, "body"), "{field}");
            }
            assert_eq!(client.send("HEAD", "/", &[("if-none-match", &tag)], "").await.status.as_u16(), 304);
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn the_first_who_asks_may_have_it_already() {
    everywhere(
        |asked| {
            assert!(asked.header("if-none-match").is_empty(), "the service is asked for the whole response");
            Answer::text("body").header("etag", "W/\"own\"")
        },
        async |w: World| {
            let mut client = w.client().await;
            let reply = client.get("/", &[("if-none-match", "\"own\"")]).await;
            assert_eq!((reply.status.as_u16(), reply.header("etag")), (304, Some("W/\"own\"")));
            assert_eq!(client.get("/", &[]).await.text(), "body", "and what was stored is whole");
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn dates_count_where_there_are_no_tags() {
    everywhere(
        |_| Answer::text("body").header("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        async |w: World| {
            let mut client = w.client().await;
            for (since, status) in [
                ("Sun, 06 Nov 1994 08:49:37 GMT", 304),
                ("Sun, 06 Nov 1994 08:49:36 GMT", 200),
                // The two older forms.
                ("Sunday, 06-Nov-94 08:49:37 GMT", 304),
                ("Sun Nov  6 08:49:36 1994", 200),
                ("Mon, 07 Nov 1994 00:00:00 GMT", 304),
                ("nonsense", 200),
            ] {
                assert_eq!(
                    client.get("/", &[("if-modified-since", since)]).await.status.as_u16(),
                    status,
                    "{since}"
                );
            }
            let both = [("if-modified-since", "Mon, 07 Nov 1994 00:00:00 GMT"), ("if-none-match", "\"x\"")];
            assert_eq!(client.get("/", &both).await.status.as_u16(), 200, "a tag wins");
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn an_error_is_sent_whole() {
    everywhere(
        |_| Answer::text("gone").status(404).header("etag", "\"a\""),
        async |w: World| {
            let mut client = w.client().await;
            for _ in 0..2 {
                let reply = client.get("/", &[("if-none-match", "\"a\"")]).await;
                assert_eq!((reply.status.as_u16(), reply.text()), (404, "gone"));
            }
            assert_eq!(w.runs(), 1);
        },
    );
}

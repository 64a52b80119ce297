//! `Vary`: one entry for each answer, and no more of them than there may be.

use cachekit_web_tests::{Answer, Asked, World, everywhere, everywhere_with};

fn by_language(asked: &Asked) -> Answer {
    Answer::text(asked.header("accept-language")).header("vary", "Accept-Language")
}

#[test]
fn each_variant_has_an_entry() {
    everywhere(by_language, async |w: World| {
        let mut client = w.client().await;
        for (language, outcome) in [
            ("de", "fwd=uri-miss; stored"),
            ("en", "fwd=vary-miss; stored"),
            ("de", "hit"),
            ("en", "hit"),
            ("EN ", "hit"),
            ("", "fwd=vary-miss; stored"),
        ] {
            let reply = client.get("/", &[("accept-language", language)]).await;
            assert_eq!(reply.status_of_cache(), outcome, "{language}");
            assert_eq!(reply.text().trim().to_lowercase(), language.trim().to_lowercase());
            assert_eq!(reply.header("vary"), Some("Accept-Language"));
        }
        let without = client.get("/", &[]).await;
        assert_eq!((without.text(), without.status_of_cache()), ("", "fwd=vary-miss; stored"));
    });
}

#[test]
fn what_means_the_same_is_one_variant() {
    everywhere(
        |asked| Answer::text(asked.header("accept-encoding")).header("vary", "accept-encoding"),
        async |w: World| {
            let mut client = w.client().await;
            for coding in ["gzip, br", "br,gzip", "BR , gzip;q=0.8", "gzip;q=1.0, br;q=0.5"] {
                client.get("/", &[("accept-encoding", coding)]).await;
            }
            assert_eq!(w.runs(), 1);
            client.get("/", &[("accept-encoding", "gzip, br;q=0")]).await;
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn cookies_are_variants_where_it_says_so() {
    everywhere(
        |asked| Answer::text(asked.header("cookie")).header("vary", "Cookie").header("vary", "x-theme"),
        async |w: World| {
            let mut client = w.client().await;
            for cookie in ["id=ada", "id=bob", "id=ada"] {
                assert_eq!(client.get("/", &[("cookie", cookie)]).await.text(), cookie);
            }
            assert_eq!(w.runs(), 2);
            client.get("/", &[("cookie", "id=ada"), ("x-theme", "dark")]).await;
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn a_response_that_varies_by_more_is_not_served_to_others() {
    everywhere(
        |asked| {
            let text = format!("{}{}", asked.header("a"), asked.header("b"));
            Answer::text(text).header("vary", if asked.header("a") == "1" { "a, b" } else { "a" })
        },
        async |w: World| {
            let mut client = w.client().await;
            for _ in 0..2 {
                for (a, b) in [("0", "0"), ("1", "0"), ("1", "1"), ("0", "1"), ("1", "0")] {
                    let reply = client.get("/", &[("a", a), ("b", b)]).await;
                    let expected = if a == "1" { format!("{a}{b}") } else { reply.text().to_owned() };
                    assert_eq!(reply.text(), expected);
                    assert!(reply.text().starts_with(a));
                }
            }
            w.runs();
            for (a, b) in [("1", "0"), ("1", "1"), ("0", "1")] {
                assert_eq!(client.get("/", &[("a", a), ("b", b)]).await.status_of_cache(), "hit");
            }
        },
    );
}

#[test]
fn the_number_of_variants_is_capped() {
    everywhere_with(
        |builder| builder.max_variants(3),
        by_language,
        async |w: World| {
            let mut client = w.client().await;
            for number in 0..20 {
                let language = format!("x-{number}");
                let reply = client.get("/", &[("accept-language", &language)]).await;
                assert_eq!(
                    (reply.text(), reply.status_of_cache().contains("stored")),
                    (&*language, number < 3)
                );
            }
            w.runs();
            client.get("/", &[("accept-language", "x-0")]).await;
            assert_eq!(w.runs(), 0, "those that were first stay");
            client.get("/", &[("accept-language", &"x".repeat(4000))]).await;
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn values_can_be_made_fewer() {
    everywhere_with(
        |builder| {
            builder.simplify("Accept-Language", |value| {
                if value.starts_with("de") { "de" } else { "en" }.to_owned()
            })
        },
        |asked| {
            let text = if asked.header("accept-language").starts_with("de") { "hallo" } else { "hello" };
            Answer::text(text).header("vary", "accept-language")
        },
        async |w: World| {
            let mut client = w.client().await;
            for (language, text) in
                [("de-CH", "hallo"), ("de, en", "hallo"), ("fr", "hello"), ("en-GB", "hello")]
            {
                assert_eq!(client.get("/", &[("accept-language", language)]).await.text(), text);
            }
            assert_eq!(w.runs(), 2);
        },
    );
}

#[test]
fn a_head_finds_its_variant() {
    everywhere(by_language, async |w: World| {
        let mut client = w.client().await;
        client.get("/", &[("accept-language", "de")]).await;
        let head = client.send("HEAD", "/", &[("accept-language", "de")], "").await;
        assert_eq!((head.status_of_cache(), head.header("content-length")), ("hit", Some("2")));
        assert_eq!(
            client.send("HEAD", "/", &[("accept-language", "en")], "").await.status_of_cache(),
            "fwd=uri-miss"
        );
    });
}

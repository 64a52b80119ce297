//! Bodies: streamed, long, in parts.

use std::time::{Duration, Instant};

use cachekit_web_tests::{Answer, World, everywhere, everywhere_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[test]
fn case_176_a_body_streams_through_and_is_stored_at_its_end() {
    everywhere(
        |_| {
            let answer = Answer::text("").header("content-type", "text/html");
            answer.parts(&["one,", "two,", "three"], Duration::from_millis(150))
        },
        async |w: World| {
            let mut stream = TcpStream::connect(w.address()).await.expect("the server listens");
            let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", w.address());
            stream.write_all(request.as_bytes()).await.expect("it is sent");
            let (mut seen, mut some) = (String::new(), [0; 4096]);
            while !seen.contains("one,") {
                let read = stream.read(&mut some).await.expect("a part");
                seen.push_str(std::str::from_utf8(&some[..read]).expect("text"));
            }
            assert!(!seen.contains("three"), "the first part is here before the last one is made");
            drop(stream);
            let mut client = w.client().await;
            let first = client.get("/", &[]).await;
            assert_eq!((first.text(), first.status_of_cache()), ("one,two,three", "fwd=uri-miss; stored"));
            w.runs();
            let begun = Instant::now();
            let hit = client.get("/", &[]).await;
            assert_eq!((hit.text(), hit.status_of_cache()), ("one,two,three", "hit"));
            assert_eq!(hit.header("content-type"), Some("text/html"));
            assert_eq!((w.runs(), hit.header("content-length")), (0, Some("13")));
            assert!(begun.elapsed() < Duration::from_millis(300));
        },
    );
}

#[test]
fn what_is_too_long_passes_whole() {
    let long = "x".repeat(5000);
    everywhere_with(
        |builder| builder.max_body(1000),
        move |asked| match &*asked.target {
            "/whole" => Answer::text(long.clone()),
            "/fits" => Answer::text(&long[..1000]),
            _ => {
                let parts: Vec<&str> = (0..5).map(|part| &long[part * 1000..][..1000]).collect();
                Answer::text("").parts(&parts, Duration::from_millis(10))
            }
        },
        async |w: World| {
            let mut client = w.client().await;
            for (target, length, runs) in [("/whole", 5000, 2), ("/parts", 5000, 2), ("/fits", 1000, 1)] {
                for _ in 0..2 {
                    assert_eq!(client.get(target, &[]).await.body.len(), length, "{target}");
                }
                assert_eq!(w.runs(), runs, "{target}");
            }
        },
    );
}

#[test]
fn a_body_without_bytes_is_one() {
    everywhere(
        |_| Answer::text(""),
        async |w: World| {
            let mut client = w.client().await;
            for outcome in ["fwd=uri-miss; stored", "hit"] {
                let reply = client.get("/", &[]).await;
                assert_eq!(
                    (reply.text(), reply.header("content-length"), reply.status_of_cache()),
                    ("", Some("0"), outcome)
                );
            }
        },
    );
}

//! Requests that no client library writes, byte by byte.

use cachekit_web_tests::{Answer, World, everywhere};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What comes back, until the server closes.
async fn send(w: &World, request: &str) -> String {
    let mut stream = TcpStream::connect(w.address()).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut reply = Vec::new();
    // A server that refuses a request may close before it has read all of it.
    drop(stream.read_to_end(&mut reply).await);
    String::from_utf8_lossy(&reply).into_owned()
}

fn body(reply: &str) -> &str {
    reply.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn a_host_is_said_once() {
    everywhere(
        // What a service makes of its host name: links, mostly.
        |asked| Answer::text(format!("http://{}/", asked.header("host"))),
        async |w: World| {
            for request in [
                // The target names one host, the field another one.
                "GET http://shop/ HTTP/1.1\r\nhost: evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: shop\r\nhost: evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: evil\r\nhost: shop\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: shop/evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: shop@evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: shop, evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: shop\r\n evil\r\nconnection: close\r\n\r\n",
                "GET / HTTP/1.1\r\nx-a: 1\r\nhost : evil\r\nconnection: close\r\n\r\n",
            ] {
                let reply = send(&w, request).await;
                assert!(!reply.contains("stored"), "{request}{reply}");
            }
            let plain = "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
            assert_eq!(body(&send(&w, plain).await), "http://shop/");
            let whole = "GET http://SHOP/ HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
            let reply = send(&w, whole).await;
            assert!(reply.contains("; hit") && body(&reply) == "http://shop/", "{reply}");
        },
    );
}

#[test]
fn a_folded_field_is_refused_or_one_value() {
    everywhere(
        |asked| Answer::text(format!("[{}]", asked.header("x-theme"))).header("vary", "x-theme"),
        async |w: World| {
            let folded = "GET / HTTP/1.1\r\nhost: shop\r\nx-theme: a\r\n\tb\r\nconnection: close\r\n\r\n";
            for _ in 0..2 {
                let reply = send(&w, folded).await;
                assert!(reply.is_empty() || reply.starts_with("HTTP/1.1 400"), "{reply}");
            }
            for theme in ["a", "a b", "b"] {
                let request =
                    format!("GET / HTTP/1.1\r\nhost: shop\r\nx-theme:{theme}\r\nconnection: close\r\n\r\n");
                let replies = [send(&w, &request).await, send(&w, &request).await];
                assert!(replies[1].contains("; hit"), "{replies:?}");
                assert!(replies.iter().all(|reply| body(reply) == format!("[{theme}]")), "{replies:?}");
            }
        },
    );
}

#[test]
fn a_body_that_nobody_expects_poisons_nothing() {
    everywhere(
        |asked| Answer::text(format!("{} {}", asked.method, asked.target)),
        async |w: World| {
            // The end of the first one is no request of its own, and it is not looked up.
            let chunked = "GET /a HTTP/1.1\r\nhost: shop\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                           4\r\nGET \r\n0\r\n\r\n";
            let reply = send(&w, chunked).await;
            assert!(reply.contains("fwd=bypass") || reply.starts_with("HTTP/1.1 400"), "{reply}");
            let plain = "GET /a HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
            let reply = send(&w, plain).await;
            assert!(reply.contains("fwd=uri-miss; stored") && reply.ends_with("GET /a"), "{reply}");
            let head = "HEAD /a HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
            let reply = send(&w, head).await;
            assert!(
                reply.contains("; hit") && reply.contains("content-length: 6") && body(&reply).is_empty(),
                "{reply}"
            );
            let old = "GET /a HTTP/1.0\r\nhost: shop\r\n\r\n";
            let reply = send(&w, old).await;
            assert!(reply.contains("; hit") && body(&reply) == "GET /a", "{reply}");
        },
    );
}

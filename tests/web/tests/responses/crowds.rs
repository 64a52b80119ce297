//! Many at once, and those who go away.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cachekit_web_tests::{Answer, World, everywhere, everywhere_with};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CROWD: usize = 40;

/// Many requests at once; gives their answers.
async fn crowd(w: &World, target: &'static str) -> Vec<String> {
    let mut tasks = Vec::new();
    for _ in 0..CROWD {
        let mut client = w.client().await;
        tasks.push(tokio::spawn(async move { client.get(target, &[]).await.text().to_owned() }));
    }
    let mut texts = Vec::new();
    for task in tasks {
        texts.push(task.await.expect("an answer"));
    }
    texts
}

#[test]
fn concurrent_misses_run_the_service_once() {
    everywhere(
        |_| Answer::text("x").takes(Duration::from_millis(200)),
        async |w: World| {
            assert_eq!(crowd(&w, "/").await, ["x"; CROWD]);
            assert_eq!(w.runs(), 1);
        },
    );
}

#[test]
fn those_who_wait_for_a_variant_get_theirs() {
    everywhere(
        |asked| {
            Answer::text(asked.header("x-theme")).header("vary", "x-theme").takes(Duration::from_millis(100))
        },
        async |w: World| {
            let mut tasks = Vec::new();
            for number in 0..CROWD {
                let mut client = w.client().await;
                tasks.push(tokio::spawn(async move {
                    let theme = ["dark", "light"][number % 2];
                    assert_eq!(client.get("/", &[("x-theme", theme)]).await.text(), theme);
                }));
            }
            for task in tasks {
                task.await.expect("the right theme");
            }
            assert_eq!(w.runs(), 2);
        },
    );
}

#[test]
fn nobody_queues_for_what_is_not_stored() {
    everywhere(
        |_| Answer::text("x").header("cache-control", "private").takes(Duration::from_millis(50)),
        async |w: World| {
            let begun = std::time::Instant::now();
            assert_eq!(crowd(&w, "/").await, ["x"; CROWD]);
            assert_eq!(w.runs(), CROWD);
            // One after the other it would be two seconds.
            assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
        },
    );
}

/// Sends a request and goes away before the answer is there, or in the middle of it.
async fn leave(w: &World, target: &str, read_first: bool) {
    let mut stream = TcpStream::connect(w.address()).await.expect("the server listens");
    let host = w.address();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    if read_first {
        let mut some = [0; 512];
        assert!(stream.read(&mut some).await.expect("a part") > 0);
    } else {
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

#[test]
fn a_client_that_goes_away_leaves_nothing_broken() {
    everywhere(
        |_| Answer::text("x").takes(Duration::from_millis(200)),
        async |w: World| {
            leave(&w, "/", false).await;
            let mut client = w.client().await;
            assert_eq!(client.get("/", &[]).await.text(), "x");
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "hit");
        },
    );
}

#[test]
fn half_a_body_is_never_stored() {
    everywhere(
        |_| Answer::text("").parts(&["one,", "two,", "three"], Duration::from_millis(100)),
        async |w: World| {
            leave(&w, "/", true).await;
            let mut client = w.client().await;
            for _ in 0..2 {
                assert_eq!(client.get("/", &[]).await.text(), "one,two,three");
            }
            assert_eq!(client.get("/", &[]).await.status_of_cache(), "hit");
        },
    );
}

#[test]
fn what_was_forgotten_while_it_was_computed_is_not_served() {
    let version = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&version);
    everywhere_with(
        |builder| builder,
        move |_| {
            let answer = Answer::text(current.load(SeqCst).to_string());
            answer.takes(Duration::from_millis(200))
        },
        async |w: World| {
            let mut slow = w.client().await;
            let slow = tokio::spawn(async move { slow.get("/", &[]).await });
            while w.runs() == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let now = version.fetch_add(1, SeqCst) + 1;
            w.pages.forget_async("/").await.expect("it is forgotten");
            let mut client = w.client().await;
            assert_eq!(client.get("/", &[]).await.text(), now.to_string());
            slow.await.expect("an answer");
            assert_eq!(client.get("/", &[]).await.text(), now.to_string());
        },
    );
}

//! `stale-while-revalidate` and `stale-if-error`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use cachekit_web_tests::{Answer, Asked, Site, World, everywhere, everywhere_with};

/// A service that counts, and fails while it is told to.
fn counting() -> (impl Fn(&Asked) -> Answer + Send + Sync + 'static, Arc<AtomicBool>) {
    let failing = Arc::new(AtomicBool::new(false));
    let (fails, count) = (Arc::clone(&failing), AtomicUsize::new(0));
    let handler = move |asked: &Asked| {
        if fails.load(SeqCst) {
            return Answer::text("failed").status(503);
        }
        let answer = Answer::text(count.fetch_add(1, SeqCst).to_string());
        if asked.target == "/" { answer } else { answer.header("cache-control", &asked.target[1..]) }
    };
    (handler, failing)
}

fn number(reply: &cachekit_web_tests::Reply) -> usize {
    reply.text().parse().unwrap_or_else(|_| panic!("expected a number, found {}", reply.text()))
}

/// Waits until the service ran.
async fn ran(w: &World) {
    for _ in 0..400 {
        if w.runs() > 0 {
            // It is stored a moment later.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing was computed beside the requests");
}

#[test]
fn what_is_stale_is_served_while_one_computes() {
    let (handler, _) = counting();
    everywhere_with(
        |builder| builder.stale_while_revalidate(Duration::from_secs(30)),
        handler,
        async |w: World| {
            let mut client = w.client().await;
            let first = number(&client.get("/", &[]).await);
            w.runs();
            w.pass(65);
            let stale = client.get("/", &[]).await;
            if w.site == Site::AxumBackground {
                assert_eq!((number(&stale), stale.header("age")), (first, Some("65")));
                assert_eq!(stale.header("cache-status"), Some("pages; hit; ttl=-5"));
                ran(&w).await;
            } else {
                assert_eq!((number(&stale), stale.status_of_cache()), (first + 1, "fwd=stale; stored"));
            }
            let fresh = client.get("/", &[]).await;
            assert_eq!((number(&fresh), fresh.header("age")), (first + 1, Some("0")));
            w.pass(95);
            assert_eq!(number(&client.get("/", &[]).await), first + 2, "after that it is over");
        },
    );
}

#[test]
fn others_are_served_the_stale_one_at_once() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    everywhere_with(
        |builder| builder.stale_while_revalidate(Duration::from_secs(30)),
        move |_| {
            let run = counted.fetch_add(1, SeqCst);
            Answer::text(run.to_string()).takes(Duration::from_millis(if run.is_multiple_of(2) {
                0
            } else {
                400
            }))
        },
        async |w: World| {
            let mut client = w.client().await;
            // Even runs are quick, odd ones are not.
            if !runs.load(SeqCst).is_multiple_of(2) {
                client.get("/other", &[]).await;
            }
            let first = number(&client.get("/", &[]).await);
            w.pass(65);
            let mut slow = w.client().await;
            let slow = tokio::spawn(async move { slow.get("/", &[]).await });
            while runs.load(SeqCst) == first + 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            for _ in 0..20 {
                assert_eq!(number(&client.get("/", &[]).await), first);
            }
            slow.await.expect("an answer");
            assert_eq!(runs.load(SeqCst), first + 2, "one computed");
        },
    );
}

#[test]
fn what_is_stale_is_served_where_computing_fails() {
    let (handler, failing) = counting();
    everywhere_with(
        |builder| builder.stale_if_error(Duration::from_secs(600)),
        handler,
        async |w: World| {
            failing.store(false, SeqCst);
            let mut client = w.client().await;
            let first = number(&client.get("/", &[]).await);
            failing.store(true, SeqCst);
            w.pass(100);
            let stale = client.get("/", &[]).await;
            assert_eq!(
                (number(&stale), stale.header("age"), stale.status.as_u16()),
                (first, Some("100"), 200)
            );
            failing.store(false, SeqCst);
            assert_eq!(number(&client.get("/", &[]).await), first + 1, "it is asked each time");
            failing.store(true, SeqCst);
            w.pass(661);
            assert_eq!(client.get("/", &[]).await.status.as_u16(), 503, "after that it is over");
            assert_eq!(client.get("/never", &[]).await.status.as_u16(), 503);
        },
    );
}

#[test]
fn a_response_says_it_itself() {
    let (handler, failing) = counting();
    everywhere(handler, async |w: World| {
        failing.store(false, SeqCst);
        let mut client = w.client().await;
        let targets = [
            ("/max-age=5,stale-if-error=60", 200),
            ("/max-age=5,Stale-If-Error=60", 200),
            ("/max-age=5,stale-while-revalidate=60", 200),
            ("/max-age=5", 503),
            ("/max-age=5,stale-if-error=60,must-revalidate", 503),
            ("/max-age=5,stale-if-error=2", 503),
        ];
        for (target, _) in targets {
            client.get(target, &[]).await;
        }
        failing.store(true, SeqCst);
        w.pass(10);
        for (target, status) in targets {
            assert_eq!(client.get(target, &[]).await.status.as_u16(), status, "{target}");
        }
    });
}

#[test]
fn a_boundary_belongs_to_what_follows() {
    let (handler, failing) = counting();
    everywhere_with(
        |builder| {
            let builder = builder.stale_while_revalidate(Duration::from_secs(30));
            builder.stale_if_error(Duration::from_secs(600)).obey_request()
        },
        handler,
        async |w: World| {
            failing.store(false, SeqCst);
            let mut client = w.client().await;
            let first = number(&client.get("/", &[]).await);
            failing.store(true, SeqCst);
            let only = [("cache-control", "only-if-cached")];
            // Fresh before 60, stale before 90, served where computing fails before 660.
            for (pass, ttl) in [(59, Some("1")), (1, Some("0")), (29, Some("-29")), (1, None)] {
                w.pass(pass);
                let reply = client.get("/", &only).await;
                let own = reply.header("cache-status").and_then(|status| status.split_once("ttl="));
                assert_eq!(own.map(|(_, ttl)| ttl), ttl);
                assert_eq!(reply.status.as_u16(), if ttl.is_some() { 200 } else { 504 });
            }
            for (pass, status) in [(0, 200), (569, 200), (1, 503)] {
                w.pass(pass);
                let reply = client.get("/", &[]).await;
                assert_eq!(reply.status.as_u16(), status, "{pass}");
                assert!(status == 503 || number(&reply) == first);
            }
        },
    );
}

#[test]
fn a_shared_lifetime_is_served_stale_by_its_own_words_only() {
    let (handler, failing) = counting();
    everywhere_with(
        |builder| builder.stale_if_error(Duration::from_secs(600)),
        handler,
        async |w: World| {
            failing.store(false, SeqCst);
            let mut client = w.client().await;
            let targets = [("/max-age=5", 200), ("/s-maxage=5", 503), ("/s-maxage=5,stale-if-error=60", 200)];
            for (target, _) in targets {
                client.get(target, &[]).await;
            }
            failing.store(true, SeqCst);
            w.pass(10);
            for (target, status) in targets {
                assert_eq!(client.get(target, &[]).await.status.as_u16(), status, "{target}");
            }
        },
    );
}

//! Servers that are gone, come back empty, or answer with anything.

use std::borrow::Cow;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use cachekit::{Backend, Cache, Deadlines, ErrorKind};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::Uwsgi;
use cachekit_tests::watch::Watch;

use crate::backend::{config, store};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_server_that_comes_back_empty_is_used_again() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let store = store(&server, 16_384);
    store.set_many(&[("k", b"v")], None).unwrap();
    server.restart();
    assert_eq!(store.get_many(&["k"]).unwrap(), [None]);
    assert_eq!(store.set_many(&[("k", b"new")], None).unwrap(), [true]);
    assert_eq!(store.get_many(&["k"]).unwrap(), [Some(b"new".to_vec())]);
    // What is known of the record that the old server kept is worth nothing.
    server.restart();
    assert!(store.add("k", b"added", None).unwrap());
    assert_eq!(store.get_many(&["k"]).unwrap(), [Some(b"added".to_vec())]);
    server.restart();
    store.clear("").unwrap();
    assert_eq!(store.increment("k", 3, None).unwrap(), 3);
    assert_eq!(store.get_many(&["k"]).unwrap(), [Some(b"3".to_vec())]);
}

#[test]
fn a_dead_server_is_an_error_and_soon_costs_nothing() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let store = config(server.address()).build().unwrap();
    store.set_many(&[("k", b"v")], None).unwrap();
    server.kill();
    for _ in 0..5 {
        let kinds = [
            store.get_many(&["k"]).map(drop),
            store.set_many(&[("k", b"v")], None).map(drop),
            store.add("k", b"v", None).map(drop),
            store.delete_many(&["k"]).map(drop),
            store.increment("k", 1, None).map(drop),
            store.clear(""),
            runtime().block_on(store.get_many_async(&["k"])).map(drop),
            runtime().block_on(store.clear_async("")),
        ]
        .map(|outcome| outcome.map_err(|error| error.kind()));
        assert_eq!(kinds, [Err(ErrorKind::Backend); 8]);
    }
    let start = Watch::start();
    for _ in 0..1000 {
        assert!(store.get_many(&["k"]).is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    server.restart();
    let back = Watch::start();
    while store.get_many(&["k"]).is_err() {
        assert!(back.elapsed() < Duration::from_secs(5), "not found again");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_server_that_was_down_when_the_program_started_is_no_error() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    server.kill();
    let cache =
        Cache::from_url(&format!("{}?connect_timeout=5s&operation_timeout=5s", server.url())).unwrap();
    assert!(cache.get::<String>("k").is_err());
    server.restart();
    std::thread::sleep(Duration::from_millis(1100));
    cache.set("k", "v", 60).unwrap();
    assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("v"));
    server.kill();
    let error = Cache::from_url(&format!("{}?check_connection=yes", server.url())).unwrap_err();
    assert!(error.to_string().contains("could not connect"), "{error}");
}

#[test]
fn a_server_that_does_not_answer_costs_a_deadline() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let proxy = Proxy::new(server.address());
    let mut deadlines = Deadlines::default();
    (deadlines.connect, deadlines.operation) = (Duration::from_millis(300), Duration::from_millis(300));
    for fault in [Fault::BlackHole, Fault::CutAndHang(10), Fault::Dribble(Duration::from_millis(100))] {
        let store = config(proxy.address()).deadlines(deadlines).build().unwrap();
        let twin = config(proxy.address()).deadlines(deadlines).build().unwrap();
        proxy.set(Fault::Pass);
        store.set_many(&[("k", b"v")], None).unwrap();
        let name = format!("{fault:?}");
        proxy.set(fault);
        for outcome in
            [timed(|| store.get_many(&["k"])), timed(|| runtime().block_on(twin.get_many_async(&["k"])))]
        {
            let (kind, took) = outcome;
            // Where the server has hung up already, what is cut is known to be so.
            assert!(matches!(kind, Err(ErrorKind::TimedOut | ErrorKind::Backend)), "{name}: {kind:?}");
            assert!(took < Duration::from_millis(1500), "{name}: {took:?}");
        }
    }
}

fn timed<T>(call: impl FnOnce() -> cachekit::Result<T>) -> (Result<(), ErrorKind>, Duration) {
    let start = Watch::start();
    (call().map(drop).map_err(|error| error.kind()), start.elapsed())
}

#[test]
fn an_answer_that_is_none_is_an_error_and_never_a_value() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let proxy = Proxy::new(server.address());
    let wrong: [&'static [u8]; 5] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x6f\x0c\x00\x11\x06\x00status\x02\x00ok",
        b"\x6f\x15\x00\x11\x06\x00status\x02\x00ok\x04\x00size\x01\x009short",
        b"\x6f\x15\x00\x11\x06\x00status\x02\x00ok\x04\x00size\x01\x001longer",
        b"\x00",
    ];
    let faults = wrong.map(|bytes| Fault::Answer(Cow::Borrowed(bytes)));
    for fault in faults.into_iter().chain([Fault::Garbage, Fault::CutAndClose(10), Fault::Reset]) {
        let store = config(proxy.address()).build().unwrap();
        let name = format!("{fault:?}");
        proxy.set(Fault::Pass);
        store.set_many(&[("k", b"v")], None).unwrap();
        proxy.set(fault);
        assert!(store.get_many(&["k"]).is_err(), "{name}");
        assert!(runtime().block_on(store.get_many_async(&["k"])).is_err(), "{name}");
    }
}

/// Whoever goes away in the middle leaves nothing that another one would get.
#[test]
fn futures_that_are_dropped_anywhere_disturb_nobody() {
    let Some(server) = Uwsgi::builder().items(1000).start() else { return };
    let store = store(&server, 16_384);
    let (runtime, key) = (runtime(), |n: usize| format!("k{}", n % 7));
    for n in 0..120 {
        let (this, value) = (key(n), format!("value of {}", key(n)));
        let items = [(this.as_str(), value.as_bytes())];
        let (keys, gone) = ([this.as_str()], [this.as_str(), "other"]);
        let polls = n / 4 % 12;
        runtime.block_on(async {
            let operation = async {
                match n % 4 {
                    0 => store.set_many_async(&items, None).await.map(drop),
                    1 => store.get_many_async(&keys).await.map(drop),
                    2 => store.clear_async(&this).await,
                    _ => store.delete_many_async(&gone).await.map(drop),
                }
            };
            let mut operation = pin!(operation);
            for _ in 0..polls {
                if poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx))).await.is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        });
        for n in 0..7 {
            let found = store.get_many(&[&key(n)]).unwrap().remove(0);
            let own = format!("value of {}", key(n)).into_bytes();
            assert!(found.is_none() || found == Some(own), "{n}: {found:?}");
        }
    }
    store.clear("").unwrap();
    assert_eq!(store.set_many(&[("k1", b"v")], None).unwrap(), [true]);
    assert_eq!(runtime.block_on(store.get_many_async(&["k1"])).unwrap(), [Some(b"v".to_vec())]);
}

//! Servers that are not there, go away, come back, or do not answer.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use cachekit_backends::{Address, Backend, BreakerState, Deadlines, ErrorKind, RedisConfig};
use cachekit_tests::proxy::{Fault, Proxy};
use cachekit_tests::servers::Redis;
use cachekit_tests::watch::Watch;

use crate::support::{DRIVERS, OnlyAsync, address, flavours, patient, until};

/// What a busy machine may add.
const SLACK: Duration = Duration::from_millis(400);

/// An address that nobody listens at.
fn nowhere() -> Address {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    address(listener.local_addr().unwrap())
}

#[test]
fn case_262_a_server_that_is_not_there_is_found_out_when_asked_to() {
    let error = RedisConfig::new(nowhere()).check_connection().expect_err("nobody is there");
    assert!(error.to_string().contains("could not connect"), "{error}");
    let cache = RedisConfig::new(nowhere()).build().unwrap();
    let error = crate::support::poll_by_hand(cache.check_async()).expect_err("nobody is there");
    assert!(error.to_string().contains("could not connect"), "{error}");
}

#[test]
fn case_263_otherwise_when_used() {
    let cache = RedisConfig::new(nowhere()).build().unwrap();
    for (flavour, backend) in flavours(Arc::new(cache)) {
        assert_eq!(backend.get_many(&["k"]).map_err(|e| e.kind()), Err(ErrorKind::Backend), "{flavour}");
        assert!(backend.clear("k").is_err(), "{flavour}");
    }
}

#[test]
fn case_264_a_server_that_is_there_is_fine() {
    let Some(server) = Redis::start() else { return };
    let cache = RedisConfig::new(address(server.address())).check_connection().unwrap().build().unwrap();
    assert_eq!(cache.get_many(&["k"]).unwrap(), [None]);
}

#[test]
fn a_dead_server_costs_next_to_nothing_and_is_used_again_once_it_is_back() {
    let Some(server) = Redis::start() else { return };
    server.kill();
    for (flavour, backend) in flavours(Arc::new(RedisConfig::new(address(server.address())).build().unwrap()))
    {
        for _ in 0..5 {
            assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
        }
        let start = Watch::start();
        for _ in 0..1000 {
            assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
        }
        let each = start.elapsed() / 1000;
        server.restart();
        let back = until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
        println!("{flavour}: {each:?} a call while the server is dead; used {back:?} after it is back");
        assert!(each < Duration::from_millis(10), "{flavour}: {each:?}");
        server.kill();
    }
}

/// Connections that the server closed are noticed before anything is sent on them: not even what must not be sent twice
/// fails.
#[test]
fn how_a_server_does_can_be_asked_for() {
    let Some(server) = Redis::start() else { return };
    let cache = RedisConfig::new(address(server.address())).build().unwrap();
    let health = || {
        let health = cache.health();
        assert_eq!(health.len(), 1);
        assert!(health[0].server.contains(&server.address().port().to_string()), "{health:?}");
        (health[0].breaker, health[0].failures)
    };
    assert_eq!(health(), (BreakerState::Closed, 0), "before it was asked");
    assert_eq!(cache.get_many(&["k"]).unwrap(), [None]);
    server.kill();
    for _ in 0..5 {
        assert!(cache.get_many(&["k"]).is_err());
    }
    // Half open once the pause is over, which is short.
    let (breaker, failures) = health();
    assert!(breaker != BreakerState::Closed && failures >= 3, "{breaker} {failures}");
    server.restart();
    until(Duration::from_secs(5), || cache.get_many(&["k"]).is_ok());
    assert_eq!(health(), (BreakerState::Closed, 0));
}

#[test]
fn after_a_restart_nothing_fails() {
    let Some(server) = Redis::start() else { return };
    for (flavour, backend) in flavours(Arc::new(patient(server.address()))) {
        assert_eq!(backend.increment("n", 1, None).unwrap(), 1, "{flavour}");
        // Several connections wait in the pool.
        thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(|| backend.get_many(&["k"]).unwrap())));
        });
        server.restart();
        // The end of a connection arrives on its own time.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(backend.increment("n", 1, None).unwrap(), 1, "{flavour}");
        assert!(backend.add("a", b"1", None).unwrap(), "{flavour}");
        server.restart();
    }
}

#[test]
fn a_frozen_server_costs_a_deadline_and_then_nothing() {
    let Some(server) = Redis::start() else { return };
    let deadlines = Deadlines::default();
    for (flavour, backend) in flavours(Arc::new(RedisConfig::new(address(server.address())).build().unwrap()))
    {
        until(Duration::from_secs(5), || backend.set_many(&[("k", b"v")], None).is_ok());
        server.pause();
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let start = Watch::start();
            assert!(backend.get_many(&["k"]).is_err(), "{flavour}");
            longest = longest.max(start.elapsed());
        }
        server.resume();
        let back = until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
        println!("{flavour}: the longest call took {longest:?}; hits {back:?} after the server went on");
        assert!(longest < deadlines.connect + deadlines.operation + SLACK, "{flavour}: {longest:?}");
        assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())], "{flavour}");
    }
}

/// Each byte comes in time, but not all of them.
#[test]
fn a_reply_that_dribbles_does_not_outlive_the_deadline() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    for (flavour, backend) in flavours(Arc::new(RedisConfig::new(address(proxy.address())).build().unwrap()))
    {
        until(Duration::from_secs(5), || backend.set_many(&[("k", &[b'v'; 10_000])], None).is_ok());
        proxy.set(Fault::Dribble(Duration::from_millis(5)));
        let start = Watch::start();
        let error = backend.get_many(&["k"]).expect_err("ten thousand bytes at 5 ms each");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{flavour}: {error:#}");
        assert!(start.elapsed() < Deadlines::default().operation + SLACK, "{flavour}: {:?}", start.elapsed());
        proxy.set(Fault::Pass);
        until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
        assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(vec![b'v'; 10_000])], "{flavour}");
    }
}

/// What moves the bytes of an async connection ends with it, also while a server keeps it waiting.
#[test]
fn connections_are_closed_when_nobody_uses_them_any_more() {
    let Some(server) = Redis::start() else { return };
    let proxy = Proxy::new(server.address());
    for fault in [Fault::Pass, Fault::BlackHole] {
        for (flavour, backend) in
            flavours(Arc::new(RedisConfig::new(address(proxy.address())).build().unwrap()))
        {
            until(Duration::from_secs(5), || backend.get_many(&["k"]).is_ok());
            proxy.set(fault.clone());
            for _ in 0..10 {
                let _ = backend.get_many(&["k"]);
                thread::sleep(Duration::from_millis(20));
            }
            assert!(proxy.counts().open <= 2, "{flavour}, {fault:?}: {:?}", proxy.counts());
            drop(backend);
            proxy.set(Fault::Pass);
        }
        until(Duration::from_secs(5), || proxy.counts().open == 0);
    }
}

/// Nobody has to wait for an executor of somebody else's.
#[test]
fn async_operations_work_wherever_they_are_polled() {
    let Some(server) = Redis::start() else { return };
    let cache = Arc::new(patient(server.address()));
    for (_, driver) in DRIVERS {
        let backend = OnlyAsync { inner: cache.clone(), driver };
        backend.set_many(&[("k", b"v")], None).unwrap();
        assert_eq!(backend.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())]);
    }
    // On a runtime whose time stands still and without any of its drivers, and blocking in the middle of it.
    let paused = tokio::runtime::Builder::new_current_thread().build().unwrap();
    paused.block_on(async {
        assert_eq!(cache.get_many_async(&["k"]).await.unwrap(), [Some(b"v".to_vec())]);
        assert_eq!(cache.get_many(&["k"]).unwrap(), [Some(b"v".to_vec())]);
    });
    // A first use on a runtime that is gone at the second.
    let fresh = Arc::new(patient(server.address()));
    for _ in 0..2 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        assert_eq!(runtime.block_on(fresh.get_many_async(&["k"])).unwrap(), [Some(b"v".to_vec())]);
    }
}

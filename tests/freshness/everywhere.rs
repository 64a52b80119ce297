//! The same on every kind of backend, by the clock on the wall: nothing waits longer than it must, and what is checked
//! is only what no delay of this machine can change.

use std::sync::Mutex;

use super::*;
use cachekit::{delete_memoized, memoize};
use cachekit_tests::servers::{Cluster, Memcached, Redis, Uwsgi};

/// Calls `check` with a cache on each kind of backend there is; says which are left out.
pub(super) fn everywhere(check: impl Fn(&str, &Cache)) {
    let parameters = "key_prefix=fresh%3A&operation_timeout=5s&connect_timeout=5s";
    let url = |url: String| {
        Cache::from_url(&format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' }))
    };
    check("in process", &Cache::builder().build());
    let folder = tempfile::tempdir().unwrap();
    check("filesystem", &url(format!("filesystem://{}", folder.path().display())).unwrap());
    if let Some(server) = Redis::start() {
        check("redis", &url(format!("redis://{}", server.address())).unwrap());
    }
    if let Some(servers) = Cluster::start() {
        check("cluster", &url(servers.url()).unwrap());
    }
    if let Some(servers) = Memcached::start(2) {
        let places: Vec<_> = servers.nodes().iter().map(|node| node.address().to_string()).collect();
        check("memcached", &url(format!("memcached://{}", places.join(","))).unwrap());
    }
    if let Some(server) = Uwsgi::start() {
        check("uwsgi", &url(format!("uwsgi://mycache@{}", server.address())).unwrap());
    }
}

/// What a source says: a number that a test sets, or that it is down.
#[derive(Clone, Debug, Default)]
struct Source(Arc<Mutex<(usize, bool)>>);

impl Source {
    fn set(&self, value: usize) {
        *self.0.lock().unwrap() = (value, false);
    }

    fn fail(&self) {
        self.0.lock().unwrap().1 = true;
    }

    fn get(&self) -> Result<usize, String> {
        let (value, is_down) = *self.0.lock().unwrap();
        if is_down { Err("down".to_owned()) } else { Ok(value) }
    }
}

#[memoize(timeout = "200ms", stale = "7d", args_to_ignore = [source])]
fn stale(source: Source) -> Result<usize, String> {
    source.get()
}

#[test]
fn a_stale_value_is_served_and_renewed_and_survives_failures() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let source = Source::default();
            source.set(1);
            assert_eq!(stale(source.clone()), Ok(1), "{backend}");
            std::thread::sleep(Duration::from_millis(200));
            source.fail();
            assert_eq!(stale(source.clone()), Ok(1), "{backend}: stale");
            std::thread::sleep(Duration::from_millis(50));
            source.set(2);
            // The failure puts the next try off, for no longer than the value is fresh.
            until(backend, || stale(source.clone()) == Ok(2));
            assert_eq!(stale::peek(), Some(Ok(2)), "{backend}");
            delete_memoized!(stale).unwrap();
            source.set(3);
            assert_eq!(
                stale(source.clone()),
                Ok(3),
                "{backend}: what is forgotten is not served, however stale"
            );
        });
    });
}

#[memoize(timeout = "200ms", fail_safe = "7d", args_to_ignore = [source])]
async fn safe(source: Source) -> Result<usize, String> {
    source.get()
}

#[test]
fn an_old_value_is_served_when_the_source_fails() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    everywhere(|backend, cache| {
        let scope = Scope::new(cache.clone());
        let call = |source: &Source| runtime.block_on(scope.run_async(safe(source.clone())));
        let source = Source::default();
        source.set(1);
        assert_eq!(call(&source), Ok(1), "{backend}");
        source.fail();
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            assert_eq!(call(&source), Ok(1), "{backend}: fresh or in its grace");
        }
        source.set(2);
        until(backend, || call(&source) == Ok(2));
    });
}

#[memoize(timeout = "100ms", stale = "100ms", args_to_ignore = [source])]
fn short(source: Source) -> Result<usize, String> {
    source.get()
}

#[test]
fn nothing_is_served_past_its_last_moment() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let source = Source::default();
            for value in 1..4 {
                source.set(value);
                std::thread::sleep(Duration::from_millis(200));
                assert_eq!(short(source.clone()), Ok(value), "{backend}");
            }
        });
    });
}

#[memoize(timeout = "7d", idle = "300ms", args_to_ignore = [source])]
fn idle(source: Source) -> Result<usize, String> {
    source.get()
}

#[test]
fn what_is_asked_for_stays_and_what_is_not_goes() {
    everywhere(|backend, cache| {
        if backend == "uwsgi" {
            // It has no compare-and-set, and so no notes: what is there lives from its last write.
            return;
        }
        Scope::new(cache.clone()).run(|| {
            let source = Source::default();
            source.set(1);
            let mut last = Instant::now();
            assert_eq!(idle(source.clone()), Ok(1), "{backend}");
            source.set(2);
            let end = Instant::now() + Duration::from_millis(900);
            while Instant::now() < end {
                std::thread::sleep(Duration::from_millis(10));
                let value = idle(source.clone());
                // Unless this machine was away for longer than the value waits.
                if last.elapsed() < Duration::from_millis(250) {
                    assert_eq!(value, Ok(1), "{backend}: it is in use");
                } else if value == Ok(2) {
                    return;
                }
                last = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(350));
            assert_eq!(idle(source.clone()), Ok(2), "{backend}: nobody asked");
        });
    });
}

#[memoize(timeout = 600, tags = ["numbers", "number:{n}"], args_to_ignore = [source])]
fn tagged(n: usize, source: Source) -> Result<usize, String> {
    source.get()
}

#[memoize(timeout = 600, tags_from = |value: &Result<usize, String>| value.as_ref().ok().map(|n| format!("value:{n}")), args_to_ignore = [source])]
fn tagged_by_value(n: usize, source: Source) -> Result<usize, String> {
    source.get()
}

#[test]
fn tags_forget_what_has_them() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let source = Source::default();
            source.set(1);
            for n in 0..3 {
                assert_eq!(tagged(n, source.clone()), Ok(1));
                assert_eq!(tagged_by_value(n, source.clone()), Ok(1));
            }
            source.set(2);
            assert_eq!(tagged(0, source.clone()), Ok(1), "{backend}");
            assert_eq!(tagged_by_value(0, source.clone()), Ok(1), "{backend}");
            cache.invalidate_tag("number:1").unwrap();
            let values = |()| [0, 1, 2].map(|n| tagged(n, source.clone()).unwrap());
            assert_eq!(values(()), [1, 2, 1], "{backend}");
            source.set(3);
            cache.invalidate_tag("numbers").unwrap();
            assert_eq!(values(()), [3, 3, 3], "{backend}");
            assert_eq!(tagged_by_value(1, source.clone()), Ok(1), "{backend}: not its tag");
            cache.invalidate_tag("value:1").unwrap();
            assert_eq!(
                [0, 1, 2].map(|n| tagged_by_value(n, source.clone()).unwrap()),
                [3, 3, 3],
                "{backend}"
            );
            cache.invalidate_tag("value:1").unwrap();
            source.set(4);
            assert_eq!(tagged_by_value(1, source.clone()), Ok(3), "{backend}: it is another value now");
        });
    });
}

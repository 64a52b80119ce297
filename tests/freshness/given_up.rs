//! A lease whose owner failed is given up at once: who waits for it in another process is the next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;

use super::*;
use cachekit::memoize;
use cachekit_tests::servers::{Memcached, Redis};

/// How an owner ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Error,
    Panic,
    Dropped,
}

/// Owners and those who wait for them, in order. Nobody waits for an owner as long as the patience of a lease.
#[derive(Debug)]
struct Course {
    end: End,
    bodies: Count,
    go: Barrier,
}

#[memoize(timeout = 600, lock = "120s", args_to_ignore = [course])]
fn locked(end: End, course: &Course) -> Result<usize, String> {
    let n = course.bodies.up();
    if n > 1 {
        return Ok(n);
    }
    course.go.wait();
    course.go.wait();
    match course.end {
        End::Panic => panic!("as it is to"),
        _ => Err("down".to_owned()),
    }
}

#[memoize(timeout = 600, lock = "120s", args_to_ignore = [course])]
async fn locked_async(end: End, course: &Course) -> Result<usize, String> {
    let n = course.bodies.up();
    if n == 1 {
        course.go.wait();
        std::future::pending::<()>().await;
    }
    Ok(n)
}

/// Two caches on each kind of store that knows leases stand for two processes.
fn pairs(check: impl Fn(&str, [Scope; 2])) {
    let both = |url: &str| {
        let url = format!("{url}?key_prefix=given%3A&operation_timeout=5s&connect_timeout=5s");
        [(); 2].map(|()| Scope::new(Cache::from_url(&url).unwrap()))
    };
    let folder = tempfile::tempdir().unwrap();
    check("filesystem", both(&format!("filesystem://{}", folder.path().display())));
    if let Some(server) = Redis::start() {
        check("redis", both(&format!("redis://{}", server.address())));
    }
    if let Some(servers) = Memcached::start(1) {
        check("memcached", both(&format!("memcached://{}", servers.node(0).address())));
    }
}

#[test]
fn who_waits_for_an_owner_that_fails_is_the_next() {
    pairs(|server, [one, other]| {
        for end in [End::Error, End::Panic] {
            let course = Course { end, bodies: Count::default(), go: Barrier::new(2) };
            std::thread::scope(|threads| {
                let owner =
                    threads.spawn(|| catch_unwind(AssertUnwindSafe(|| one.run(|| locked(end, &course)))));
                course.go.wait();
                let waits = threads.spawn(|| other.run(|| locked(end, &course)));
                // It has backed off for a while.
                std::thread::sleep(Duration::from_millis(400));
                assert_eq!(course.bodies.get(), 1, "{server}, {end:?}: it waits");
                let failed = Instant::now();
                course.go.wait();
                assert_eq!(waits.join().unwrap(), Ok(2), "{server}, {end:?}");
                println!("{server}, {end:?}: the next one was done after {:?}", failed.elapsed());
                assert!(failed.elapsed() < secs(30), "{server}, {end:?}: it did not wait to the end");
                assert!(!matches!(owner.join().unwrap(), Ok(Ok(_))), "{server}, {end:?}");
            });
            assert_eq!(
                one.run(|| locked::peek(end)),
                Some(Ok(2)),
                "{server}, {end:?}: what it had is stored"
            );
        }
    });
}

#[test]
fn who_waits_for_an_owner_that_is_dropped_is_the_next() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    pairs(|server, [one, other]| {
        let course = Course { end: End::Dropped, bodies: Count::default(), go: Barrier::new(2) };
        let course = Arc::new(course);
        let spawn = |scope: &Scope| {
            let (scope, course) = (scope.clone(), Arc::clone(&course));
            runtime.spawn(async move { scope.run_async(locked_async(End::Dropped, &course)).await })
        };
        let owner = spawn(&one);
        course.go.wait();
        let waits = spawn(&other);
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(course.bodies.get(), 1, "{server}: it waits");
        let dropped = Instant::now();
        owner.abort();
        assert_eq!(runtime.block_on(waits).unwrap(), Ok(2), "{server}");
        println!("{server}, dropped: the next one was done after {:?}", dropped.elapsed());
        assert!(dropped.elapsed() < secs(30), "{server}: it did not wait to the end");
        let stored = runtime.block_on(one.run_async(locked_async::peek(End::Dropped)));
        assert_eq!(stored, Some(Ok(2)), "{server}: what it had is stored");
    });
}

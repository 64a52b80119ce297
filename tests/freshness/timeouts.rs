//! Callers who do not wait for ever.

use super::*;
use cachekit::{Error, ErrorKind, memoize};

/// Longer than this machine keeps a thread waiting for a processor.
const LONG: Duration = Duration::from_millis(1500);

#[memoize(timeout = 10, fail_safe = 600, soft_timeout = "20ms", args_to_ignore = [takes])]
fn soft(count: Count, takes: Duration) -> usize {
    std::thread::sleep(takes);
    count.up()
}

#[test]
fn with_an_old_value_a_caller_waits_a_moment_and_the_newer_one_comes_later() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(soft(count.clone(), LONG), 1, "without one it waits");
        clock.advance(secs(10));
        let start = Instant::now();
        assert_eq!(soft(count.clone(), LONG), 1);
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
        until("the newer value", || soft::peek(count.clone()) == Some(2));
        clock.advance(secs(10));
        assert_eq!(soft(count.clone(), Duration::ZERO), 3, "a computation in time is waited for");
    });
}

#[derive(Clone, Debug, PartialEq)]
struct Late(ErrorKind);

impl From<Error> for Late {
    fn from(error: Error) -> Self {
        Self(error.kind())
    }
}

#[memoize(hard_timeout = "20ms", args_to_ignore = [takes])]
fn hard(count: Count, takes: Duration) -> Result<usize, Late> {
    std::thread::sleep(takes);
    Ok(count.up())
}

#[test]
fn a_caller_waits_no_longer_than_it_says_and_the_value_is_kept() {
    let (scope, _) = scope();
    scope.run(|| {
        let count = Count::default();
        let start = Instant::now();
        assert_eq!(hard(count.clone(), LONG), Err(Late(ErrorKind::TimedOut)));
        assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
        until("the value", || hard::peek(count.clone()) == Some(Ok(1)));
        assert_eq!(hard(count.clone(), LONG), Ok(1));
        assert_eq!(hard(Count::default(), Duration::ZERO), Ok(1));
        assert!(hard::stats().timeouts >= 1);
    });
}

#[test]
fn the_time_is_that_of_the_caller_not_of_the_leader() {
    let (scope, _) = scope();
    let count = Count::default();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                scope.run(|| {
                    let start = Instant::now();
                    assert_eq!(hard(count.clone(), LONG), Err(Late(ErrorKind::TimedOut)));
                    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
                });
            });
        }
    });
    count.settles_at(1);
}

#[memoize(hard_timeout = "20ms", on_timeout = usize::MAX, args_to_ignore = [takes])]
fn with_a_value_of_its_own(count: Count, takes: Duration) -> usize {
    std::thread::sleep(takes);
    count.up()
}

#[test]
fn what_a_late_call_gives_can_be_said() {
    let (scope, _) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(with_a_value_of_its_own(count.clone(), LONG), usize::MAX);
        count.settles_at(1);
        assert_eq!(with_a_value_of_its_own(count.clone(), LONG), 1);
    });
}

#[memoize(timeout = 10, stale = 10, fail_safe = 600, hard_timeout = "20ms", args_to_ignore = [takes])]
async fn async_hard(count: Count, takes: Duration) -> Result<usize, Late> {
    tokio::time::sleep(takes).await;
    Ok(count.up())
}

#[tokio::test]
async fn async_callers_do_not_wait_either() {
    let (scope, clock) = scope();
    let count = Count::default();
    scope
        .run_async(async {
            assert_eq!(async_hard(count.clone(), LONG).await, Err(Late(ErrorKind::TimedOut)));
            for _ in 0..1000 {
                if async_hard::peek(count.clone()).await.is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(async_hard(count.clone(), LONG).await, Ok(1));
            clock.advance(secs(20));
            assert_eq!(async_hard(count.clone(), LONG).await, Ok(1), "in its grace: better than an error");
        })
        .await;
}

#[memoize(hard_timeout = 20)]
fn panics(_n: u64) -> Result<u64, Error> {
    panic!("on purpose")
}

#[test]
fn a_panic_goes_to_the_caller_who_waits() {
    let (scope, _) = scope();
    let panic = std::panic::catch_unwind(|| scope.run(|| panics(1))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
}

//! An old value when no newer one can be had.

use super::*;
use cachekit::memoize;

#[memoize(timeout = 10, fail_safe = 60, args_to_ignore = [fails])]
fn source(count: Count, fails: bool) -> Result<usize, String> {
    let n = count.up();
    if fails { Err("down".to_owned()) } else { Ok(n) }
}

#[test]
fn an_old_value_is_better_than_an_error() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        let before = source::stats().fallbacks;
        assert_eq!(source(count.clone(), false), Ok(1));
        clock.advance(secs(10));
        assert_eq!(source(count.clone(), true), Ok(1));
        assert_eq!((count.get(), source::stats().fallbacks - before), (2, 1));
        // And for a while nobody tries again.
        assert_eq!((source(count.clone(), true), count.get()), (Ok(1), 2));
        clock.advance(just_under(10));
        assert_eq!((source(count.clone(), true), count.get()), (Ok(1), 2));
        clock.advance(TICK);
        assert_eq!((source(count.clone(), true), count.get()), (Ok(1), 3));
        clock.advance(secs(10));
        assert_eq!((source(count.clone(), false), count.get()), (Ok(4), 4), "the source is back");
        clock.advance(secs(70));
        assert_eq!(source(count.clone(), true), Err("down".to_owned()), "nothing lives for ever");
    });
}

#[test]
fn an_error_without_an_old_value_is_an_error() {
    let (scope, _) = scope();
    scope.run(|| assert_eq!(source(Count::default(), true), Err("down".to_owned())));
}

#[derive(Clone, Debug, PartialEq)]
enum Trouble {
    Down,
    Gone,
}

#[memoize(timeout = 10, fail_safe = 60, throttle = 2, fail_safe_if = |error| *error == Trouble::Down, args_to_ignore = [trouble])]
fn filtered(count: Count, trouble: Option<Trouble>) -> Result<usize, Trouble> {
    let n = count.up();
    trouble.map_or(Ok(n), Err)
}

#[test]
fn only_errors_that_may_be_forgiven_are() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(filtered(count.clone(), None), Ok(1));
        clock.advance(secs(10));
        assert_eq!(filtered(count.clone(), Some(Trouble::Gone)), Err(Trouble::Gone));
        assert_eq!(filtered(count.clone(), Some(Trouble::Down)), Ok(1));
        clock.advance(just_under(2));
        assert_eq!((filtered(count.clone(), Some(Trouble::Down)), count.get()), (Ok(1), 3), "throttled");
        clock.advance(TICK);
        assert_eq!((filtered(count.clone(), Some(Trouble::Down)), count.get()), (Ok(1), 4));
    });
}

#[memoize(timeout = 10, fail_safe = 60, args_to_ignore = [fails])]
async fn async_source(count: Count, fails: bool) -> Result<usize, String> {
    let n = count.up();
    tokio::task::yield_now().await;
    if fails { Err("down".to_owned()) } else { Ok(n) }
}

#[tokio::test]
async fn async_functions_fall_back_too_and_all_who_wait_with_them() {
    let (scope, clock) = scope();
    let count = Count::default();
    scope
        .run_async(async {
            assert_eq!(async_source(count.clone(), false).await, Ok(1));
            clock.advance(secs(10));
            let calls = (0..20).map(|_| scope.run_async(async_source(count.clone(), true)));
            let mut calls: Vec<_> = calls.map(Box::pin).collect();
            let mut results = Vec::new();
            std::future::poll_fn(|cx| {
                calls.retain_mut(|call| match call.as_mut().poll(cx) {
                    std::task::Poll::Ready(result) => {
                        results.push(result);
                        false
                    }
                    std::task::Poll::Pending => true,
                });
                if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            assert_eq!(results, vec![Ok(1); 20]);
            assert_eq!(count.get(), 2);
        })
        .await;
}

#[memoize(timeout = 10, stale = 10, response_filter = |n| *n != 2)]
fn refused(count: Count) -> usize {
    count.up()
}

#[test]
fn a_result_that_is_not_kept_leaves_the_old_one() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        refused(count.clone());
        clock.advance(secs(10));
        assert_eq!(refused(count.clone()), 1);
        count.settles_at(2);
        assert_eq!(refused::peek(count.clone()), Some(1));
    });
}

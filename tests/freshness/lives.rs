//! The states of a value, on both sides of each boundary.

use super::*;
use cachekit::memoize;

#[memoize(timeout = 10, stale = 5, fail_safe = 5)]
fn all_states(count: Count) -> Result<usize, String> {
    let n = count.up();
    if n == 1 { Ok(n) } else { Err(format!("the {n}th time")) }
}

#[test]
fn fresh_until_the_timeout_stale_after_it_in_its_grace_after_that_and_then_gone() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(all_states(count.clone()), Ok(1));
        clock.advance(just_under(10));
        assert_eq!((all_states(count.clone()), count.get()), (Ok(1), 1), "fresh");
        clock.advance(TICK);
        assert_eq!(all_states(count.clone()), Ok(1), "stale: served, and renewed behind the caller");
        count.settles_at(2);
        // That failed: the old value stays, and nobody tries again for ten seconds, or until it ends.
        clock.advance(just_under(5));
        assert_eq!((all_states(count.clone()), count.get()), (Ok(1), 2));
        assert_eq!(all_states::peek(count.clone()), Some(Ok(1)), "stale is as good as cached");
        clock.advance(TICK);
        assert_eq!(all_states::peek(count.clone()), None, "its grace is for those who met an error");
        assert_eq!((all_states(count.clone()), count.get()), (Ok(1), 2), "put off");
        clock.advance(just_under(5));
        assert_eq!((all_states(count.clone()), count.get()), (Ok(1), 2), "the last moment");
        clock.advance(TICK);
        assert_eq!((all_states(count.clone()), count.get()), (Err("the 3th time".to_owned()), 3), "gone");
    });
}

#[memoize(timeout = 10, stale = 5)]
fn stale_only(count: Count) -> usize {
    count.up()
}

#[test]
fn what_is_past_being_stale_is_computed_anew() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(stale_only(count.clone()), 1);
        clock.advance(just_under(15));
        assert_eq!(stale_only(count.clone()), 1);
        count.settles_at(2);
        assert_eq!(stale_only(count.clone()), 2, "it was renewed");
        clock.advance(secs(15));
        assert_eq!(stale_only(count.clone()), 3, "computed before the caller's eyes");
        assert_eq!(stale_only::stats().refreshes, 1);
    });
}

#[memoize(timeout = 10, jitter = 0.5)]
fn jittery(count: Count, _n: u64) -> usize {
    count.up()
}

#[test]
fn jitter_ends_values_early_and_not_all_at_once() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        let live = |()| (0..200).filter(|n| jittery::peek(count.clone(), *n).is_some()).count();
        for n in 0..200 {
            jittery(count.clone(), n);
        }
        clock.advance(just_under(5));
        assert_eq!(live(()), 200);
        clock.advance(Duration::from_millis(2500));
        assert!((50..150).contains(&live(())), "{}", live(()));
        clock.advance(Duration::from_millis(2500) + TICK);
        assert_eq!(live(()), 0);
    });
}

#[memoize(timeout = 10, idle = 3)]
fn idle(count: Count) -> usize {
    count.up()
}

#[test]
fn what_nobody_asks_for_ends_early_and_what_is_asked_for_at_its_timeout() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(idle(count.clone()), 1);
        for _ in 0..3 {
            clock.advance(just_under(3));
            assert_eq!(idle(count.clone()), 1, "each use gives it three seconds more");
        }
        clock.advance(secs(1) + 3 * TICK);
        assert_eq!(idle(count.clone()), 2, "but no more than its timeout");
        clock.advance(secs(3));
        assert_eq!(idle(count.clone()), 3, "nobody asked for it");
        assert_eq!(idle::stats().entries, Some(1), "and it is gone");
    });
}

#[memoize(timeout_from = |value| *value, stale = 5)]
fn by_value(count: Count, lifetime: Duration) -> Duration {
    count.up();
    lifetime
}

#[test]
fn the_value_may_decide_when_it_is_stale() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        by_value(count.clone(), secs(2));
        clock.advance(just_under(2));
        by_value(count.clone(), secs(2));
        assert_eq!(count.get(), 1);
        clock.advance(TICK);
        by_value(count.clone(), secs(2));
        count.settles_at(2);
    });
}

#[memoize(timeout = 10, stale = 5, cache_err, err_timeout = 2)]
fn kept_errors(count: Count, fails: bool) -> Result<usize, usize> {
    let n = count.up();
    if fails { Err(n) } else { Ok(n) }
}

#[test]
fn an_error_that_is_kept_is_never_stale() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(kept_errors(count.clone(), true), Err(1));
        clock.advance(just_under(2));
        assert_eq!(kept_errors(count.clone(), true), Err(1));
        clock.advance(TICK);
        assert_eq!(kept_errors(count.clone(), true), Err(2));
    });
}

#[memoize(timeout = 10, stale = 5)]
fn vanishes(count: Count) -> Option<usize> {
    Some(count.up()).filter(|n| *n == 1)
}

#[test]
fn a_value_that_is_gone_takes_the_old_one_with_it() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(vanishes(count.clone()), Some(1));
        clock.advance(secs(12));
        assert_eq!(vanishes(count.clone()), Some(1), "stale");
        count.settles_at(2);
        until("the old value goes", || vanishes::peek(count.clone()).is_none());
        assert_eq!(vanishes(count.clone()), None);
    });
}

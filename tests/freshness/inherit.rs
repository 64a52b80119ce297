//! Values made from others: they are forgotten with those, and live no longer.

use std::collections::HashMap;

use super::everywhere::everywhere;
use super::*;
use cachekit::{CacheMode, memoize};

#[memoize(timeout = 60, tags = ["leaf:{n}"], args_to_ignore = [count])]
pub(super) fn leaf(n: u64, count: &Count) -> usize {
    count.up()
}

#[memoize(timeout = 60, inherit, tags = ["branch"], args_to_ignore = [count])]
fn branch(n: u64, count: &Count) -> usize {
    leaf(n, count) * 10
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn tree(n: u64, count: &Count) -> usize {
    branch(n, count) + 1
}

/// Three levels, the middle one computed before, so that what is above it never calls what is below it.
#[test]
fn tags_go_up_through_hits_and_misses() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            for n in [1, 2] {
                branch(n, &count);
                tree(n, &count);
            }
            assert_eq!([1, 2].map(|n| tree(n, &count)), [11, 21], "{backend}");
            cache.invalidate_tag("leaf:2").unwrap();
            assert_eq!((tree::peek(1), tree::peek(2)), (Some(11), None), "{backend}");
            assert_eq!((branch::peek(1), branch::peek(2)), (Some(10), None), "{backend}");
            assert_eq!([1, 2].map(|n| tree(n, &count)), [11, 31], "{backend}");
            // Now it was computed within, from the bottom up.
            cache.invalidate_tag("leaf:2").unwrap();
            assert_eq!(tree::peek(2), None, "{backend}");
            assert_eq!([1, 2].map(|n| tree(n, &count)), [11, 41], "{backend}");
            cache.invalidate_tag("branch").unwrap();
            assert_eq!([1, 2].map(tree::peek), [None; 2], "{backend}");
            assert_eq!([1, 2].map(|n| tree(n, &count)), [11, 41], "{backend}: the leaves are still there");
        });
    });
}

#[memoize(timeout = 60, tags_from = |author: &String| [format!("author:{author}")])]
async fn author(book: u64) -> String {
    tokio::task::yield_now().await;
    if book == 1 { "Ada".to_owned() } else { "Bob".to_owned() }
}

#[memoize(timeout = 60, inherit, tags_from = |titles: &String| [format!("length:{}", titles.len())])]
async fn shelf(first: u64, second: u64) -> String {
    let (first, second) = tokio::join!(author(first), author(second));
    tokio::task::yield_now().await;
    first + &second
}

#[test]
fn what_values_decided_goes_up_too() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    everywhere(|backend, cache| {
        runtime.block_on(Scope::new(cache.clone()).run_async(async {
            for tag in ["author:Bob", "author:Ada", "length:6"] {
                assert_eq!(shelf(1, 2).await, "AdaBob", "{backend}");
                assert!(shelf::peek(1, 2).await.is_some() && author::peek(1).await.is_some(), "{backend}");
                // Computed from hits this time.
                let again = shelf::refresh(1, 2).await;
                assert_eq!(shelf::peek(1, 2).await, Some(again), "{backend}");
                cache.invalidate_tag_async(tag).await.unwrap();
                assert_eq!(shelf::peek(1, 2).await, None, "{backend}: {tag}");
            }
        }));
    });
}

#[memoize(timeout = 10, args_to_ignore = [count])]
fn short(n: u64, count: &Count) -> usize {
    count.up()
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn long(n: u64, count: &Count) -> usize {
    short(n, count) * 100
}

#[memoize(timeout = 5, inherit, args_to_ignore = [count])]
fn shorter(n: u64, count: &Count) -> usize {
    short(n, count) * 1000
}

#[test]
fn a_value_ends_with_the_first_of_those_it_is_made_from() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        short(1, &count);
        clock.advance(secs(4));
        assert_eq!((long(1, &count), shorter(1, &count)), (100, 1000));
        clock.advance(just_under(5));
        assert_eq!((long::peek(1), shorter::peek(1)), (Some(100), Some(1000)));
        clock.advance(TICK);
        assert_eq!((long::peek(1), shorter::peek(1)), (Some(100), None));
        clock.advance(just_under(1));
        assert_eq!(long::peek(1), Some(100));
        clock.advance(TICK);
        assert_eq!((short::peek(1), long::peek(1)), (None, None));
        // Computed together they end together.
        assert_eq!(long(1, &count), 200);
        clock.advance(just_under(10));
        assert_eq!(long::peek(1), Some(200));
        clock.advance(TICK);
        assert_eq!(long::peek(1), None);
    });
}

#[test]
fn on_a_backend_it_ends_with_them_too() {
    #[memoize(timeout = "400ms", args_to_ignore = [count])]
    fn moment(count: &Count) -> usize {
        count.up()
    }
    #[memoize(timeout = "7d", inherit, args_to_ignore = [count])]
    fn week(count: &Count) -> usize {
        moment(count) * 10
    }
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            for round in 1..3 {
                let start = Instant::now();
                moment(&count);
                assert_eq!(week(&count), round * 10, "{backend}");
                if start.elapsed() < Duration::from_millis(200) {
                    assert_eq!(week::peek(), Some(round * 10), "{backend}");
                }
                std::thread::sleep(Duration::from_millis(420));
                assert_eq!(week::peek(), None, "{backend}");
            }
        });
    });
}

#[memoize(timeout = 10, stale = 10, tags = ["old"], args_to_ignore = [count])]
fn aging(count: Count) -> usize {
    count.up()
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn of_aging(count: Count) -> usize {
    aging(count) * 10
}

#[test]
fn what_is_made_from_a_stale_value_is_not_stored() {
    let (scope, clock) = scope();
    scope.run(|| {
        let count = Count::default();
        assert_eq!(of_aging(count.clone()), 10);
        clock.advance(secs(10));
        assert_eq!(of_aging(count.clone()), 10, "from the old value, while a newer one is computed");
        assert_eq!(of_aging::peek(), None);
        until("a newer one", || aging::peek() == Some(2));
        assert_eq!(of_aging(count.clone()), 20);
        assert_eq!(of_aging::peek(), Some(20));
    });
}

#[memoize(batch, timeout = 10)]
fn prices(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, id * 2)).collect()
}

#[memoize(timeout = 60, inherit)]
fn total() -> u64 {
    prices(&[1, 2, 3]).values().sum()
}

#[test]
fn a_batch_passes_on_the_end_of_its_first_value_to_end() {
    let (scope, clock) = scope();
    scope.run(|| {
        prices(&[2]);
        clock.advance(secs(3));
        assert_eq!(total(), 12);
        clock.advance(just_under(7));
        assert_eq!(total::peek(), Some(12));
        clock.advance(TICK);
        assert_eq!(total::peek(), None);
        assert_eq!(total(), 12, "computed by hits and misses together");
        clock.advance(just_under(3));
        assert_eq!(total::peek(), Some(12));
        clock.advance(TICK);
        assert_eq!(total::peek(), None);
    });
}

#[memoize(timeout = 60, args_to_ignore = [count])]
fn keeps_to_itself(n: u64, count: &Count) -> usize {
    leaf(n, count)
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn above(n: u64, count: &Count) -> usize {
    keeps_to_itself(n, count)
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn without(n: u64, count: &Count) -> usize {
    leaf::uncached(n, count) + CacheMode::Off.scope(|| leaf(n, count))
}

#[test]
fn a_function_without_it_passes_nothing_on_whether_it_computes_or_not() {
    let (scope, _) = scope();
    let cache = scope.run(cachekit::current);
    scope.run(|| {
        let count = Count::default();
        above(1, &count);
        without(1, &count);
        cache.invalidate_tag("leaf:1").unwrap();
        assert_eq!((leaf::peek(1), above::peek(1)), (None, Some(1)));
        assert!(without::peek(1).is_some(), "what is not cached passes nothing on");
    });
}

#[memoize(timeout = 60, local, tags_from = |_: &usize| ["decided"], args_to_ignore = [count])]
fn here_only(count: &Count) -> usize {
    count.up()
}

#[memoize(timeout = 60, local, inherit, args_to_ignore = [count])]
fn here_too(count: &Count) -> usize {
    here_only(count) * 10
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count])]
fn there(count: &Count) -> usize {
    here_too(count) + 1
}

#[test]
fn values_of_this_process_pass_on_to_a_backend() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            here_too(&count);
            assert!(there(&count) % 10 == 1, "{backend}");
            assert!(there::peek().is_some(), "{backend}");
            cache.invalidate_tag("decided").unwrap();
            assert_eq!((here_only::peek(), here_too::peek(), there::peek()), (None, None, None), "{backend}");
            let value = there(&count);
            assert_eq!(there::peek(), Some(value), "{backend}");
        });
    });
}

#[test]
fn more_tags_than_a_value_can_have_are_not_left_out() {
    #[memoize(timeout = 60, inherit, args_to_ignore = [count])]
    fn many(n: u64, count: &Count) -> usize {
        (0..n).map(|n| leaf(n, count)).sum()
    }
    let (scope, _) = scope();
    scope.run(|| {
        let count = Count::default();
        many(200, &count);
        assert!(many::peek(200).is_some());
        many(201, &count);
        assert_eq!(many::peek(201), None, "it could not be forgotten by all of them");
    });
}

#[memoize(timeout = 10, fail_safe = 60, throttle = 5, tags = ["source"], args_to_ignore = [source])]
fn fallible(source: Arc<std::sync::Mutex<Result<usize, String>>>) -> Result<usize, String> {
    source.lock().unwrap().clone()
}

#[memoize(timeout = 60, inherit, args_to_ignore = [source])]
fn of_fallible(source: Arc<std::sync::Mutex<Result<usize, String>>>) -> usize {
    fallible(source).map_or(0, |value| value * 10)
}

#[test]
fn what_is_made_from_an_old_value_in_place_of_an_error_is_not_stored() {
    let (scope, clock) = scope();
    scope.run(|| {
        let source = Arc::new(std::sync::Mutex::new(Ok(1)));
        assert_eq!(of_fallible(source.clone()), 10);
        clock.advance(secs(10));
        *source.lock().unwrap() = Err("down".to_owned());
        // Tried and given the old value, then not tried for a while.
        for _ in 0..2 {
            assert_eq!(of_fallible(source.clone()), 10);
            assert_eq!(of_fallible::peek(), None);
        }
        clock.advance(secs(5));
        *source.lock().unwrap() = Ok(2);
        assert_eq!((of_fallible(source), of_fallible::peek()), (20, Some(20)));
    });
}

/// A function that calls itself, each level with what is below it.
#[memoize(timeout = 60, inherit, tags = ["fib:{n}"])]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[test]
fn a_function_inherits_from_itself() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            assert_eq!(fib(30), 832_040, "{backend}");
            cache.invalidate_tag("fib:7").unwrap();
            let there = |n| fib::peek(n).is_some();
            assert!(
                (0..7).all(there) && !(7..=30).any(there),
                "{backend}: what is above it, and nothing below"
            );
            assert_eq!(fib(30), 832_040, "{backend}");
            assert!((7..=30).all(there), "{backend}");
        });
    });
}

#[memoize(timeout = 600, lock = "60s", inherit, args_to_ignore = [count])]
fn locked(n: u64, count: &Count) -> usize {
    leaf(n, count) + 100
}

#[test]
fn one_computation_for_all_processes_inherits() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            assert_eq!((locked(5, &count), locked(5, &count)), (101, 101), "{backend}");
            cache.invalidate_tag("leaf:5").unwrap();
            assert_eq!((locked(5, &count), locked(5, &count)), (102, 102), "{backend}");
        });
    });
}

/// What was only looked at is used as well.
#[test]
fn what_was_peeked_at_passes_on() {
    #[memoize(timeout = 60, inherit)]
    fn peeks() -> Option<usize> {
        leaf::peek(9)
    }
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            leaf(9, &Count::default());
            assert_eq!(peeks(), Some(1), "{backend}");
            cache.invalidate_tag("leaf:9").unwrap();
            assert_eq!((peeks::peek(), peeks()), (None, None), "{backend}");
        });
    });
}

/// What `Cache` computes under a key of one's own keeps to itself what it calls.
#[test]
fn keys_of_ones_own_pass_nothing_on() {
    #[memoize(timeout = 60, inherit, args_to_ignore = [cache, count])]
    fn by_hand(cache: &Cache, count: &Count) -> usize {
        cache.get_or_insert_with("by hand", 60, || leaf(3, count))
    }
    let (scope, _) = scope();
    let cache = scope.run(cachekit::current);
    scope.run(|| {
        by_hand(&cache, &Count::default());
        cache.invalidate_tag("leaf:3").unwrap();
        assert_eq!(by_hand::peek(), Some(1));
    });
}

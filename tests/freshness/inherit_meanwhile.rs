//! Values made from others, while those are computed, renewed or forgotten by somebody else.

use std::sync::Barrier;

use super::everywhere::everywhere;
use super::inherit::leaf;
use super::*;
use cachekit::memoize;

#[memoize(timeout = 60, inherit, args_to_ignore = [count, hook])]
fn hooked(n: u64, count: &Count, hook: &(dyn Fn(usize) + Sync)) -> usize {
    let value = leaf(n, count);
    hook(value);
    value * 10
}

/// The tag goes while the body that used its value goes on: by this cache, and by that of another process.
#[test]
fn what_used_a_value_that_was_invalidated_meanwhile_is_not_kept() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            leaf(1, &count);
            hooked(1, &count, &|_| cache.invalidate_tag("leaf:1").unwrap());
            assert_eq!(hooked::peek(1), None, "{backend}");
            assert_eq!(hooked(1, &count, &|_| {}), 20, "{backend}");
            assert_eq!(hooked::peek(1), Some(20), "{backend}");
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let [here, elsewhere] =
        [(); 2].map(|()| Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap());
    Scope::new(here).run(|| {
        let count = Count::default();
        leaf(1, &count);
        hooked(1, &count, &|_| elsewhere.invalidate_tag("leaf:1").unwrap());
        assert_eq!(hooked::peek(1), None);
        // From the old value and from the new one: the old one does not count as the new one.
        hooked(1, &count, &|old| {
            elsewhere.invalidate_tag("leaf:1").unwrap();
            assert_ne!(leaf(1, &count), old);
        });
        assert_eq!(hooked::peek(1), None);
        assert_eq!(hooked(1, &count, &|_| {}), 30);
        assert_eq!(hooked::peek(1), Some(30));
    });
}

/// Who comes after another process invalidated is not given the result of a body that began before.
#[test]
fn nobody_who_comes_later_is_given_it() {
    let folder = tempfile::tempdir().unwrap();
    let [here, elsewhere] =
        [(); 2].map(|()| Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap());
    let scope = Scope::new(here);
    let (count, barrier) = (Count::default(), Barrier::new(2));
    std::thread::scope(|threads| {
        let (count, barrier) = (&count, &barrier);
        let wait = |_| {
            barrier.wait();
            barrier.wait();
        };
        let first = threads.spawn({
            let scope = scope.clone();
            move || scope.run(|| hooked(1, count, &wait))
        });
        barrier.wait();
        elsewhere.invalidate_tag("leaf:1").unwrap();
        let second = threads.spawn({
            let scope = scope.clone();
            move || scope.run(|| hooked(1, count, &|_| {}))
        });
        std::thread::sleep(Duration::from_millis(100));
        barrier.wait();
        assert_eq!(first.join().unwrap(), 10);
        assert_eq!(second.join().unwrap(), 20);
    });
}

#[memoize(timeout = 60, tags = ["slow"], args_to_ignore = [count, go])]
fn slow(count: &Count, go: &Barrier) -> usize {
    go.wait();
    go.wait();
    count.up()
}

#[memoize(timeout = 60, inherit, args_to_ignore = [count, go])]
fn of_slow(count: &Count, go: &Barrier) -> usize {
    slow(count, go) * 10
}

/// A value that somebody else was computing passes on what it has.
#[test]
fn who_waits_for_a_value_inherits_from_it() {
    everywhere(|backend, cache| {
        let (count, go, scope) = (Count::default(), Barrier::new(2), Scope::new(cache.clone()));
        std::thread::scope(|threads| {
            let first = threads.spawn(|| scope.run(|| slow(&count, &go)));
            go.wait();
            let second = threads.spawn(|| scope.run(|| of_slow(&count, &go)));
            std::thread::sleep(Duration::from_millis(50));
            go.wait();
            assert_eq!(first.join().unwrap(), 1, "{backend}");
            assert_eq!(second.join().unwrap(), 10, "{backend}");
        });
        scope.run(|| {
            assert_eq!(of_slow::peek(), Some(10), "{backend}");
            cache.invalidate_tag("slow").unwrap();
            assert_eq!(of_slow::peek(), None, "{backend}");
        });
    });
}

#[memoize(timeout = 10, stale = 60, inherit, args_to_ignore = [count])]
fn renewed(n: u64, count: Count) -> usize {
    leaf(n, &count)
}

/// A refresh takes over what its own calls pass on.
#[test]
fn what_is_computed_behind_a_caller_inherits() {
    let (scope, clock) = scope();
    let cache = scope.run(cachekit::current);
    scope.run(|| {
        let count = Count::default();
        assert_eq!(renewed(1, count.clone()), 1);
        cache.invalidate_tag("leaf:1").unwrap();
        assert_eq!(renewed(1, count.clone()), 2);
        clock.advance(secs(10));
        assert_eq!(renewed(1, count.clone()), 2);
        until("a refresh", || renewed::stats().refreshes == 1 && renewed::stats().stored == 3);
        cache.invalidate_tag("leaf:1").unwrap();
        assert_eq!(renewed::peek(1), None);
    });
}

#[memoize(timeout = 60, hard_timeout = "30s", on_timeout = 0, tags = ["timed"], args_to_ignore = [count])]
fn timed(count: Count) -> usize {
    count.up()
}

#[memoize(timeout = 60, hard_timeout = "30s", on_timeout = 0, inherit, args_to_ignore = [count])]
fn of_timed(count: Count) -> usize {
    timed(count) * 10
}

/// Bodies with a time limit run on other threads than their callers.
#[test]
fn what_runs_on_another_thread_for_its_caller_passes_on() {
    everywhere(|backend, cache| {
        Scope::new(cache.clone()).run(|| {
            let count = Count::default();
            for round in 1..3 {
                assert_eq!(of_timed(count.clone()), round * 10, "{backend}");
                assert_eq!(of_timed::peek(), Some(round * 10), "{backend}");
                cache.invalidate_tag("timed").unwrap();
                assert_eq!(of_timed::peek(), None, "{backend}");
            }
        });
    });
}

/// An invalidation that had begun when the body did, and goes on while it runs: what was read under the old stamp is not
/// stored under the new one.
#[test]
fn half_an_invalidation_is_one() {
    use cachekit::Backend as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap();
    let backend = cachekit::FileSystemCache::open(folder.path()).unwrap();
    let replace = |stamp: &str, by: u8| {
        assert!(backend.get_many(&[stamp]).unwrap()[0].is_some(), "{stamp}: its name");
        backend.set_many(&[(stamp, &[by; 8][..])], None).unwrap();
    };
    Scope::new(cache).run(|| {
        let count = Count::default();
        leaf(1, &count);
        hooked(1, &count, &|_| {});
        // The first write of an invalidation is that of the stamp that changes before that of any tag.
        replace("#:stamp", 1);
        hooked::refresh(1, &count, &|_| replace("#leaf:1:stamp", 2));
        assert_eq!(hooked::peek(1), None);
        assert_eq!(hooked(1, &count, &|_| {}), 20);
    });
}

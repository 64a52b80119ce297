//! Invalidations that wait to be tried again until something else has made them needless.

use std::thread;
use std::time::Duration;

use crate::deaf::Deaf;
use crate::support::{Shop, in_cache, recovered, value};

#[test]
fn of_several_the_newest_counts() {
    in_cache(10, |backend, cache| {
        value(1);
        backend.fail(true);
        for _ in 0..20 {
            value::delete_memoized_with(1).unwrap_err();
            cache.delete("k").unwrap_err();
        }
        assert_eq!(cache.recovery().waiting, 2);
        value::delete_memoized().unwrap_err();
        assert_eq!(cache.recovery().waiting, 2, "the function covers its call");
        value::delete_memoized_with(2).unwrap_err();
        assert_eq!(cache.recovery().waiting, 2);
        cache.clear().unwrap_err();
        assert_eq!(cache.recovery().waiting, 1, "everything covers all");
        backend.fail(false);
        recovered(cache);
    });
}

#[test]
fn a_newer_value_makes_it_needless() {
    let (deaf, cache) = Deaf::new();
    deaf.refuse(true);
    let cache = cache.recover(10).build();
    cache.set("a", &1, 60).unwrap();
    cache.set("b", &1, 60).unwrap();
    cache.delete("a").unwrap_err();
    cache.delete("b").unwrap_err();
    cache.set("a", &2, 60).unwrap();
    assert_eq!((cache.get::<u64>("a").unwrap(), cache.recovery().waiting), (Some(2), 1));
    assert_eq!(cache.set_many(&[("b", 2)], 60).unwrap(), ["b"]);
    assert_eq!((cache.recovery().waiting, cache.recovery().superseded), (0, 2));
    deaf.refuse(false);
    thread::sleep(Duration::from_millis(300));
    assert_eq!((cache.get::<u64>("a").unwrap(), cache.get::<u64>("b").unwrap()), (Some(2), Some(2)));
}

#[test]
fn a_later_success_makes_it_needless() {
    in_cache(10, |backend, cache| {
        value(1);
        backend.fail(true);
        value::delete_memoized_with(1).unwrap_err();
        Shop(1).price_delete_memoized().unwrap_err();
        cache.delete("k").unwrap_err();
        backend.fail(false);
        cache.clear().unwrap();
        let stats = cache.recovery();
        assert_eq!((stats.waiting, stats.superseded + stats.recovered), (0, 3), "{stats:?}");
    });
}

//! 1F: keys that change with the source of a function. What Python redefines, Rust compiles anew: two functions of one
//! name and one key stand for two builds of a program.

use cachekit::{Cache, cached, delete_memoized, memoize, testing::Scope};

use crate::world::{everywhere, everywhere_with, fresh, get};

mod original {
    #[cachekit::cached(key_prefix = "checked", source_check)]
    pub(crate) fn checked() -> u64 {
        crate::world::fresh()
    }
    #[cachekit::cached(key_prefix = "unchecked", source_check = false)]
    pub(crate) fn unchecked() -> u64 {
        crate::world::fresh()
    }
    #[cachekit::cached(query_string, source_check)]
    pub(crate) fn checked_view() -> u64 {
        crate::world::fresh()
    }
    #[cachekit::cached(query_string, source_check = false)]
    pub(crate) fn unchecked_view() -> u64 {
        crate::world::fresh()
    }
    #[cachekit::cached(key_prefix = "typed", source_check = false)]
    pub(crate) fn typed() -> u64 {
        crate::world::fresh()
    }
}

mod changed {
    #[cachekit::cached(key_prefix = "checked", source_check)]
    pub(crate) fn checked() -> u64 {
        crate::world::fresh() * 2
    }
    #[cachekit::cached(key_prefix = "unchecked", source_check = false)]
    pub(crate) fn unchecked() -> u64 {
        crate::world::fresh() * 2
    }
    #[cachekit::cached(query_string, source_check)]
    pub(crate) fn checked_view() -> u64 {
        crate::world::fresh() * 2
    }
    #[cachekit::cached(query_string, source_check = false)]
    pub(crate) fn unchecked_view() -> u64 {
        crate::world::fresh() * 2
    }
    #[cachekit::cached(key_prefix = "typed", source_check = false)]
    pub(crate) fn typed() -> String {
        crate::world::fresh().to_string()
    }
}

mod original_again {
    #[cachekit::cached(key_prefix = "checked", source_check)]
    pub(crate) fn checked() -> u64 {
        // A comment is no change.
        crate::world::fresh()
    }
    #[cachekit::cached(query_string, source_check)]
    pub(crate) fn checked_view() -> u64 {
        crate::world::fresh()
    }
}

#[test]
fn case_116_a_changed_function_does_not_see_the_value_of_the_original() {
    everywhere(|_| {
        let first = original::checked();
        assert_eq!(original::checked(), first);
        let changed = changed::checked();
        assert_ne!(changed, first);
        assert_eq!(changed::checked(), changed);
        assert_eq!(original_again::checked(), first, "the original's value is still there");
    });
}

#[test]
fn case_117_where_the_source_is_not_checked_it_does() {
    everywhere(|_| {
        let first = original::unchecked();
        assert_eq!(changed::unchecked(), first);
    });
}

#[test]
fn case_117_but_never_a_value_of_another_type() {
    everywhere(|_| {
        original::typed();
        assert_eq!(changed::typed(), changed::typed());
    });
}

/// Two functions never share memoized values, so two builds are told apart by the key.
#[test]
fn cases_118_119_120_a_memoized_key_changes_with_the_source_where_it_is_checked() {
    #[memoize]
    fn by_configuration(n: u64) -> u64 {
        n + fresh()
    }
    #[memoize(source_check)]
    fn checked(n: u64) -> u64 {
        n + fresh()
    }
    #[memoize(source_check = false)]
    fn unchecked(n: u64) -> u64 {
        n + fresh()
    }
    let keys = |on: bool| {
        Scope::new(Cache::builder().source_check(on).build()).run(|| {
            [by_configuration::make_cache_key(1), checked::make_cache_key(1), unchecked::make_cache_key(1)]
        })
    };
    let ([off, checked_off, unchecked_off], [on, checked_on, unchecked_on]) = (keys(false), keys(true));
    assert_ne!(on, off, "the configuration decides");
    assert_eq!((checked_on, unchecked_on), (checked_off, unchecked_off), "unless the attribute does");
}

#[test]
fn case_121_forgetting_with_arguments_where_the_source_is_checked() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere_with(
        |builder| builder.source_check(true),
        |_| {
            let (first, other) = (f(1), f(2));
            assert_eq!((f(1), f(2)), (first, other));
            assert!(delete_memoized!(f, 1).unwrap());
            assert_ne!(f(1), first);
            assert_eq!(f(2), other);
        },
    );
}

#[test]
fn case_123_a_view_with_a_query_whose_source_is_checked() {
    everywhere(|_| {
        get("/v").query([("a", "1")]).scope(|| {
            let first = original::checked_view();
            assert_eq!(original::checked_view(), first);
            assert_ne!(changed::checked_view(), first);
            assert_eq!(original_again::checked_view(), first);
        });
    });
}

#[test]
fn case_124_a_view_with_a_query_whose_source_is_not_checked() {
    everywhere(|_| {
        get("/v").query([("a", "1")]).scope(|| {
            let first = original::unchecked_view();
            assert_eq!(changed::unchecked_view(), first);
        });
    });
}

#[test]
fn case_120_the_configuration_decides_for_cached_functions_too() {
    #[cached(key_prefix = "configured")]
    fn f() -> u64 {
        fresh()
    }
    let key = |on: bool| Scope::new(Cache::builder().source_check(on).build()).run(f::make_cache_key);
    assert_eq!(key(false), "configured");
    assert_ne!(key(true), "configured");
}

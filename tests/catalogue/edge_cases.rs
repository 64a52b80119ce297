//! Part 3: cases that no suite upstream covers, with what we want of them.

use std::sync::{Arc, Barrier};
use std::thread;

use cachekit::testing::Scope;
use cachekit::{Cache, Config, ErrorKind, RequestContext, Timeout, cached, delete_memoized, memoize};

use crate::world::{Count, everywhere, fresh, get, in_process};

#[test]
fn case_300_functions_of_one_name_in_one_place_are_separate() {
    let one = {
        #[memoize]
        fn f(n: u64) -> u64 {
            n + 1
        }
        f as fn(u64) -> u64
    };
    let two = {
        #[memoize]
        fn f(n: u64) -> u64 {
            n + 2
        }
        f as fn(u64) -> u64
    };
    everywhere(|_| {
        assert_eq!((one(1), two(1)), (2, 3));
        assert_eq!((one(1), two(1)), (2, 3));
    });
}

#[test]
fn case_300_functions_inside_closures_are_separate() {
    let one = |n| {
        #[memoize]
        fn f(n: u64) -> u64 {
            n + 1
        }
        f(n)
    };
    let two = |n| {
        #[memoize]
        fn f(n: u64) -> u64 {
            n + 2
        }
        f(n)
    };
    everywhere(|_| {
        assert_eq!((one(1), two(1)), (2, 3));
        assert_eq!((one(1), two(1)), (2, 3));
    });
}

#[test]
fn case_300_instantiations_are_separate() {
    #[memoize]
    fn size<T: 'static>(n: usize) -> usize {
        size_of::<T>() * n
    }
    everywhere(|_| {
        assert_eq!((size::<u8>(3), size::<u64>(3)), (3, 24));
        assert_eq!((size::<u8>(3), size::<u64>(3)), (3, 24));
    });
}

#[test]
fn case_309_parallel_misses_run_once() {
    static RUNS: Count = Count::new();
    #[memoize]
    fn slow(n: u64) -> (u64, u64) {
        RUNS.one();
        thread::sleep(std::time::Duration::from_millis(100));
        (n, fresh())
    }
    everywhere(|w| {
        RUNS.take();
        let (scope, barrier) = (Scope::new(w.cache.clone()), Barrier::new(8));
        let values: Vec<_> = thread::scope(|threads| {
            let running: Vec<_> = (0..8)
                .map(|_| {
                    threads.spawn(|| {
                        scope.run(|| {
                            barrier.wait();
                            slow(1)
                        })
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(RUNS.take(), 1);
        assert!(values.iter().all(|value| *value == values[0]));
    });
}

#[test]
fn case_312_a_view_with_a_key_of_its_own_is_forgotten() {
    #[cached(make_cache_key = |id| format!("item:{id}"))]
    fn item(id: u64) -> (u64, u64) {
        (id, fresh())
    }
    everywhere(|w| {
        let (first, second) = (item(1), item(2));
        assert!(item::delete_cached(1).unwrap());
        assert_ne!(item(1), first);
        assert!(w.cache.delete_cached("item:2").unwrap());
        assert_ne!(item(2), second);
        assert!(!w.cache.delete_cached("item:3").unwrap());
    });
}

#[test]
fn case_313_a_key_of_its_own_is_what_a_memoized_function_uses() {
    #[memoize(make_cache_key = |a, b| format!("sum:{}", *a + *b))]
    fn sum(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let first = sum(5, 2);
        assert_eq!(sum(2, 5), first);
        assert_eq!(sum::make_cache_key(1, 6), "sum:7");
        assert!(delete_memoized!(sum, 3, 4).unwrap());
        assert_ne!(sum(5, 2), first);
    });
}

#[test]
fn case_314_methods_of_requests_are_separate() {
    #[cached]
    fn view() -> String {
        let method = RequestContext::current().map(|request| request.method().to_owned());
        format!("{method:?} {}", fresh())
    }
    everywhere(|_| {
        let head = RequestContext::new("HEAD", "/pages").scope(view);
        let body = get("/pages").scope(view);
        assert_ne!(body, head);
        assert_eq!(get("/pages").scope(view), body);
        assert_eq!(RequestContext::new("HEAD", "/pages").scope(view), body, "a HEAD is answered from a GET");
        assert_ne!(RequestContext::new("POST", "/pages").scope(view), body);
    });
}

#[tokio::test]
async fn cases_316_317_async_functions_miss_and_hit_inside_a_runtime() {
    #[memoize]
    async fn f(n: u64) -> (u64, u64) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        (n, fresh())
    }
    let scope = Scope::new(Cache::builder().build());
    scope
        .run_async(async {
            let first = f(1).await;
            assert_eq!(f(1).await, first);
            assert!(f::delete_memoized_with(1).await.unwrap());
            assert_ne!(f(1).await, first);
        })
        .await;
}

#[test]
fn case_327_clear_with_nothing_there() {
    everywhere(|w| {
        w.cache.clear().unwrap();
        w.cache.clear().unwrap();
    });
}

#[test]
fn case_328_a_timeout_cannot_be_negative() {
    for text in ["-1", "-2"] {
        let error = Config::from_map([("CACHE_DEFAULT_TIMEOUT", text)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
    }
    assert_eq!(Timeout::from(0), Timeout::Never, "and zero is for ever, everywhere");
}

#[test]
fn case_335_any_timeout_is_possible() {
    everywhere(|w| {
        for timeout in [10_000_000_000, u64::MAX] {
            w.cache.set("k", "v", timeout).unwrap();
            w.pass(86_400 * 365);
            assert!(w.cache.has("k").unwrap(), "{timeout}");
        }
    });
}

#[test]
fn case_340_counting_a_text_is_an_error_of_its_own_kind() {
    everywhere(|w| {
        w.cache.set("k", "text", 0).unwrap();
        assert_eq!(w.cache.inc("k", 1).unwrap_err().kind(), ErrorKind::Type);
        assert_eq!(w.cache.dec("k", 1).unwrap_err().kind(), ErrorKind::Type);
        assert_eq!(w.cache.get::<String>("k").unwrap().as_deref(), Some("text"));
        assert_eq!(w.cache.dec("k", i64::MIN).unwrap_err().kind(), ErrorKind::Type);
    });
}

#[test]
fn cases_341_342_343_344_what_is_a_key_for_one_operation_is_one_for_all() {
    let long = ["k".repeat(249), "k".repeat(251), "é".repeat(250)];
    let odd = ["two words", "!", "abc\n", "\0", "日本語", "a\u{7f}", ""];
    everywhere(|w| {
        for key in odd.into_iter().chain(long.iter().map(String::as_str)) {
            assert_eq!(w.cache.get::<String>(key).unwrap(), None, "{key:?}");
            assert!(w.cache.add(key, "first", 0).unwrap(), "{key:?}");
            w.cache.set(key, "second", 0).unwrap();
            assert!(w.cache.has(key).unwrap(), "{key:?}");
            let dict = w.cache.get_dict::<String>(&[key]).unwrap();
            assert_eq!(dict[key].as_deref(), Some("second"), "{key:?}");
            assert_eq!(w.cache.delete_many(&[key]).unwrap(), [key]);
            assert_eq!(w.cache.inc(key, 1).unwrap(), 1, "{key:?}");
            assert!(w.cache.delete(key).unwrap(), "{key:?}");
        }
    });
}

#[test]
fn cases_343_344_a_prefix_of_any_kind_makes_no_key_impossible() {
    for prefix in ["", "p:", "with space ", "日本:", "*", "[a]"] {
        let cache = Cache::builder().key_prefix(prefix).build();
        let other =
            Cache::builder().shared_backend(Arc::clone(cache.backend())).key_prefix("~other:").build();
        other.set("k", "kept", 0).unwrap();
        cache.set("k", "v", 0).unwrap();
        assert_eq!(cache.get::<String>("k").unwrap().as_deref(), Some("v"));
        cache.clear().unwrap();
        assert_eq!(cache.get::<String>("k").unwrap(), None);
        assert_eq!(other.has("k").unwrap(), !prefix.is_empty(), "clear({prefix:?})");
    }
}

/// A function needs no set-up: nothing installed is a cache in this process.
#[test]
fn case_357_use_before_anything_is_installed() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    assert_eq!(f(1), f(1));
    let missing = thread::spawn(|| {
        #[memoize(cache = "never installed")]
        fn named(n: u64) -> (u64, u64) {
            (n, fresh())
        }
        assert_ne!(named(1), named(1), "it works without its cache");
        named::delete_memoized().unwrap_err().to_string()
    });
    let error = missing.join().unwrap();
    assert!(error.contains("never installed") && error.contains("install_named"), "{error}");
}

#[test]
fn case_358_a_result_is_the_callers_to_change() {
    #[memoize]
    fn list(n: u64) -> Vec<u64> {
        vec![n]
    }
    everywhere(|_| {
        let mut first = list(1);
        first.push(2);
        let mut second = list(1);
        assert_eq!(second, [1]);
        second.clear();
        assert_eq!(list(1), [1]);
    });
}

#[test]
fn a_cached_view_outside_a_request_runs_uncached() {
    #[cached]
    fn view() -> u64 {
        fresh()
    }
    in_process(|_| {
        let before = view::stats().bypasses;
        assert_ne!(view(), view());
        assert_eq!(view::stats().bypasses - before, 2);
    });
}

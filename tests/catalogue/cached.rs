//! 1D: `#[cached]`, what it does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cachekit::cached;

use crate::world::{Count, everywhere, fresh, get};

#[test]
fn case_069_a_name_and_a_timeout() {
    #[cached(timeout = 1, key_prefix = "MyBits")]
    fn bits() -> Vec<u64> {
        vec![fresh()]
    }
    everywhere(|w| {
        let first = bits();
        assert_eq!(bits(), first);
        w.pass(2);
        assert_ne!(bits(), first);
    });
}

macro_rules! by_hash {
    ($($case:ident $method:literal $length:literal;)*) => {$(
        #[test]
        fn $case() {
            #[cached(timeout = 1, query_string, hash_method = $method)]
            fn bits() -> u64 {
                fresh()
            }
            everywhere(|w| {
                get("/bits").scope(|| {
                    let first = bits();
                    assert_eq!(bits(), first);
                    w.pass(2);
                    assert_ne!(bits(), first);
                    assert_eq!(bits::make_cache_key().len(), "view//bits?".len() + $length);
                });
            });
        }
    )*};
}

by_hash! {
    case_070_sha1 "sha1" 40;
    case_070_sha224 "sha224" 56;
    case_070_sha256 "sha256" 64;
    case_070_sha384 "sha384" 96;
    case_070_sha512 "sha512" 128;
    case_070_md5 "md5" 32;
    case_070_blake3 "blake3" 64;
}

#[test]
fn case_071_a_none_is_cached_where_it_is_asked_for() {
    static RUNS: Count = Count::new();
    #[cached(key_prefix = "none", cache_none)]
    fn nothing() -> Option<u64> {
        RUNS.one();
        None
    }
    everywhere(|w| {
        assert_eq!((nothing(), nothing()), (None, None));
        assert_eq!(RUNS.take(), 1);
        w.cache.clear().unwrap();
        assert_eq!(nothing(), None);
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn case_072_a_none_is_not_cached_otherwise() {
    static RUNS: Count = Count::new();
    #[cached(key_prefix = "none")]
    fn nothing() -> Option<u64> {
        RUNS.one();
        None
    }
    everywhere(|w| {
        nothing();
        nothing();
        assert_eq!(RUNS.take(), 2);
        w.cache.clear().unwrap();
        nothing();
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn case_073_a_forced_update_runs_and_sticks() {
    static FORCED: AtomicBool = AtomicBool::new(false);
    #[cached(key_prefix = "forced", forced_update = || FORCED.load(SeqCst))]
    fn value() -> u64 {
        fresh()
    }
    everywhere(|_| {
        FORCED.store(false, SeqCst);
        let first = value();
        assert_eq!(value(), first);
        FORCED.store(true, SeqCst);
        let second = value();
        assert_ne!(second, first);
        FORCED.store(false, SeqCst);
        assert_eq!(value(), second);
    });
}

#[test]
fn case_075_what_is_stale_runs_again() {
    static STALE: AtomicBool = AtomicBool::new(false);
    static ASKED: AtomicU64 = AtomicU64::new(0);
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "what `is_stale` calls")]
    fn is_stale(value: &u64) -> bool {
        ASKED.store(*value, SeqCst);
        STALE.load(SeqCst)
    }
    #[cached(key_prefix = "stale", is_stale = is_stale)]
    fn value() -> u64 {
        fresh()
    }
    everywhere(|_| {
        ASKED.store(0, SeqCst);
        STALE.store(false, SeqCst);
        let first = value();
        assert_eq!(ASKED.load(SeqCst), 0, "it is not asked on a miss");
        assert_eq!(value(), first);
        assert_eq!(ASKED.load(SeqCst), first, "it sees what is cached");
        STALE.store(true, SeqCst);
        let second = value();
        assert_ne!(second, first);
        STALE.store(false, SeqCst);
        assert_eq!(value(), second);
    });
}

#[test]
fn case_076_is_stale_may_ask_for_the_arguments() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    #[cached(key_prefix = "stale/{param}", is_stale = |value, param| { ASKED.store(*value + *param, SeqCst); false })]
    fn value(param: u64) -> u64 {
        fresh() * 1000
    }
    everywhere(|_| {
        let first = value(7);
        assert_eq!(value(7), first);
        assert_eq!(ASKED.load(SeqCst), first + 7);
    });
}

#[test]
fn case_077_a_forced_update_does_not_ask_whether_it_is_stale() {
    static ASKED: Count = Count::new();
    #[cached(key_prefix = "forced", forced_update = true, is_stale = |_| { ASKED.one(); true })]
    fn value() -> u64 {
        fresh()
    }
    everywhere(|_| {
        let first = value();
        assert_ne!(value(), first);
        assert_eq!(ASKED.take(), 0);
    });
}

#[test]
fn case_078_a_view_is_cached_until_its_timeout() {
    #[cached(timeout = 2)]
    fn view() -> String {
        fresh().to_string()
    }
    everywhere(|w| {
        let body = || get("/").scope(view);
        let first = body();
        w.pass(1);
        assert_eq!(body(), first);
        w.pass(1);
        assert_ne!(body(), first, "expired exactly at its timeout");
    });
}

#[test]
fn case_079_a_view_that_is_a_method() {
    struct View;
    impl View {
        #[cached(timeout = 2)]
        fn get(&self) -> String {
            let Self = self;
            fresh().to_string()
        }
    }
    everywhere(|w| {
        let body = || get("/").scope(|| View.get());
        let first = body();
        w.pass(1);
        assert_eq!(body(), first);
        w.pass(1);
        assert_ne!(body(), first);
    });
}

#[tokio::test]
async fn case_080_an_async_view() {
    #[cached(timeout = 2)]
    async fn view() -> String {
        tokio::task::yield_now().await;
        fresh().to_string()
    }
    let cache = cachekit::Cache::builder().build();
    let bodies = async { (get("/").scope_async(view()).await, get("/").scope_async(view()).await) };
    let (first, second) = cachekit::testing::Scope::new(cache).run_async(bodies).await;
    assert_eq!(first, second);
}

#[test]
fn case_081_unless() {
    #[cached(timeout = 5, unless = || true)]
    fn never() -> u64 {
        fresh()
    }
    #[cached(timeout = 5, unless = || false)]
    fn always() -> u64 {
        fresh()
    }
    everywhere(|_| {
        get("/never").scope(|| assert_ne!(never(), never()));
        get("/always").scope(|| assert_eq!(always(), always()));
        assert_eq!(get("/never").scope(never::peek), None, "nothing was written either");
    });
}

#[test]
fn case_082_a_filter_decides_what_is_worth_keeping() {
    #[cached(timeout = 5, response_filter = |response| response.0 == 200)]
    fn view(status: u16) -> (u16, u64) {
        (status, fresh())
    }
    everywhere(|_| {
        get("/500").scope(|| assert_ne!(view(500), view(500)));
        get("/200").scope(|| assert_eq!(view(200), view(200)));
    });
}

#[test]
fn case_083_a_view_with_a_forced_update() {
    static FORCED: AtomicBool = AtomicBool::new(false);
    #[cached(timeout = 5, forced_update = FORCED.load(SeqCst))]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        FORCED.store(false, SeqCst);
        get("/").scope(|| {
            let first = view();
            assert_eq!(view(), first);
            FORCED.store(true, SeqCst);
            let second = view();
            assert_ne!(second, first);
            FORCED.store(false, SeqCst);
            assert_eq!(view(), second);
        });
    });
}

#[test]
fn case_084_a_view_that_is_stale() {
    static STALE: AtomicBool = AtomicBool::new(false);
    #[cached(timeout = 5, is_stale = |_| STALE.load(SeqCst))]
    fn view() -> u64 {
        fresh()
    }
    everywhere(|_| {
        STALE.store(false, SeqCst);
        get("/").scope(|| {
            let first = view();
            assert_eq!(view(), first);
            STALE.store(true, SeqCst);
            let second = view();
            assert_ne!(second, first);
            STALE.store(false, SeqCst);
            assert_eq!(view(), second);
        });
    });
}

#[test]
fn case_085_and_086_an_error_is_cached_and_given_again_where_it_is_asked_for() {
    static RUNS: Count = Count::new();
    #[cached(timeout = 5, cache_err)]
    fn view() -> Result<String, (u16, String)> {
        RUNS.one();
        Err((404, "no such page".to_owned()))
    }
    let handled = || match get("/missing").scope(view) {
        Ok(body) => body,
        Err((status, description)) => format!("{status}: {description}"),
    };
    everywhere(|_| {
        RUNS.take();
        assert_eq!(handled(), "404: no such page");
        assert_eq!(handled(), "404: no such page", "the error handler sees the cached one, too");
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn case_088_a_filter_sees_errors() {
    static RUNS: Count = Count::new();
    static SEEN: Count = Count::new();
    fn is_ok(response: &Result<String, u16>) -> bool {
        if *response == Err(503) {
            SEEN.one();
        }
        response.is_ok()
    }
    #[cached(timeout = 5, cache_err, response_filter = is_ok)]
    fn view() -> Result<String, u16> {
        RUNS.one();
        Err(503)
    }
    everywhere(|_| {
        RUNS.take();
        SEEN.take();
        get("/").scope(|| assert_eq!((view(), view()), (Err(503), Err(503))));
        assert_eq!((RUNS.take(), SEEN.take()), (2, 2));
    });
}

#[test]
fn case_013_and_090_a_value_may_say_how_long_it_lives() {
    #[cached(timeout = 1, timeout_from = |response| response.1)]
    fn view(path: &str) -> (u64, Duration) {
        let _ = path;
        (fresh(), Duration::from_secs(2))
    }
    everywhere(|w| {
        let body = || get("/").scope(|| view("/"));
        let first = body();
        w.pass(1);
        assert_eq!(body(), first, "longer than the attribute says");
        w.pass(1);
        assert_ne!(body(), first);
    });
}

//! 1I: what listeners hear, which stands for Flask-Caching's signals, and what types the companions have.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::events::{self, EventKind, Subscription};
use cachekit::{SiteStats, cached, memoize};

use crate::world::{World, everywhere, fresh, get};

type Heard = Arc<Mutex<Vec<(EventKind, Option<String>)>>>;

/// Listens to one function: others are called at the same time by other tests.
fn listen(function: &'static str) -> (Heard, Subscription) {
    let heard = Heard::default();
    let log = Arc::clone(&heard);
    let subscription = events::subscribe(move |event| {
        if event.function.contains(function) {
            log.lock().unwrap().push((event.kind, event.key.map(str::to_owned)));
        }
    });
    (heard, subscription)
}

fn kinds(heard: &Heard) -> Vec<EventKind> {
    std::mem::take(&mut *heard.lock().unwrap()).into_iter().map(|(kind, _)| kind).collect()
}

use EventKind::{Hit, Invalidated, Miss, Rejected, Stored};

#[test]
fn case_183_who_does_not_listen_hears_nothing() {
    #[memoize]
    fn case_183(n: u64) -> u64 {
        n + fresh()
    }
    let (heard, subscription) = listen("case_183");
    drop(subscription);
    everywhere(|_| {
        case_183(1);
        case_183(1);
    });
    assert_eq!(kinds(&heard), []);
}

#[test]
fn case_184_a_view_misses_then_hits() {
    #[cached]
    fn case_184() -> u64 {
        fresh()
    }
    let (heard, _subscription) = listen("case_184");
    everywhere(|_| {
        get("/").scope(|| (case_184(), case_184()));
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(heard.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [Miss, Stored, Hit]);
        assert!(heard.iter().all(|(_, key)| key.as_deref() == Some("view//")), "{heard:?}");
    });
}

#[test]
fn cases_186_187_a_memoized_call_misses_then_hits() {
    #[memoize]
    fn case_186(a: u64, b: u64) -> u64 {
        a + b + fresh()
    }
    let (heard, _subscription) = listen("case_186");
    everywhere(|_| {
        case_186(1, 2);
        case_186(1, 2);
        let key = Some(case_186::make_cache_key(1, 2));
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert_eq!(heard, [(Miss, key.clone()), (Stored, key.clone()), (Hit, key)]);
    });
}

#[test]
fn case_188_a_forced_update_is_a_miss() {
    #[memoize(forced_update = true)]
    fn case_188(n: u64) -> u64 {
        n + fresh()
    }
    let (heard, _subscription) = listen("case_188");
    everywhere(|_| {
        case_188(1);
        case_188(1);
        assert_eq!(kinds(&heard), [Miss, Stored, Miss, Stored]);
    });
}

#[test]
fn case_189_what_is_stale_is_a_miss() {
    #[memoize(is_stale = |_| true)]
    fn case_189(n: u64) -> u64 {
        n + fresh()
    }
    let (heard, _subscription) = listen("case_189");
    everywhere(|_| {
        case_189(1);
        kinds(&heard);
        case_189(1);
        assert_eq!(kinds(&heard), [Miss, Stored]);
    });
}

#[test]
fn case_190_what_is_refused_and_what_is_forgotten_is_heard_too() {
    #[memoize(response_filter = |value| value.0 > 0)]
    fn case_190(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    let (heard, _subscription) = listen("case_190");
    everywhere(|_: &World| {
        case_190(0);
        assert_eq!(kinds(&heard), [Miss, Rejected]);
        case_190::delete_memoized().unwrap();
        assert_eq!(kinds(&heard), [Invalidated]);
    });
}

/// A stale value is given to nobody, so it is no hit in the statistics either.
#[test]
fn cases_188_189_the_statistics_agree() {
    #[memoize(is_stale = |value| value.0 == 1, forced_update = |n| *n == 2)]
    fn counted(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|_| {
        let before = counted::stats();
        for n in [1, 1, 2, 2, 3, 3] {
            counted(n);
        }
        let after = counted::stats();
        assert_eq!((after.misses - before.misses, after.hits - before.hits), (5, 1));
    });
}

#[derive(Hash)]
struct Adder(i64);

impl Adder {
    #[memoize]
    fn add(&self, b: i64) -> i64 {
        self.0 + b
    }
}

#[test]
fn case_198_the_types_of_what_is_annotated() {
    #[memoize]
    fn f(a: i64, b: &str) -> Vec<i64> {
        vec![a, i64::from(b.is_empty())]
    }
    #[cached(key_prefix = "g")]
    fn g() -> String {
        String::new()
    }
    let _: fn(i64, &str) -> Vec<i64> = f;
    let _: fn(i64, &str) -> Vec<i64> = f::uncached;
    let _: fn(i64, &str) -> Vec<i64> = f::refresh;
    let _: fn(i64, &str) -> Option<Vec<i64>> = f::peek;
    let _: fn(i64, &str) -> String = f::make_cache_key;
    let _: fn() -> Option<Duration> = f::cache_timeout;
    let _: fn(Duration) = f::set_cache_timeout;
    let _: fn() -> SiteStats = f::stats;
    let _: fn() -> cachekit::Result<()> = f::delete_memoized;
    let _: fn(i64, &str) -> cachekit::Result<bool> = f::delete_memoized_with;
    let _: fn() -> cachekit::Result<()> = f::delete_memoized_verhash;
    let _: fn() -> String = g;
    let _: fn() -> cachekit::Result<bool> = g::delete_cached;
    let _: fn(&Adder, i64) -> i64 = Adder::add;
    let _: fn(&Adder, i64) -> i64 = Adder::add_uncached;
    let _: fn(&Adder, i64) -> String = Adder::add_make_cache_key;
    let _: fn(&Adder) -> cachekit::Result<()> = Adder::add_delete_memoized;
    let _: fn() -> cachekit::Result<()> = Adder::add_delete_memoized_all;
    assert_eq!(f::uncached(1, "ab"), [1, 0]);
    assert_eq!(Adder(1).add_uncached(2), 3);
    assert_eq!(f::cache_timeout(), None, "the cache's default");
}

//! Part 3: a backend that fails, and code of the user's that does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, ErrorKind, SimpleCache, cached, delete_memoized, delete_memoized_verhash, memoize};

use crate::backends::Recording;
use crate::world::{Count, everywhere, fresh};

fn broken(case: impl FnOnce(&Faulty, &Cache)) {
    let faulty = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(faulty.clone()).build();
    faulty.fail(true);
    Scope::new(cache.clone()).run(|| case(&faulty, &cache));
}

#[test]
fn case_306_a_function_works_without_its_backend_and_says_so() {
    #[cached(key_prefix = "view")]
    fn view() -> u64 {
        fresh()
    }
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    broken(|faulty, _| {
        let (first, second) = (view(), f(1));
        assert_ne!(view(), first);
        assert_ne!(f(1), second);
        assert!(view::stats().errors >= 2 && f::stats().errors >= 2);
        assert_eq!(faulty_entries(faulty), 0, "nothing was stored");
        faulty.fail(false);
        assert_eq!((view(), f(1)), (view(), f(1)), "it works again");
    });
}

fn faulty_entries(faulty: &Faulty) -> usize {
    cachekit::Backend::entries(faulty).expect("SimpleCache counts")
}

#[test]
fn case_306_a_failure_is_heard() {
    static HEARD: Count = Count::new();
    #[memoize]
    fn case_306(n: u64) -> u64 {
        n + fresh()
    }
    let _subscription = cachekit::events::subscribe(|event| {
        if event.function.contains("case_306") && event.error.is_some() {
            HEARD.one();
        }
    });
    broken(|_, _| {
        case_306(1);
        assert_ne!(HEARD.take(), 0);
    });
}

#[test]
fn case_307_what_a_user_asks_of_a_broken_backend_is_an_error() {
    #[memoize]
    fn f(n: u64) -> u64 {
        n + fresh()
    }
    #[derive(Hash)]
    struct Adder(u64);
    impl Adder {
        #[memoize]
        fn add(&self, n: u64) -> u64 {
            self.0 + n
        }
    }
    broken(|_, cache| {
        assert_eq!(cache.get::<String>("k").unwrap_err().kind(), ErrorKind::Backend);
        assert!(cache.set("k", "v", 0).is_err());
        assert!(cache.add("k", "v", 0).is_err());
        assert!(cache.has("k").is_err());
        assert!(cache.delete("k").is_err());
        assert!(cache.get_many::<u8>(&["k"]).is_err());
        assert!(cache.get_dict::<u8>(&["k"]).is_err());
        assert!(cache.set_many(&[("k", 1)], 0).is_err());
        assert!(cache.delete_many(&["k"]).is_err());
        assert!(cache.inc("k", 1).is_err() && cache.dec("k", 1).is_err());
        assert!(cache.clear().is_err());
        assert!(delete_memoized!(f).is_err());
        assert!(delete_memoized!(f, 1).is_err());
        assert!(delete_memoized_verhash!(f).is_err());
        assert!(delete_memoized!(Adder::add).is_err());
        assert!(delete_memoized!(Adder(1).add).is_err());
        assert!(delete_memoized!(Adder(1).add, 2).is_err());
    });
}

/// An invalidation that fails is an error, and what could not be forgotten is still there: nobody is told otherwise.
#[test]
fn case_232_a_delete_that_fails_is_an_error() {
    broken(|faulty, cache| {
        faulty.fail(false);
        cache.set("k", "v", 0).unwrap();
        faulty.fail(true);
        assert_eq!(cache.delete_many(&["k", "other"]).unwrap_err().kind(), ErrorKind::Backend);
        assert_eq!(cache.delete("k").unwrap_err().kind(), ErrorKind::Backend);
        faulty.fail(false);
        assert!(cache.has("k").unwrap());
    });
}

#[test]
fn case_308_a_store_that_fails_loses_nothing() {
    static RUNS: Count = Count::new();
    #[memoize]
    fn f(n: u64) -> u64 {
        RUNS.one();
        n
    }
    let recording = Recording::default();
    Scope::new(recording.cache()).run(|| {
        assert_eq!(f(1), 1);
        RUNS.take();
        recording.refuse_writes(true);
        assert_eq!(f(2), 2);
        assert_eq!(RUNS.take(), 1, "it ran once");
        assert_eq!(f(1), 1);
        assert_eq!(RUNS.take(), 0, "reads still work");
        recording.refuse_writes(false);
        assert_eq!((f(2), f(2)), (2, 2));
        assert_eq!(RUNS.take(), 1);
    });
}

/// `unless` and the others are expressions: they give a `bool`, and their panics are the caller's.
#[test]
fn cases_302_303_305_a_condition_that_panics() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    #[memoize(unless = { assert!(!PANICS.load(SeqCst), "the condition fails"); false })]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|_| {
        PANICS.store(true, SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(|| f(1))).is_err());
        PANICS.store(false, SeqCst);
        assert_eq!(f::peek(1), None);
        assert_eq!(f(1), f(1));
    });
}

#[test]
fn case_303_unless_may_be_a_constant() {
    #[memoize(unless = true)]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|_| assert_ne!(f(1), f(1)));
}

#[test]
fn case_305_a_body_that_panics_stores_nothing() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        assert!(!PANICS.load(SeqCst), "the body fails");
        (n, fresh())
    }
    everywhere(|_| {
        PANICS.store(true, SeqCst);
        assert!(catch_unwind(AssertUnwindSafe(|| f(1))).is_err());
        PANICS.store(false, SeqCst);
        assert_eq!(f::peek(1), None);
        assert_eq!(f(1), f(1));
    });
}

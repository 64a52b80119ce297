//! 1G: `#[memoize]`, what it does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use cachekit::{delete_memoized, memoize};

use crate::world::{Count, as_bytes, everywhere, everywhere_with, fresh};

#[test]
fn case_125_memoize_separates_arguments() {
    #[memoize(timeout = 3)]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|w| {
        let first = big_foo(5, 2);
        w.pass(1);
        assert_eq!(big_foo(5, 2), first);
        let second = big_foo(5, 3);
        w.pass(1);
        assert_eq!((big_foo(5, 2), big_foo(5, 3)), (first, second));
        w.pass(1);
        assert_ne!(big_foo(5, 2), first, "each follows its own clock");
        assert_eq!(big_foo(5, 3), second);
        w.pass(1);
        assert_ne!(big_foo(5, 3), second);
    });
}

macro_rules! by_hash {
    ($($case:ident $method:literal;)*) => {$(
        #[test]
        fn $case() {
            #[memoize(timeout = 3, hash_method = $method)]
            fn big_foo(a: u64, b: u64) -> (u64, u64) {
                (a + b, fresh())
            }
            everywhere(|w| {
                let (first, second) = (big_foo(5, 2), big_foo(5, 3));
                w.pass(1);
                assert_eq!((big_foo(5, 2), big_foo(5, 3)), (first, second));
                assert_ne!(first, second);
                w.pass(2);
                assert_ne!(big_foo(5, 2), first);
            });
        }
    )*};
}

by_hash! {
    case_127_sha1 "sha1";
    case_127_sha224 "sha224";
    case_127_sha256 "sha256";
    case_127_sha384 "sha384";
    case_127_sha512 "sha512";
    case_127_md5 "md5";
    case_127_blake3 "blake3";
}

#[test]
fn case_128_the_default_timeout_of_the_cache() {
    #[memoize]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere_with(
        |builder| builder.default_timeout(1),
        |w| {
            let first = big_foo(5, 2);
            assert_eq!(big_foo(5, 2), first);
            w.pass(2);
            assert_ne!(big_foo(5, 2), first);
        },
    );
}

#[test]
fn case_129_an_entry_outlives_older_ones() {
    #[memoize(timeout = 60)]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|w| {
        let old = f(1);
        w.pass(59);
        let new = f(2);
        w.pass(2);
        assert_eq!(f(2), new);
        assert_ne!(f(1), old);
        w.pass(59);
        assert_ne!(f(2), new);
    });
}

/// A function's stamp never expires, so that no lifetime can take entries with it. It is one per function. An
/// instance's stamp goes some time after its entries.
#[test]
fn case_131_stamps_outlive_their_entries() {
    struct Adder(u64);
    impl std::hash::Hash for Adder {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }
    impl Adder {
        #[memoize(timeout = 60)]
        fn add(&self, n: u64) -> (u64, u64) {
            (self.0 + n, fresh())
        }
    }
    as_bytes(|w| {
        let first = Adder(1).add(2);
        assert_eq!(
            w.cache.backend().entries(),
            Some(3),
            "an entry, the function's stamp, the instance's stamp"
        );
        w.pass(61);
        assert_eq!(w.cache.backend().entries(), Some(2));
        w.pass(2 * 86_400);
        assert_eq!(w.cache.backend().entries(), Some(1));
        let second = Adder(1).add(2);
        assert_ne!(second, first);
        assert_eq!(Adder(1).add(2), second);
    });
}

#[test]
fn case_132_a_function_that_was_forgotten_works_after_a_long_time() {
    #[memoize(timeout = 50)]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|w| {
        let first = f(1);
        delete_memoized!(f).unwrap();
        w.pass(3600);
        let second = f(1);
        assert_ne!(second, first);
        assert_eq!(f(1), second);
        delete_memoized!(f).unwrap();
        assert_ne!(f(1), second);
    });
}

#[test]
fn case_148_a_none_is_cached_where_it_is_asked_for() {
    static RUNS: Count = Count::new();
    #[memoize(cache_none)]
    fn nothing(n: u64) -> Option<u64> {
        RUNS.one();
        n.checked_sub(100)
    }
    everywhere(|w| {
        assert_eq!((nothing(1), nothing(1)), (None, None));
        assert_eq!(RUNS.take(), 1);
        w.cache.clear().unwrap();
        nothing(1);
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn case_149_a_none_is_not_cached_otherwise() {
    static RUNS: Count = Count::new();
    #[memoize]
    fn nothing(n: u64) -> Option<u64> {
        RUNS.one();
        n.checked_sub(100)
    }
    everywhere(|w| {
        nothing(1);
        nothing(1);
        assert_eq!(RUNS.take(), 2);
        w.cache.clear().unwrap();
        nothing(1);
        assert_eq!(RUNS.take(), 1);
        assert_eq!((nothing(101), nothing(101)), (Some(1), Some(1)));
        assert_eq!(RUNS.take(), 1);
    });
}

#[test]
fn case_153_a_forced_update_replaces_what_is_cached() {
    static FORCED: AtomicBool = AtomicBool::new(false);
    #[memoize(timeout = 5, forced_update = || FORCED.load(SeqCst))]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        FORCED.store(false, SeqCst);
        let first = big_foo(5, 2);
        assert_eq!(big_foo(5, 2), first);
        FORCED.store(true, SeqCst);
        let second = big_foo(5, 2);
        assert_ne!(second, first);
        FORCED.store(false, SeqCst);
        assert_eq!(big_foo(5, 2), second);
    });
}

#[test]
fn case_154_a_forced_update_is_asked_once_for_each_call_with_its_arguments() {
    static ASKED: Count = Count::new();
    static SUM: AtomicU64 = AtomicU64::new(0);
    #[memoize(forced_update = |a, b| { ASKED.one(); SUM.store(*a + *b, SeqCst); *a == 5 })]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        ASKED.take();
        let first = big_foo(5, 2);
        assert_eq!((ASKED.take(), SUM.load(SeqCst)), (1, 7));
        assert_ne!(big_foo(5, 2), first);
        assert_eq!((ASKED.take(), SUM.load(SeqCst)), (1, 7));
        let other = big_foo(6, 2);
        assert_eq!((ASKED.take(), SUM.load(SeqCst)), (1, 8));
        assert_eq!(big_foo(6, 2), other);
        assert_eq!(ASKED.take(), 1);
    });
}

#[test]
fn case_155_what_is_stale_runs_again() {
    static STALE: AtomicBool = AtomicBool::new(false);
    static ASKED: Count = Count::new();
    #[memoize(is_stale = |_| { ASKED.one(); STALE.load(SeqCst) })]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    everywhere(|_| {
        STALE.store(false, SeqCst);
        ASKED.take();
        let first = f(1);
        assert_eq!(ASKED.take(), 0, "it is not asked on a miss");
        assert_eq!(f(1), first);
        assert_eq!(ASKED.take(), 1);
        STALE.store(true, SeqCst);
        let second = f(1);
        assert_ne!(second, first);
        STALE.store(false, SeqCst);
        assert_eq!(f(1), second);
    });
}

#[test]
fn case_156_is_stale_may_ask_for_the_arguments() {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    #[memoize(is_stale = |value, a, b| { SEEN.store(value.1 * 10_000 + *a * 100 + *b, SeqCst); false })]
    fn f(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let first = f(5, 2);
        f(5, 2);
        assert_eq!(SEEN.load(SeqCst), first.1 * 10_000 + 502);
    });
}

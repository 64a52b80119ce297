//! 1I: what an annotated function asks of a backend outside this process: one round trip for a hit, stamp included.

use cachekit::testing::Scope;
use cachekit::{cached, delete_memoized, delete_memoized_verhash, memoize};

use crate::backends::Recording;
use crate::world::fresh;

fn recorded(case: impl FnOnce(&Recording)) {
    let recording = Recording::default();
    Scope::new(recording.cache()).run(|| case(&recording));
}

#[test]
fn case_191_a_cached_function() {
    #[cached(key_prefix = "f")]
    fn f() -> u64 {
        fresh()
    }
    recorded(|backend| {
        let first = f();
        assert_eq!(backend.take(), ["get 1", "compare_and_set 1"]);
        assert_eq!(f(), first);
        assert_eq!(backend.take(), ["get 1"]);
    });
}

#[test]
fn case_192_a_cached_none_takes_no_more() {
    #[cached(key_prefix = "f", cache_none)]
    fn f() -> Option<u64> {
        None
    }
    recorded(|backend| {
        f();
        assert_eq!(backend.take(), ["get 1", "compare_and_set 1"]);
        f();
        assert_eq!(backend.take(), ["get 1"]);
    });
}

#[test]
fn case_193_a_memoized_function() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    recorded(|backend| {
        let first = f(1);
        assert_eq!(backend.take(), ["add 1", "get 2", "compare_and_set 1"]);
        assert_eq!(f(1), first);
        assert_eq!(backend.take(), ["get 2"]);
        f(2);
        assert_eq!(backend.take(), ["get 2", "compare_and_set 1"], "the stamp is there already");
    });
}

#[test]
fn case_193_a_memoized_method() {
    #[derive(Hash)]
    struct Adder(u64);
    impl Adder {
        #[memoize]
        fn add(&self, n: u64) -> (u64, u64) {
            (self.0 + n, fresh())
        }
    }
    recorded(|backend| {
        Adder(1).add(2);
        assert_eq!(backend.take(), ["add 1", "add 1", "get 3", "compare_and_set 1"]);
        Adder(1).add(2);
        assert_eq!(backend.take(), ["get 3"]);
    });
}

#[test]
fn cases_194_195_196_197_forgetting() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    recorded(|backend| {
        f(1);
        backend.take();
        assert!(delete_memoized!(f, 1).unwrap());
        assert_eq!(backend.take(), ["get 1", "set 1"], "a tombstone takes its place");
        delete_memoized!(f).unwrap();
        assert_eq!(backend.take(), ["set 1"], "a new stamp");
        delete_memoized_verhash!(f).unwrap();
        assert_eq!(backend.take(), ["delete 1"], "no stamp");
        let first = f(1);
        assert_eq!(f(1), first);
    });
}

#[test]
fn case_356_a_null_cache_is_not_asked() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    let recording = Recording::null();
    Scope::new(recording.cache()).run(|| {
        assert_ne!(f(1), f(1));
        delete_memoized!(f).unwrap();
        delete_memoized!(f, 1).unwrap();
        assert_eq!(f::peek(1), None);
    });
    assert_eq!(recording.take(), [""; 0]);
    Scope::new(cachekit::Cache::builder().backend(cachekit::NullCache).build())
        .run(|| assert_ne!(f(1), f(1)));
}

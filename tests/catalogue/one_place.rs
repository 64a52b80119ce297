//! A key lives in one place: what a function stores, the cache sees, and the other way round.

use cachekit::{ErrorKind, cached, delete_memoized, memoize};

use crate::world::{as_bytes, everywhere, fresh};

fn text() -> String {
    fresh().to_string()
}

#[test]
fn two_functions_with_one_key_share_it() {
    #[cached(key_prefix = "shared")]
    fn one() -> String {
        text()
    }
    #[cached(key_prefix = "shared")]
    fn two() -> String {
        text()
    }
    everywhere(|_| {
        let first = one();
        assert_eq!(two(), first);
        let second = two::refresh();
        assert_eq!(one(), second);
        assert!(one::delete_cached().unwrap());
        assert_eq!(two::peek(), None);
        assert_ne!(two(), second);
    });
}

#[test]
fn a_cached_function_sees_what_is_set_under_its_key() {
    #[cached(key_prefix = "shared")]
    fn f() -> String {
        text()
    }
    everywhere(|w| {
        f();
        w.cache.set("shared", "mine", 0).unwrap();
        assert_eq!((f(), f::peek()), ("mine".to_owned(), Some("mine".to_owned())));
        assert!(!w.cache.add("shared", "another", 0).unwrap());
        assert!(w.cache.delete("shared").unwrap());
        let computed = f();
        assert_ne!(computed, "mine");
        assert!(!w.cache.add("shared", "another", 0).unwrap());
        assert_eq!(w.cache.get::<String>("shared").unwrap(), Some(computed));
        assert!(w.cache.has("shared").unwrap());
        w.cache.clear().unwrap();
        assert!(w.cache.add("shared", "another", 0).unwrap());
        assert_eq!(f(), "another");
        assert!(f::delete_cached().unwrap());
        assert_ne!(f(), "another");
    });
}

#[test]
fn an_integer_is_seen_like_any_other_value() {
    #[cached(key_prefix = "shared")]
    fn cached_integer() -> u64 {
        fresh()
    }
    #[memoize]
    fn memoized_integer(n: u64) -> u64 {
        n + fresh()
    }
    everywhere(|w| {
        w.cache.set("shared", &7_u64, 0).unwrap();
        assert_eq!(cached_integer(), 7);
        w.cache.set(&memoized_integer::make_cache_key(1), &7_u64, 0).unwrap();
        assert_eq!(memoized_integer(1), 7);
    });
}

#[test]
fn a_memoized_function_sees_what_is_set_under_its_key() {
    #[memoize]
    fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    everywhere(|w| {
        let key = f::make_cache_key(1);
        let mine = (1, "mine".to_owned());
        let computed = f(1);
        assert!(w.cache.has(&key).unwrap());
        assert!(!w.cache.add(&key, &mine, 0).unwrap());
        assert_eq!(w.cache.get(&key).unwrap(), Some(computed));
        w.cache.set(&key, &mine, 0).unwrap();
        assert_eq!((f(1), f::peek(1)), (mine.clone(), Some(mine.clone())));
        assert!(w.cache.delete(&key).unwrap());
        assert_ne!(f(1), mine);
    });
}

/// What was set for a function is forgotten with what it computed.
#[test]
fn what_is_set_under_the_key_of_a_call_is_forgotten_with_the_call() {
    #[memoize]
    fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    everywhere(|w| {
        let mine = (1, "mine".to_owned());
        w.cache.set(&f::make_cache_key(1), &mine, 0).unwrap();
        assert_eq!(f(1), mine);
        assert!(delete_memoized!(f, 1).unwrap());
        assert_ne!(f(1), mine);
    });
}

#[test]
fn what_is_set_under_the_key_of_a_call_is_forgotten_with_the_function() {
    #[memoize]
    fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    everywhere(|w| {
        let mine = (1, "mine".to_owned());
        w.cache.set(&f::make_cache_key(1), &mine, 0).unwrap();
        assert_eq!(f(1), mine);
        delete_memoized!(f).unwrap();
        assert_ne!(f(1), mine);
    });
}

/// The place of a forgotten call is kept for a while, so that a late writer cannot take it. It is no value.
#[test]
fn the_place_of_a_forgotten_call_is_empty() {
    #[memoize]
    fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    everywhere(|w| {
        let key = f::make_cache_key(1);
        f(1);
        assert!(delete_memoized!(f, 1).unwrap());
        assert!(!w.cache.has(&key).unwrap());
        assert_eq!(w.cache.get::<(u64, String)>(&key).unwrap(), None);
        assert_eq!(f::peek(1), None);
        assert!(!delete_memoized!(f, 1).unwrap(), "once is enough");
        assert!(!w.cache.delete(&key).unwrap(), "there is nothing to delete");
        let mine = (1, "mine".to_owned());
        assert!(w.cache.add(&key, &mine, 0).unwrap());
        assert_eq!(f(1), mine);
    });
}

#[test]
fn a_value_of_another_type_is_a_miss() {
    #[cached(key_prefix = "shared")]
    fn number() -> u64 {
        fresh()
    }
    #[cached(key_prefix = "shared")]
    fn words() -> String {
        text()
    }
    everywhere(|w| {
        let first = number();
        assert_eq!(words::peek(), None);
        assert_eq!(w.cache.get::<String>("shared").unwrap(), None);
        let second = words();
        assert_eq!((words(), number::peek()), (second, None));
        assert_ne!(number(), first);
    });
}

#[test]
fn what_was_forgotten_does_not_come_back_from_the_bytes() {
    #[memoize]
    fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    as_bytes(|w| {
        let first = f(1);
        let name = w.cache.backend_key(&f::make_cache_key(1));
        let bytes = w.cache.backend().get_many(&[&name]).unwrap().remove(0).unwrap();
        delete_memoized!(f).unwrap();
        w.cache.backend().set_many(&[(&name, &bytes)], None).unwrap();
        assert_ne!(f(1), first, "a late writer's entry is dead");
        // The key is the only thing that says whose the bytes are.
        let other = w.cache.backend_key(&f::make_cache_key(2));
        w.cache.backend().set_many(&[(&other, &bytes)], None).unwrap();
        assert_eq!(f(2).0, 2, "an entry under another call's key is no value of that call");
    });
}

#[test]
fn a_function_does_not_count() {
    #[cached(key_prefix = "shared")]
    fn f() -> String {
        text()
    }
    everywhere(|w| {
        f();
        assert_eq!(w.cache.inc("shared", 1).unwrap_err().kind(), ErrorKind::Type, "{}", w.name);
    });
}

#[memoize(make_cache_key = |a, b| format!("sum:{}", *a + *b))]
fn sum(a: u64, b: u64) -> (u64, String) {
    (a + b, text())
}

#[test]
fn what_is_under_a_memoized_key_of_ones_own_is_seen_by_the_cache() {
    everywhere(|w| {
        let computed = sum(5, 2);
        assert_eq!(w.cache.get("sum:7").unwrap(), Some(computed));
    });
}

#[test]
fn what_is_set_under_a_memoized_key_of_ones_own_is_seen_and_forgotten_with_the_call() {
    everywhere(|w| {
        let mine = (7, "mine".to_owned());
        w.cache.set("sum:7", &mine, 0).unwrap();
        assert_eq!(sum(5, 2), mine);
        assert!(delete_memoized!(sum, 3, 4).unwrap());
        assert_ne!(sum(5, 2), mine);
    });
}

/// A key of one's own does not say whose it is, so what a user sets there is the user's to forget, by that key.
#[test]
fn what_is_set_under_a_memoized_key_of_ones_own_is_forgotten_by_that_key() {
    everywhere(|w| {
        let mine = (7, "mine".to_owned());
        w.cache.set("sum:7", &mine, 0).unwrap();
        sum(5, 2);
        assert!(w.cache.delete("sum:7").unwrap(), "{}", w.name);
        assert_ne!(sum(5, 2), mine, "{}", w.name);
    });
}

/// A key says of which function it is, not of which instance: the method computes rather than trust it.
#[test]
fn what_is_set_under_the_key_of_a_method_is_never_served_after_its_instance_was_forgotten() {
    #[derive(Hash)]
    struct Adder(u64);
    impl Adder {
        #[memoize]
        fn add(&self, n: u64) -> (u64, String) {
            (self.0 + n, text())
        }
    }
    everywhere(|w| {
        let one = Adder(1);
        let mine = (3, "mine".to_owned());
        w.cache.set(&one.add_make_cache_key(2), &mine, 0).unwrap();
        assert_eq!(w.cache.get(&one.add_make_cache_key(2)).unwrap(), Some(mine.clone()));
        delete_memoized!(one.add).unwrap();
        assert_ne!(one.add(2), mine);
        let computed = one.add(2);
        assert_eq!(w.cache.get(&one.add_make_cache_key(2)).unwrap(), Some(computed));
        w.cache.set(&one.add_make_cache_key(2), &mine, 0).unwrap();
        assert!(delete_memoized!(one.add, 2).unwrap());
        assert_ne!(one.add(2), mine);
        assert_eq!(one.add(2), one.add(2));
    });
}

#[tokio::test]
async fn the_async_flavour_keeps_one_place_too() {
    #[memoize]
    async fn f(n: u64) -> (u64, String) {
        (n, text())
    }
    let bytes = cachekit::testing::Faulty::new(cachekit::SimpleCache::new());
    for cache in [cachekit::Cache::builder().build(), cachekit::Cache::builder().backend(bytes).build()] {
        let work = async {
            let key = f::make_cache_key(1);
            let (first, mine) = (f(1).await, (1, "mine".to_owned()));
            assert_eq!(cache.get_async(&key).await.unwrap(), Some(first));
            cache.set_async(&key, &mine, 0).await.unwrap();
            assert_eq!((f(1).await, f::peek(1).await), (mine.clone(), Some(mine.clone())));
            assert!(f::delete_memoized_with(1).await.unwrap());
            assert_ne!(f(1).await, mine);
            cache.set_async(&key, &mine, 0).await.unwrap();
            f::delete_memoized().await.unwrap();
            assert_ne!(f(1).await, mine);
            f::delete_memoized_verhash().await.unwrap();
            assert_eq!(f(1).await, f(1).await);
            assert_ne!(f::uncached(1).await, f(1).await);
            let refreshed = f::refresh(1).await;
            assert_eq!(f(1).await, refreshed);
        };
        cachekit::testing::Scope::new(cache.clone()).run_async(work).await;
    }
}

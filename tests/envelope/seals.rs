//! Sealed caches take nothing that was not sealed for its key.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cachekit::{Cache, CacheBuilder, Config, ErrorKind, Seal, cached, delete_memoized, memoize};

use crate::helper::{Parts, Shelf, with};

const OLD: [u8; 32] = [0xA1; 32];
const NEW: [u8; 32] = [0xB2; 32];

#[memoize]
fn double(n: u64) -> u64 {
    n * 2
}

#[cached(key_prefix = "counter")]
fn counter() -> u64 {
    1
}

fn builders() -> [fn(CacheBuilder) -> CacheBuilder; 2] {
    [
        |builder| builder.seal(Seal::hmac([("old", OLD)]).unwrap()),
        |builder| builder.seal(Seal::aead([("old", OLD)]).unwrap()),
    ]
}

fn finished<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("this store waits for nothing"),
    }
}

#[test]
fn sealed_values_come_back() {
    for build in builders() {
        let cache = Shelf::default().cache(build);
        cache.set("text", "hello", 60).unwrap();
        assert_eq!(cache.get::<String>("text").unwrap().as_deref(), Some("hello"));
        assert!(cache.has("text").unwrap() && !cache.add("text", "other", 60).unwrap());
        assert_eq!(cache.get_or_insert_with("number", 60, || 7), 7);
        assert_eq!(cache.get_or_insert_with("number", 60, || 8), 7);
        finished(cache.set_async("text", "later", 60)).unwrap();
        assert_eq!(finished(cache.get_async::<String>("text")).unwrap().as_deref(), Some("later"));
        with(&cache, || {
            assert_eq!(double(4), 8);
            assert_eq!(double::peek(4), Some(8));
            assert!(delete_memoized!(double, 4).unwrap());
            assert_eq!(double::peek(4), None);
            assert_eq!(double(4), 8);
            assert_eq!(double::peek(4), Some(8));
        });
        assert_eq!(cache.refusals().total(), 0);
    }
}

#[test]
fn what_is_not_sealed_is_a_miss() {
    for build in builders() {
        let shelf = Shelf::default();
        let (open, sealed) = (shelf.cache(|builder| builder), shelf.cache(build));
        open.set("text", "hello", 60).unwrap();
        open.set("integer", &41, 60).unwrap();
        open.set("counter", &41, 60).unwrap();
        let call = with(&open, || {
            double(4);
            double::make_cache_key(4)
        });
        shelf.put("garbage", *b"?");

        assert_eq!(sealed.get::<String>("text").unwrap(), None);
        assert_eq!(sealed.get::<i64>("integer").unwrap(), None);
        assert!(!sealed.has("text").unwrap() && !sealed.has("integer").unwrap());
        with(&sealed, || {
            assert_eq!(double::peek(4), None);
            assert_eq!(counter::peek(), None, "an integer under an open key");
            assert_eq!(counter(), 1);
            assert_eq!(counter::peek(), Some(1));
        });
        for key in ["text", "integer", "garbage"] {
            assert!(sealed.add(key, "sealed", 60).unwrap(), "nothing that counts is under {key}");
            assert_eq!(sealed.get::<String>(key).unwrap().as_deref(), Some("sealed"));
        }
        assert!(sealed.refusals().other_seal > 0 && sealed.refusals().foreign > 0);

        with(&sealed, || double(4));
        assert_eq!(open.get::<u64>(&call).unwrap(), None, "nor does an open cache read what is sealed");
        assert_eq!(open.refusals().other_seal, 1);
    }
}

#[test]
fn a_seal_is_for_one_key() {
    for build in builders() {
        let shelf = Shelf::default();
        let cache = shelf.cache(build);
        let (four, five) = with(&cache, || {
            double(4);
            double(5);
            (double::make_cache_key(4), double::make_cache_key(5))
        });
        cache.set("a", "of a", 60).unwrap();
        cache.set("b", "of b", 60).unwrap();
        for (from, to) in [("a", "b"), (&*four, &*five)] {
            shelf.put(to, shelf.get(from).unwrap());
        }
        assert_eq!(cache.get::<String>("b").unwrap(), None);
        assert_eq!(with(&cache, || double::peek(5)), None);
        assert_eq!(cache.refusals().forged, 2);

        // The prefix is part of the key, and where it ends is too.
        let prefixed = shelf.cache(|builder| build(builder).key_prefix("x:"));
        shelf.put("x:a", shelf.get("a").unwrap());
        assert_eq!(prefixed.get::<String>("a").unwrap(), None);
    }
}

#[test]
fn keys_rotate() {
    let shelf = Shelf::default();
    let with_keys = |keys: &[(&str, [u8; 32])]| {
        let seal = Seal::aead(keys.iter().copied()).unwrap();
        shelf.cache(|builder| builder.seal(seal))
    };
    let get = |cache: &Cache, key| cache.get::<String>(key).unwrap();

    let first = with_keys(&[("old", OLD)]);
    first.set("a", "by old", 60).unwrap();
    // All know the new key before anybody uses it.
    let second = with_keys(&[("old", OLD), ("new", NEW)]);
    second.set("b", "by old too", 60).unwrap();
    assert_eq!(get(&first, "b").as_deref(), Some("by old too"));
    let third = with_keys(&[("new", NEW), ("old", OLD)]);
    third.set("c", "by new", 60).unwrap();
    assert_eq!(get(&second, "c").as_deref(), Some("by new"));
    assert_eq!(get(&third, "a").as_deref(), Some("by old"));
    assert_eq!(get(&first, "c"), None);
    assert_eq!(first.refusals().unknown_key, 1);

    let last = with_keys(&[("new", NEW)]);
    assert_eq!(get(&last, "a"), None);
    assert_eq!(get(&last, "c").as_deref(), Some("by new"));
    // An id is not what decides.
    assert_eq!(get(&with_keys(&[("new", OLD)]), "c"), None);
}

#[test]
fn a_sealed_cache_does_not_count() {
    for build in builders() {
        let cache = Shelf::default().cache(build);
        for result in [cache.inc("n", 1), cache.dec("n", 1), finished(cache.inc_async("n", 1))] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("sealed cache cannot count"), "{error}");
        }
        // Integers are values as all others, of whatever width they are asked for.
        cache.set("n", &41_u8, 60).unwrap();
        assert_eq!(cache.get::<i64>("n").unwrap(), Some(41));
        assert_eq!(cache.get::<String>("n").unwrap(), None);
        cache.set("counter", &41_i64, 60).unwrap();
        assert_eq!(with(&cache, counter), 41);
    }
}

/// Something of the old value under its own key is what a seal cannot tell from the current one; stamps can.
#[test]
fn what_was_invalidated_stays_so_although_it_is_put_back() {
    let shelf = Shelf::default();
    let cache = shelf.cache(builders()[0]);
    with(&cache, || {
        double(4);
        let key = double::make_cache_key(4);
        let old = shelf.get(&key).unwrap();
        delete_memoized!(double).unwrap();
        shelf.put(&key, old);
        assert_eq!(double::peek(4), None);
    });
}

#[test]
fn keys_are_never_shown() {
    let secret = [0xAB; 32];
    for (text, seal) in
        [("hmac", Seal::hmac([("id-1", secret)]).unwrap()), ("aead", Seal::aead([("id-1", secret)]).unwrap())]
    {
        let config = Config::new()
            .set("CACHE_SEAL", text)
            .and_then(|config| config.set("CACHE_SEAL_KEYS", &format!("id-1:{}", "ab".repeat(32))))
            .unwrap();
        let cache = Cache::builder().config(&config).build();
        for shown in [
            format!("{seal:?}"),
            format!("{:?}", Config::new().seal(seal.clone())),
            format!("{config:?}"),
            format!("{:?}", Cache::builder().config(&config)),
            format!("{cache:?}"),
        ] {
            assert!(shown.contains("id-1"), "{shown}");
            let shown = shown.to_lowercase();
            assert!(!shown.contains("abab") && !shown.contains("171, 171"), "{shown}");
        }
    }
}

#[test]
fn bad_keys_are_errors() {
    let says = |result: Result<Seal, cachekit::Error>, expected: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(expected), "{error}");
    };
    says(Seal::hmac([("", OLD)]), "1 to 32 letters");
    says(Seal::hmac([("a b", OLD)]), "1 to 32 letters");
    says(Seal::hmac([("x".repeat(33), OLD)]), "1 to 32 letters");
    says(Seal::hmac([("a", [0_u8; 31])]), "the key a has 31 bytes; expected 32 bytes or more");
    says(Seal::aead([("a", [0_u8; 33])]), "the key a has 33 bytes; expected exactly 32 bytes");
    says(Seal::aead([("a", OLD), ("a", NEW)]), "two keys have the id a");
    says(Seal::aead(Vec::<(String, Vec<u8>)>::new()), "a seal needs a key");
}

#[test]
fn with_hmac_values_are_readable_and_with_aead_not() {
    for (build, readable) in builders().into_iter().zip([true, false]) {
        let shelf = Shelf::default();
        shelf.cache(build).set("key", "plain to see", 60).unwrap();
        let entry = shelf.get("key").unwrap();
        assert_eq!(entry.windows(12).any(|window| window == b"plain to see"), readable);
        assert_eq!(Parts::of(&entry).flags & 1, 0);
    }
}

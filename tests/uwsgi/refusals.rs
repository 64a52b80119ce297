//! What uWSGI refuses without a word is told to the caller: case 351.

use cachekit::{Backend, Cache, ErrorKind};
use cachekit_tests::servers::Uwsgi;

use crate::backend::{PATIENT, config, store};

#[test]
fn case_351_a_full_cache_is_no_silence() {
    let Some(server) = Uwsgi::builder().items(20).blocksize(4096).start() else { return };
    let store = store(&server, 4096);
    let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"value"[..])).collect();
    let stored = store.set_many(&items, None).unwrap();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(
        store.has_many(&keys).unwrap(),
        stored,
        "what is said to be stored is there, and nothing else"
    );
    let count = stored.iter().filter(|stored| **stored).count();
    assert!((1..20).contains(&count), "{count}");

    for refused in [
        store.set_many(&[("new", b"value")], None).map(drop),
        store.add("new", b"value", None).map(drop),
        store.increment("new", 1, None).map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(
            error.to_string().contains("full") && error.to_string().contains("cache: mycache"),
            "{error}"
        );
    }
    // What is there can be replaced, deleted and cleared.
    let there = keys[stored.iter().position(|stored| *stored).unwrap()];
    assert_eq!(store.set_many(&[(there, b"other")], None).unwrap(), [true]);
    store.clear("k").unwrap();
    assert_eq!(store.has_many(&keys).unwrap(), [false; 40]);
    assert_eq!(store.set_many(&[(there, b"anew")], None).unwrap(), [true]);
    assert_eq!(store.delete_many(&[there]).unwrap(), [true]);
    assert_eq!(store.set_many(&[("new", b"value")], None).unwrap(), [true]);
}

#[test]
fn case_351_a_value_that_is_too_large_is_no_silence() {
    let Some(server) = Uwsgi::builder().items(100).blocksize(4096).start() else { return };
    let large = vec![b'x'; 2_000_000];
    // The store knows the size of the blocks, or finds out.
    for configured in [4096, 10_000_000] {
        let store = store(&server, configured);
        store.set_many(&[("k", b"small")], None).unwrap();
        assert_eq!(store.set_many(&[("k", &large), ("other", b"small")], None).unwrap(), [false, true]);
        assert_eq!(store.get_many(&["k"]).unwrap(), [None], "what could not be replaced is gone");
        let error = store.set_many(&[("k", &large)], None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        assert_eq!(store.add("new", &large, None).unwrap_err().kind(), ErrorKind::NoSpace);
        assert_eq!(store.has_many(&["k", "new"]).unwrap(), [false, false]);
    }
    // To the byte.
    let store = store(&server, 4096);
    assert_eq!(store.set_many(&[("fits", &large[..4096 - 29])], None).unwrap(), [true]);
    assert_eq!(
        store.set_many(&[("fits", &large[..4096 - 28])], None).unwrap_err().kind(),
        ErrorKind::NoSpace
    );
}

#[test]
fn case_351_a_wrong_name_is_no_silence() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let store = config(server.address()).cache("nocache").deadlines(PATIENT).build().unwrap();
    assert_eq!(store.get_many(&["k"]).unwrap(), [None]);
    let refusals = [
        store.set_many(&[("k", b"v")], None).map(drop),
        store.add("k", b"v", None).map(drop),
        store.increment("k", 1, None).map(drop),
        store.clear(""),
    ];
    for refused in refusals {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert!(error.to_string().contains("cache: nocache"), "{error}");
    }
    let cache = Cache::from_url(&server.url_of("nocache")).unwrap();
    assert_eq!(cache.set("k", "v", 60).unwrap_err().kind(), ErrorKind::NoSpace);
}

#[test]
fn keys_that_uwsgi_has_no_room_for_are_an_error_alike() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let store = store(&server, 16_384);
    for key in ["", &"k".repeat(2049)] {
        let kinds = [
            store.get_many(&[key]).map(drop),
            store.has_many(&[key]).map(drop),
            store.set_many(&[(key, b"v")], None).map(drop),
            store.add(key, b"v", None).map(drop),
            store.increment(key, 1, None).map(drop),
            store.delete_many(&[key]).map(drop),
        ]
        .map(|outcome| outcome.map_err(|error| error.kind()));
        assert_eq!(kinds, [Err(ErrorKind::Invalid); 6], "{} bytes", key.len());
    }
    let longest = "k".repeat(2048);
    assert_eq!(store.set_many(&[(&longest, b"v")], None).unwrap(), [true]);
    assert_eq!(store.get_many(&[&longest]).unwrap(), [Some(b"v".to_vec())]);
}

//! Several caches of one server, several clients of one cache, and what is left of expired and cleared entries.

use std::time::Duration;

use cachekit::Backend;
use cachekit_tests::servers::Uwsgi;

use crate::backend::{PATIENT, config, store};

/// uWSGI's own `clear` of such a cache leaves most of it.
#[test]
fn clear_is_right_where_caches_differ_in_size() {
    let Some(server) = Uwsgi::builder().items(50).cache("large", "items=1000,blocksize=1024,lazy=1").start()
    else {
        return;
    };
    let of = |name: &str| {
        config(server.address()).cache(name).max_value_size(1024).deadlines(PATIENT).build().unwrap()
    };
    let (small, large) = (of(Uwsgi::CACHE), of("large"));
    let keys: Vec<String> =
        (0..400).map(|n| format!("{}:{n}", if n % 2 == 0 { "even" } else { "odd" })).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"v"[..])).collect();
    assert!(large.set_many(&items, None).unwrap().iter().all(|stored| *stored));
    small.set_many(&[("even:0", b"of the other cache")], None).unwrap();

    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    large.clear("even:").unwrap();
    assert_eq!(large.has_many(&keys).unwrap(), [false, true].repeat(200));
    assert_eq!(small.get_many(&["even:0"]).unwrap(), [Some(b"of the other cache".to_vec())]);
    large.clear("").unwrap();
    assert_eq!(large.has_many(&keys).unwrap(), [false; 400]);
    assert_eq!(small.has_many(&["even:0"]).unwrap(), [true]);
}

#[test]
fn what_one_client_clears_is_gone_for_others_who_go_on_writing() {
    let Some(server) = Uwsgi::builder().items(1000).start() else { return };
    let (one, other) = (store(&server, 16_384), store(&server, 16_384));
    other.set_many(&[("a:1", b"old"), ("b:1", b"old")], None).unwrap();
    for round in 0..5 {
        one.clear("a:").unwrap();
        assert_eq!(other.has_many(&["a:1", "b:1"]).unwrap(), [false, true], "{round}");
        // The other one does not know of the new epoch yet where it has not looked since.
        one.clear("a:").unwrap();
        assert_eq!(other.set_many(&[("a:1", b"new")], None).unwrap(), [true]);
        assert_eq!(one.get_many(&["a:1"]).unwrap(), [Some(b"new".to_vec())], "{round}");
        one.clear("a:").unwrap();
        assert!(other.add("a:1", b"added", None).unwrap(), "{round}");
        assert_eq!(one.get_many(&["a:1"]).unwrap(), [Some(b"added".to_vec())], "{round}");
        one.clear("a:").unwrap();
        assert_eq!(other.increment("a:1", 7, None).unwrap(), 7, "{round}");
        assert_eq!(one.get_many(&["a:1"]).unwrap(), [Some(b"7".to_vec())], "{round}");
    }
}

/// Clearing is a change of one item that everybody changes.
#[test]
fn nobody_undoes_the_clearing_of_another() {
    let Some(server) = Uwsgi::builder().items(1000).start() else { return };
    std::thread::scope(|scope| {
        for client in 0..6 {
            let server = &server;
            scope.spawn(move || {
                let store = store(server, 16_384);
                let key = format!("{client}:k");
                for round in 0..10 {
                    assert_eq!(store.set_many(&[(&key, b"v")], None).unwrap(), [true]);
                    store.clear(&format!("{client}:")).unwrap();
                    assert_eq!(store.has_many(&[&key]).unwrap(), [false], "{client}, round {round}");
                }
            });
        }
    });
}

/// A cache without `lazy=1` keeps what is expired until its sweeper comes by, and refuses to add over it.
#[test]
fn an_expired_entry_that_was_not_swept_is_no_entry() {
    let Some(server) = Uwsgi::builder()
        .items(100)
        .cache("swept", "items=100,blocksize=1024")
        .option("cache-expire-freq", "3600")
        .start()
    else {
        return;
    };
    let store =
        config(server.address()).cache("swept").max_value_size(1024).deadlines(PATIENT).build().unwrap();
    let short = Some(Duration::from_millis(50));
    for key in ["get", "add", "count", "delete"] {
        assert!(store.add(key, b"1", short).unwrap());
    }
    std::thread::sleep(Duration::from_millis(3100));
    let raw = server.exchange(&[("cmd", "get"), ("key", "add"), ("cache", "swept")], b"");
    assert!(!raw.is_empty(), "this test needs an entry that was not swept");
    assert_eq!(store.has_many(&["get", "add"]).unwrap(), [false, false]);
    assert_eq!(store.get_many(&["get"]).unwrap(), [None]);
    assert!(store.add("add", b"2", None).unwrap());
    assert!(!store.add("add", b"3", None).unwrap());
    assert_eq!(store.get_many(&["add"]).unwrap(), [Some(b"2".to_vec())]);
    assert_eq!(store.increment("count", 5, None).unwrap(), 5);
    assert_eq!(store.delete_many(&["delete"]).unwrap(), [false]);
}

/// What evicts by use keeps lifetimes: they stand in the entry, where uWSGI itself loses them.
#[test]
fn lifetimes_hold_in_a_cache_that_evicts_what_was_not_used() {
    let Some(server) =
        Uwsgi::builder().items(100).cache("lru", "items=50,blocksize=1024,purge_lru=1").start()
    else {
        return;
    };
    let store =
        config(server.address()).cache("lru").max_value_size(1024).deadlines(PATIENT).build().unwrap();
    assert_eq!(store.set_many(&[("mortal", b"v")], Some(Duration::from_millis(800))).unwrap(), [true]);
    assert_eq!(store.set_many(&[("immortal", b"v")], None).unwrap(), [true]);
    assert_eq!(store.has_many(&["mortal", "immortal"]).unwrap(), [true, true]);
    std::thread::sleep(Duration::from_millis(900));
    assert_eq!(store.has_many(&["mortal", "immortal"]).unwrap(), [false, true]);
    for n in 0..200 {
        assert_eq!(
            store.set_many(&[(&format!("k{n}"), b"v")], Some(Duration::from_secs(60))).unwrap(),
            [true]
        );
    }
}

#[test]
fn what_other_programs_store_is_a_miss() {
    let Some(server) = Uwsgi::builder().items(100).start() else { return };
    let store = store(&server, 1024);
    let put = |key: &str, value: &[u8]| {
        let size = value.len().to_string();
        server.exchange(&[("cmd", "update"), ("key", key), ("size", &size), ("cache", Uwsgi::CACHE)], value)
    };
    for value in [&b"text"[..], b"CKf1", &[0; 10_000]] {
        assert!(!put("k", value).is_empty());
        assert_eq!(store.get_many(&["k"]).unwrap(), [None]);
        assert!(store.add("k", b"ours", None).unwrap(), "what is none of ours is in nobody's way");
        assert_eq!(store.get_many(&["k"]).unwrap(), [Some(b"ours".to_vec())]);
    }
    // Not even where the record of what was cleared belongs.
    assert!(!put("\u{1}cachekit:registry", b"noise").is_empty());
    assert_eq!(store.get_many(&["k"]).unwrap(), [None]);
    assert_eq!(store.set_many(&[("k", b"again")], None).unwrap(), [true]);
    assert_eq!(store.get_many(&["k"]).unwrap(), [Some(b"again".to_vec())]);
}

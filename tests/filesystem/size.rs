//! The threshold, eviction, and what becomes of expired entries.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cachekit_backends::{Backend, FileSystemConfig, Seen};

use super::helper::{delete, entry_files, get, scratch, set, set_for};

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

#[test]
fn the_threshold_holds_after_every_write() {
    for threshold in [1, 2, 3, 15, 16, 17, 100] {
        let s = scratch(threshold);
        for number in 0..3 * threshold + 20 {
            let key = number.to_string();
            set(&s.cache, &key, b"v");
            let files = entry_files(&s.dir).len();
            assert!(files <= threshold, "{files} files at threshold {threshold}");
            assert!(files >= (number + 1).min(threshold - threshold / 16), "{files} files after {number}");
            assert!(get(&s.cache, &key).is_some(), "the newest entry is never the one to go");
        }
    }
}

#[test]
fn what_was_written_longest_ago_goes_first() {
    let s = scratch(10);
    for number in 0..10 {
        set_for(&s.cache, &number.to_string(), b"v", MINUTE);
    }
    set_for(&s.cache, "0", b"again", MINUTE);
    assert_eq!(s.cache.increment("n", 1, None).unwrap(), 1);
    set_for(&s.cache, "new", b"v", MINUTE);
    assert_eq!(get(&s.cache, "1"), None);
    assert_eq!(get(&s.cache, "2"), None);
    for key in ["0", "3", "4", "5", "6", "7", "8", "9", "n", "new"] {
        assert!(get(&s.cache, key).is_some(), "{key}");
    }
}

#[test]
fn expired_entries_go_before_live_ones() {
    let s = scratch(10);
    for number in 0..5 {
        set(&s.cache, &format!("live {number}"), b"v");
    }
    for number in 0..5 {
        set_for(&s.cache, &format!("short {number}"), b"v", Some(Duration::from_secs(1)));
    }
    s.clock.advance(Duration::from_secs(1));
    set_for(&s.cache, "new", b"v", MINUTE);
    assert_eq!(entry_files(&s.dir).len(), 6);
    for number in 0..5 {
        assert!(get(&s.cache, &format!("live {number}")).is_some());
    }
}

#[test]
fn overwriting_never_evicts() {
    let s = scratch(4);
    for key in ["a", "b", "c", "d"] {
        set(&s.cache, key, b"v");
    }
    for round in 0..50 {
        for key in ["a", "b", "c", "d"] {
            set(&s.cache, key, &[round]);
            assert_eq!(entry_files(&s.dir).len(), 4);
        }
    }
}

#[test]
fn room_that_was_made_is_used() {
    let s = scratch(100);
    for number in 0..100 {
        set(&s.cache, &number.to_string(), b"v");
    }
    for number in 0..50 {
        assert!(delete(&s.cache, &number.to_string()));
        set(&s.cache, &format!("new {number}"), b"v");
        assert_eq!(s.cache.entries(), Some(100), "nothing is evicted while there is room");
    }
}

#[test]
fn the_greater_part_goes_even_if_it_never_expires() {
    let s = scratch(10);
    for number in 0..10 {
        set(&s.cache, &format!("immortal {number}"), b"v");
    }
    for number in 0..6 {
        set_for(&s.cache, &format!("timed {number}"), b"v", MINUTE);
    }
    assert_eq!(s.cache.entries(), Some(10));
    assert!((1..6).all(|number| get(&s.cache, &format!("timed {number}")).is_some()));
    assert_eq!(get(&s.cache, "immortal 0"), None);
}

#[test]
fn an_expired_entry_is_removed_when_it_is_read() {
    let s = scratch(500);
    for read in 0..5 {
        set_for(&s.cache, "k", b"1", Some(Duration::from_secs(1)));
        s.clock.advance(Duration::from_secs(1));
        assert_eq!(entry_files(&s.dir).len(), 1);
        match read {
            0 => assert_eq!(s.cache.get_many(&["k"]).unwrap(), [None]),
            1 => assert_eq!(s.cache.has_many(&["k"]).unwrap(), [false]),
            2 => assert_eq!(s.cache.delete_many(&["k"]).unwrap(), [false]),
            3 => assert!(!s.cache.compare_and_set("k", Some(Seen::new(b"1")), b"2", None).unwrap()),
            _ => s.cache.clear("unrelated").unwrap(),
        }
        assert_eq!(entry_files(&s.dir).len(), 0);
    }
}

#[test]
fn expired_entries_are_removed_without_being_asked_for() {
    for threshold in [0, 10_000] {
        let s = scratch(threshold);
        for number in 0..1000 {
            set_for(&s.cache, &format!("old {number}"), b"v", Some(Duration::from_secs(1)));
        }
        s.clock.advance(Duration::from_secs(2));
        assert_eq!(s.cache.entries(), Some(0), "what is expired is not counted");
        for number in 0..300 {
            set(&s.cache, &format!("new {number}"), b"v");
        }
        assert_eq!(s.cache.entries(), Some(300));
        assert_eq!(entry_files(&s.dir).len(), 300, "threshold {threshold}");
    }
}

#[test]
fn a_huge_folder_is_pruned_in_parts() {
    let s = scratch(0);
    let keys: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let items: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), b"v".as_slice())).collect();
    s.cache.set_many(&items, None).unwrap();
    let bounded = FileSystemConfig::new(&s.dir).threshold(4800).clock(s.clock.clock()).build().unwrap();
    for number in 0..10 {
        set(&bounded, &format!("new {number}"), b"v");
    }
    let left = entry_files(&s.dir).len();
    assert!((4500..=4800).contains(&left), "{left}");
    assert!((0..10).all(|number| get(&bounded, &format!("new {number}")).is_some()), "not what is newest");
}

#[test]
fn the_threshold_holds_among_threads() {
    let s = scratch(64);
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for thread in 0..8 {
            let (cache, start) = (&s.cache, &start);
            scope.spawn(move || {
                start.wait();
                for number in 0..100 {
                    set(cache, &format!("{thread} {number}"), b"v");
                }
            });
        }
    });
    let files = entry_files(&s.dir).len();
    assert!((32..=64).contains(&files), "{files}");
}

#[test]
fn two_caches_on_one_folder_do_not_drift_apart() {
    let s = scratch(160);
    let other = FileSystemConfig::new(&s.dir).threshold(160).clock(s.clock.clock()).build().unwrap();
    for number in 0..400 {
        set(&s.cache, &format!("one {number}"), b"v");
        set(&other, &format!("two {number}"), b"v");
        let files = entry_files(&s.dir).len();
        assert!(files <= 160 + 16, "{files} files, of which each cache may have missed 16");
    }
}

#[test]
fn increments_of_many_threads_all_count() {
    let s = scratch(500);
    thread::scope(|scope| {
        for _ in 0..8 {
            let cache = &s.cache;
            scope.spawn(move || {
                for _ in 0..50 {
                    cache.increment("n", 1, None).unwrap();
                }
            });
        }
    });
    assert_eq!(get(&s.cache, "n"), Some(b"400".to_vec()));
}

#[test]
fn increment_keeps_the_lifetime() {
    let s = scratch(500);
    assert_eq!(s.cache.increment("n", 1, Some(Duration::from_secs(10))).unwrap(), 1);
    s.clock.advance(Duration::from_secs(9));
    assert_eq!(s.cache.increment("n", 1, MINUTE).unwrap(), 2);
    s.clock.advance(Duration::from_secs(1));
    assert_eq!(get(&s.cache, "n"), None);
    assert_eq!(s.cache.increment("n", 5, MINUTE).unwrap(), 5);
}

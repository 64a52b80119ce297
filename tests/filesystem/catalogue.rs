//! The catalogue's cases that are about files; the number in a name is the case's.

use std::fs;
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, ErrorKind};

use super::helper::{
    Scratch, all_files, delete, entry_files, get, make_private, path_of, scratch, set, set_for, temp_files,
};

const SIX: [(&str, &[u8]); 6] =
    [("a", b"spam"), ("b", b"eggs"), ("c", b""), ("d", b"2048"), ("e", b"[]"), ("f", b"{}")];

fn six(threshold: usize) -> Scratch {
    let scratch = scratch(threshold);
    assert_eq!(scratch.cache.set_many(&SIX, None).expect("a write"), [true; 6]);
    scratch
}

#[test]
fn case_248_truncated_files_do_not_stop_the_next_set() {
    let s = scratch(1);
    set(&s.cache, "a", b"spam");
    for file in entry_files(&s.dir) {
        fs::write(file, b"").unwrap();
    }
    assert_eq!(s.cache.set_many(&SIX[1..3], None).unwrap(), [true; 2]);
    assert_eq!(get(&s.cache, "c"), Some(vec![]));
    assert_eq!(s.cache.entries(), Some(1));
    assert_eq!(all_files(&s.dir).len(), 1);
}

/// The original counts its own book-keeping file, hence its 4, and its 0 for an unbounded cache. Here a count counts.
#[test]
fn case_249_the_threshold_bounds_the_number_of_files() {
    let bounded = six(3);
    assert_eq!(entry_files(&bounded.dir).len(), 3);
    assert_eq!(bounded.cache.entries(), Some(3));
    bounded.cache.clear("").unwrap();
    assert_eq!(bounded.cache.entries(), Some(0));
    assert_eq!(six(0).cache.entries(), Some(6));
}

#[test]
fn case_250_clear_leaves_no_entry() {
    let s = six(500);
    assert_eq!(s.cache.entries(), Some(6));
    s.cache.clear("").unwrap();
    assert_eq!(s.cache.entries(), Some(0));
    assert!(all_files(&s.dir).is_empty(), "{:?}", all_files(&s.dir));
}

#[test]
fn case_251_overwrites_are_not_counted() {
    let s = six(6);
    assert_eq!(s.cache.set_many(&SIX, None).unwrap(), [true; 6]);
    assert_eq!(s.cache.entries(), Some(6));
    assert_eq!(entry_files(&s.dir).len(), 6);
}

/// The original tries again for ten seconds, for the sake of network drives of another system. Here the caller is told
/// at once: it can compute without the cache, and it must not wait for it.
#[test]
fn cases_253_to_257_failures_are_answered_and_not_tried_again() {
    let s = scratch(500);
    make_private(&path_of(&s.dir, "blocked"));
    let start = Instant::now();
    let error = s.cache.set_many(&[("blocked", b"v")], None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert!(start.elapsed() < Duration::from_secs(2), "no time for ten seconds of patience");
    assert_eq!(s.cache.set_many(&[("blocked", b"v"), ("free", b"v")], None).unwrap(), [false, true]);
}

#[test]
fn cases_258_and_259_book_keeping_is_no_entry() {
    let s = six(500);
    let shard = entry_files(&s.dir)[0].parent().unwrap().to_owned();
    assert!(shard.join(".lock").exists(), "a lock file is there to be miscounted");
    assert_eq!(s.cache.entries(), Some(6));
    fs::remove_file(shard.join(".lock")).unwrap();
    assert_eq!(s.cache.entries(), Some(6));
    set(&s.cache, "g", b"");
    assert_eq!(s.cache.entries(), Some(7));
}

#[test]
fn case_260_an_expired_key_is_not_there() {
    let s = scratch(500);
    set_for(&s.cache, "k", b"v", Some(Duration::from_millis(1)));
    assert_eq!(s.cache.has_many(&["k"]).unwrap(), [true]);
    s.clock.advance(Duration::from_millis(1));
    assert_eq!(s.cache.has_many(&["k"]).unwrap(), [false]);
    assert!(!delete(&s.cache, "k"));
}

#[test]
fn case_331_what_never_expires_is_not_evicted_first() {
    let lives = [("immortal", None), ("long", Some(1_000_000)), ("short", Some(10))];
    // In whatever order they come.
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let s = scratch(2);
        for index in order {
            let (key, seconds) = lives[index];
            set_for(&s.cache, key, b"v", seconds.map(Duration::from_secs));
        }
        set_for(&s.cache, "more", b"v", Some(Duration::from_secs(60)));
        assert_eq!(s.cache.entries(), Some(2));
        assert!(get(&s.cache, "immortal").is_some(), "{order:?}");
        assert!(get(&s.cache, "more").is_some(), "{order:?}");
    }
}

#[test]
fn case_333_an_expired_entry_does_not_block_add() {
    let s = scratch(500);
    set_for(&s.cache, "k", b"old", Some(Duration::from_secs(1)));
    assert!(!s.cache.add("k", b"new", None).unwrap());
    s.clock.advance(Duration::from_secs(1));
    assert!(s.cache.add("k", b"new", None).unwrap());
    assert_eq!(get(&s.cache, "k"), Some(b"new".to_vec()));
}

#[test]
fn case_334_a_write_that_fails_leaves_no_file() {
    let s = scratch(500);
    make_private(&path_of(&s.dir, "blocked"));
    assert!(s.cache.set_many(&[("blocked", b"v")], None).is_err());
    assert!(s.cache.add("blocked", b"v", None).is_err());
    assert!(all_files(&s.dir).is_empty(), "{:?}", all_files(&s.dir));
}

#[test]
fn case_335_any_lifetime_is_possible() {
    let s = scratch(500);
    for lifetime in [Duration::from_secs(10_000_000_000), Duration::from_secs(u64::MAX), Duration::MAX] {
        set_for(&s.cache, "k", b"v", Some(lifetime));
        s.clock.advance(Duration::from_secs(86_400 * 365 * 20));
        assert_eq!(get(&s.cache, "k"), Some(b"v".to_vec()), "{lifetime:?}");
    }
    set_for(&s.cache, "k", b"v", Some(Duration::ZERO));
    assert_eq!(get(&s.cache, "k"), None);
    assert_eq!(temp_files(&s.dir).len(), 0);
}

#[test]
fn case_336_a_corrupt_value_is_a_miss_for_has_too_and_is_removed() {
    for look in ["has", "get"] {
        let s = scratch(500);
        set(&s.cache, "k", b"value");
        let file = path_of(&s.dir, "k");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        match look {
            "has" => assert_eq!(s.cache.has_many(&["k"]).unwrap(), [false]),
            _ => assert_eq!(s.cache.get_many(&["k"]).unwrap(), [None]),
        }
        assert!(!file.exists(), "removed by {look}");
    }
}

/// An unfinished file exists only under its shard's lock, so one that is seen under the lock is an orphan, however
/// young it is.
#[test]
fn case_338_orphaned_temporary_files_are_removed() {
    let s = six(500);
    let orphan = entry_files(&s.dir)[0].with_file_name(".cachekit-0123456789ab.tmp");
    fs::write(&orphan, b"torn").unwrap();
    s.cache.clear("no such key").unwrap();
    assert!(!orphan.exists(), "removed by clear");
    assert_eq!(s.cache.entries(), Some(6));

    fs::write(&orphan, b"torn").unwrap();
    cachekit_backends::FileSystemCache::open(&s.dir).unwrap();
    assert!(!orphan.exists(), "removed by open");
}

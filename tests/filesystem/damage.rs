//! Files that are not what was written: every deviation is a miss, and the file goes.

use std::fs;
use std::os::unix::fs::symlink;

use cachekit_backends::{Backend, ErrorKind, Seen};

use super::helper::{all_files, entry_files, get, make_private, path_of, scratch, set};

#[test]
fn a_file_truncated_at_any_length_is_a_miss_and_is_removed() {
    let s = scratch(500);
    set(&s.cache, "key", b"value");
    let file = path_of(&s.dir, "key");
    let whole = fs::read(&file).unwrap();
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(get(&s.cache, "key"), None, "{length} of {} bytes", whole.len());
        assert!(!file.exists(), "{length} of {} bytes", whole.len());
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(get(&s.cache, "key"), Some(b"value".to_vec()), "the whole file is a hit");
}

#[test]
fn a_file_with_any_bit_flipped_is_a_miss_and_is_removed() {
    let s = scratch(500);
    set(&s.cache, "key", b"value");
    let file = path_of(&s.dir, "key");
    let whole = fs::read(&file).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &flipped).unwrap();
        assert_eq!(get(&s.cache, "key"), None, "bit {bit}");
        assert!(!file.exists(), "bit {bit}");
    }
}

#[test]
fn a_file_with_bytes_too_many_is_a_miss_and_is_removed() {
    let s = scratch(500);
    set(&s.cache, "key", b"value");
    let file = path_of(&s.dir, "key");
    let mut longer = fs::read(&file).unwrap();
    longer.push(0);
    fs::write(&file, longer).unwrap();
    assert_eq!(get(&s.cache, "key"), None);
    assert!(!file.exists());
}

#[test]
fn a_length_that_lies_allocates_nothing() {
    let s = scratch(500);
    set(&s.cache, "key", b"value");
    let file = path_of(&s.dir, "key");
    let whole = fs::read(&file).unwrap();
    for at in [12, 16] {
        for lie in [u32::MAX, u32::MAX / 2, 1 << 30] {
            let mut lying = whole.clone();
            lying[at..at + 4].copy_from_slice(&lie.to_le_bytes());
            fs::write(&file, lying).unwrap();
            assert_eq!(get(&s.cache, "key"), None);
        }
    }
    let mut lying = whole;
    lying[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&file, lying).unwrap();
    assert_eq!(get(&s.cache, "key"), None);
}

#[test]
fn the_entry_of_another_key_is_a_miss() {
    let s = scratch(500);
    set(&s.cache, "mine", b"secret");
    let (mine, yours) = (path_of(&s.dir, "mine"), path_of(&s.dir, "your"));
    make_private(yours.parent().unwrap());
    fs::copy(&mine, &yours).unwrap();
    assert_eq!(get(&s.cache, "your"), None);
    assert!(!yours.exists());
    assert_eq!(get(&s.cache, "mine"), Some(b"secret".to_vec()));
}

#[test]
fn a_hard_link_is_judged_by_what_it_holds_and_only_its_name_goes() {
    let s = scratch(500);
    set(&s.cache, "a", b"v");
    let (a, b) = (path_of(&s.dir, "a"), path_of(&s.dir, "b"));
    make_private(b.parent().unwrap());
    fs::hard_link(&a, &b).unwrap();
    assert_eq!(get(&s.cache, "b"), None, "it holds another key");
    assert!(!b.exists());
    assert_eq!(get(&s.cache, "a"), Some(b"v".to_vec()));

    let document = s.dir.with_file_name("document");
    fs::write(&document, b"not a cache entry").unwrap();
    fs::hard_link(&document, &b).unwrap();
    assert_eq!(get(&s.cache, "b"), None);
    fs::hard_link(&document, &b).unwrap();
    set(&s.cache, "b", b"w");
    assert_eq!(fs::read(&document).unwrap(), b"not a cache entry", "the other name still has its bytes");
}

#[test]
fn damage_does_not_block_a_writer() {
    let damage: [fn(&std::path::Path); 3] = [
        |file| fs::write(file, b"").unwrap(),
        |file| fs::write(file, [b'x'; 1000]).unwrap(),
        |file| {
            let _ = fs::remove_file(file);
            symlink("/nowhere/at/all", file).unwrap();
        },
    ];
    for spoil in damage {
        let s = scratch(500);
        let file = path_of(&s.dir, "k");
        set(&s.cache, "k", b"1");
        spoil(&file);
        assert!(s.cache.add("k", b"2", None).unwrap());
        spoil(&file);
        assert!(!s.cache.compare_and_set("k", Some(Seen::new(b"")), b"3", None).unwrap());
        spoil(&file);
        assert!(s.cache.compare_and_set("k", None, b"3", None).unwrap());
        spoil(&file);
        assert_eq!(s.cache.increment("k", 4, None).unwrap(), 4);
        spoil(&file);
        assert_eq!(s.cache.delete_many(&["k"]).unwrap(), [false], "nothing live was there");
        set(&s.cache, "k", b"5");
        assert_eq!(get(&s.cache, "k"), Some(b"5".to_vec()));
        assert_eq!(all_files(&s.dir), [file]);
    }
}

#[test]
fn clear_by_prefix_removes_what_is_damaged() {
    let s = scratch(500);
    set(&s.cache, "keep", b"v");
    set(&s.cache, "spoilt", b"v");
    fs::write(path_of(&s.dir, "spoilt"), b"x").unwrap();
    s.cache.clear("other").unwrap();
    assert_eq!(entry_files(&s.dir), [path_of(&s.dir, "keep")]);
}

#[test]
fn any_key_and_any_value_will_do() {
    let s = scratch(0);
    let long = "k".repeat(100_000);
    let keys = [
        "",
        " ",
        "/",
        ".",
        "..",
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "CON",
        "nul.txt",
        "a\0b",
        "\n",
        "\u{1F980}",
        "ключ",
        "\\",
        "%00",
        ".lock",
        ".prune",
        "__wz_cache_count",
        &long,
    ];
    let big = vec![7; 400_000];
    for (number, key) in keys.iter().enumerate() {
        let value = [&big[..number * 20_000], key.as_bytes()].concat();
        set(&s.cache, key, &value);
        assert_eq!(get(&s.cache, key), Some(value), "{key:?}");
    }
    assert_eq!(s.cache.entries(), Some(keys.len()));
    assert_eq!(entry_files(&s.dir).len(), keys.len());
    assert_eq!(s.cache.delete_many(&keys).unwrap(), [true; 20]);
    set(&s.cache, "empty", b"");
    assert_eq!(get(&s.cache, "empty"), Some(vec![]));
}

#[test]
fn only_canonical_integers_can_be_incremented() {
    let s = scratch(500);
    let no_integers: [&[u8]; 9] =
        [b"", b"+1", b"01", b"-0", b" 1", b"1 ", b"1.5", b"9223372036854775808", b"\xff"];
    for text in no_integers {
        set(&s.cache, "k", text);
        assert_eq!(s.cache.increment("k", 1, None).unwrap_err().kind(), ErrorKind::Type, "{text:?}");
        assert_eq!(get(&s.cache, "k").as_deref(), Some(text), "left as it was");
    }
    set(&s.cache, "k", b"9223372036854775807");
    assert_eq!(s.cache.increment("k", 1, None).unwrap_err().kind(), ErrorKind::Type);
    assert_eq!(s.cache.increment("k", -1, None).unwrap(), i64::MAX - 1);
}

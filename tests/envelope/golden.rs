//! Golden files: what a store held when this format was released. A version that cannot read them fails here.
//!
//! Each file of `tests/golden` is a store: a name and its bytes per line. `CACHEKIT_BLESS=1 cargo test -p cachekit-tests
//! --test envelope golden` writes them anew, which only a new format justifies.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Once;

use cachekit::{Cache, CacheBuilder, Compression, Json, MessagePack, Seal, cached, delete_memoized, memoize};
use serde::{Deserialize, Serialize};

use crate::helper::{HEAD, Parts, Shelf, hex, unhex, with};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Page {
    title: String,
    words: Vec<u32>,
    rating: Option<f64>,
}

fn page_of(id: u64) -> Page {
    Page { title: format!("page {id}"), words: vec![1, 20, 300], rating: Some(0.5) }
}

thread_local! {
    /// How often a body ran on this thread.
    static COMPUTED: Cell<u32> = const { Cell::new(0) };
}

fn computed<T>(value: T) -> T {
    COMPUTED.set(COMPUTED.get() + 1);
    value
}

#[memoize(timeout = 60)]
fn page(id: u64) -> Page {
    computed(page_of(id))
}

#[memoize(timeout = 60, make_cache_key = |id| format!("page-{id}"))]
fn page_by_own_key(id: u64) -> Page {
    computed(page_of(id))
}

#[cached(timeout = 60, key_prefix = "front-page")]
fn front_page() -> Page {
    computed(page_of(1))
}

#[memoize(timeout = 60)]
fn long_text(id: u64) -> String {
    computed(format!("line {id}\n").repeat(500))
}

/// Longer than any version of this crate is asked to read its files.
#[memoize(timeout = "36500d", stale = "2d", fail_safe = "3d", tags = ["pages", "page:{id}"])]
fn lasting(id: u64) -> Page {
    computed(page_of(id))
}

#[derive(Hash)]
struct Site {
    id: u64,
}

impl Site {
    #[memoize(timeout = 60)]
    fn page(&self, id: u64) -> Page {
        computed(page_of(self.id + id))
    }
}

/// One file: how its cache is built, and what is written and read back. `write` and `check` are the same calls except
/// where something is stored by hand.
struct Golden {
    name: &'static str,
    build: fn(CacheBuilder) -> CacheBuilder,
    write: fn(&Cache),
    /// Panics if it does not find what was written.
    check: fn(&Cache),
}

impl Golden {
    const fn of_page(name: &'static str, build: fn(CacheBuilder) -> CacheBuilder) -> Self {
        let call = |_: &Cache| assert_eq!(page(7), page_of(7));
        Self { name, build, write: call, check: call }
    }

    const fn of_text(name: &'static str, build: fn(CacheBuilder) -> CacheBuilder) -> Self {
        let call = |_: &Cache| assert_eq!(long_text(7), "line 7\n".repeat(500));
        Self { name, build, write: call, check: call }
    }
}

fn hmac() -> Seal {
    Seal::hmac([("2026-11", [0x11; 32])]).unwrap()
}

fn aead() -> Seal {
    Seal::aead([("2026-11", [0x22; 32])]).unwrap()
}

fn set_integer(cache: &Cache) {
    cache.set("visits", &42_i32, 60).unwrap();
}

fn check_integer(cache: &Cache) {
    assert_eq!(cache.get::<u64>("visits").unwrap(), Some(42));
}

const GOLDEN: [Golden; 16] = [
    Golden::of_page("bincode", |builder| builder),
    Golden::of_page("json", |builder| builder.codec(Json)),
    Golden::of_page("msgpack", |builder| builder.codec(MessagePack)),
    Golden::of_page("prefix", |builder| builder.key_prefix("app:")),
    Golden::of_text("lz4", |builder| builder.compress(Compression::lz4())),
    Golden::of_text("zstd", |builder| builder.compress(Compression::zstd())),
    Golden::of_page("hmac", |builder| builder.seal(hmac())),
    Golden::of_page("aead", |builder| builder.seal(aead())),
    Golden::of_text("hmac-zstd", |builder| builder.seal(hmac()).compress(Compression::zstd())),
    Golden {
        name: "instance",
        build: |builder| builder,
        write: |_| assert_eq!(Site { id: 3 }.page(4), page_of(7)),
        check: |_| assert_eq!(Site { id: 3 }.page(4), page_of(7)),
    },
    Golden {
        name: "lasting",
        build: |builder| builder,
        write: |_| assert_eq!(lasting(7), page_of(7)),
        check: |cache| {
            assert_eq!(lasting(7), page_of(7));
            assert_eq!(cache.get(&lasting::make_cache_key(7)).unwrap(), Some(page_of(7)));
        },
    },
    Golden {
        name: "owner",
        build: |builder| builder,
        write: |_| assert_eq!(page_by_own_key(7), page_of(7)),
        check: |cache| {
            assert_eq!(page_by_own_key(7), page_of(7));
            assert_eq!(cache.get("page-7").unwrap(), Some(page_of(7)));
        },
    },
    Golden {
        name: "named",
        build: |builder| builder,
        write: |_| assert_eq!(front_page(), page_of(1)),
        check: |cache| {
            assert_eq!(front_page(), page_of(1));
            assert_eq!(cache.get("front-page").unwrap(), Some(page_of(1)));
        },
    },
    Golden {
        name: "user",
        build: |builder| builder,
        write: |cache| {
            cache.set("greeting", "hello", 60).unwrap();
            set_integer(cache);
        },
        check: |cache| {
            assert_eq!(cache.get::<String>("greeting").unwrap().as_deref(), Some("hello"));
            check_integer(cache);
        },
    },
    Golden {
        name: "sealed-integer",
        build: |builder| builder.seal(hmac()),
        write: set_integer,
        check: check_integer,
    },
    Golden {
        name: "tombstone",
        build: |builder| builder,
        write: |_| {
            page(7);
            delete_memoized!(page, 7).unwrap();
        },
        check: |cache| {
            let key = page::make_cache_key(7);
            assert!(!cache.has(&key).unwrap());
            assert_eq!(page::peek(7), None);
            assert_eq!(cache.refusals().total(), 0, "a tombstone is no damage");
        },
    },
];

fn path(golden: &Golden) -> PathBuf {
    PathBuf::from(format!("{}/golden/{}.txt", env!("CARGO_MANIFEST_DIR"), golden.name))
}

/// What a cache of today writes.
fn written(golden: &Golden, shelf: Shelf) -> Shelf {
    let cache = shelf.cache(golden.build);
    with(&cache, || (golden.write)(&cache));
    shelf
}

/// What the file says was written.
fn kept(golden: &Golden) -> Shelf {
    static BLESSING: Once = Once::new();
    if std::env::var_os("CACHEKIT_BLESS").is_some() {
        BLESSING.call_once(|| GOLDEN.iter().for_each(bless));
    }
    let path = path(golden);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        panic!("{}: {e}; a new kind of entry is written by CACHEKIT_BLESS=1", path.display())
    });
    let shelf = Shelf::default();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (name, bytes) = line.split_once(' ').unwrap();
        shelf.put(name, unhex(bytes));
    }
    shelf
}

fn bless(golden: &Golden) {
    let mut text =
        String::from("# A store: names and bytes. Written once per format; see tests/envelope/golden.rs.\n");
    for (name, bytes) in written(golden, Shelf::default()).all() {
        writeln!(text, "{name} {}", hex(&bytes)).unwrap();
    }
    std::fs::write(path(golden), text).unwrap();
}

#[test]
fn golden_entries_are_read() {
    for golden in &GOLDEN {
        let cache = kept(golden).cache(golden.build);
        let before = COMPUTED.get();
        with(&cache, || (golden.check)(&cache));
        assert_eq!(COMPUTED.get(), before, "{}: a body ran, so the entry was not read", golden.name);
        assert_eq!(cache.refusals().total(), 0, "{}: {:?}", golden.name, cache.refusals());
    }
}

/// What is the same in every write of the same value, by the documented layout.
fn fixed(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() < HEAD || bytes[..2] != [0xC5, 0x4B] {
        return bytes.to_vec();
    }
    let mut fixed = bytes[..5].to_vec();
    if bytes[3] & 1 == 1 {
        fixed.extend((bytes.len() as u64).to_le_bytes());
        return fixed;
    }
    let parts = Parts::of(bytes);
    if parts.flags >> 4 == 2 {
        // Encrypted: the id of the key, and how long all of it is.
        fixed.extend(&bytes[HEAD..parts.sealed.end - 24]);
        fixed.extend((bytes.len() as u64).to_le_bytes());
        return fixed;
    }
    fixed.extend(&bytes[parts.sealed]);
    // All but birth and compute time, and what a library compressed.
    let body = parts.body.start;
    fixed.extend(&bytes[body + 8..body + 16]);
    fixed.extend(&bytes[body + 24..parts.length.end]);
    if parts.flags & 0b1110 == 0 {
        fixed.extend(&bytes[parts.payload]);
    }
    fixed
}

#[test]
fn what_is_written_today_has_the_golden_layout() {
    for golden in &GOLDEN {
        let kept = kept(golden).all();
        // The stamps are random once, and then everybody's.
        let stamps = Shelf::default();
        kept.iter().filter(|(name, _)| name.ends_with(":stamp")).for_each(|(n, b)| stamps.put(n, &**b));
        let written = written(golden, stamps).all();
        assert_eq!(kept.keys().collect::<Vec<_>>(), written.keys().collect::<Vec<_>>(), "{}", golden.name);
        for (name, bytes) in kept {
            assert_eq!(fixed(&bytes), fixed(&written[&name]), "{}: {name}", golden.name);
        }
    }
}

#[test]
fn there_is_a_golden_file_for_each_kind_and_no_other() {
    let folder = path(&GOLDEN[0]).with_file_name("");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut known: Vec<_> = GOLDEN.iter().map(|golden| golden.name.to_owned()).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}

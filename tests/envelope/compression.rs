//! What is compressed, who reads it, and what happens to bombs.

use cachekit::{Cache, Compression, memoize};

use crate::helper::{HEAD, Parts, Shelf, lz4_bomb, with, with_checksum, zstd_bomb};
use crate::memory::peak;

const METHODS: [(u8, fn() -> Compression); 2] = [(1, Compression::lz4), (2, Compression::zstd)];

/// Bytes of which none follows from another.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

fn flags_of(shelf: &Shelf, key: &str) -> u8 {
    Parts::of(&shelf.get(key).unwrap()).flags >> 1
}

#[test]
fn values_above_the_threshold_shrink() {
    for (number, method) in METHODS {
        let shelf = Shelf::default();
        let cache = shelf.cache(|builder| builder.compress(method().above(100)));
        for (length, packed) in [(10, 0), (99, 0), (100, number), (100_000, number)] {
            // One byte is the length of the text, three for a long one.
            let text = "x".repeat(length);
            cache.set("key", &text, 60).unwrap();
            assert_eq!(flags_of(&shelf, "key"), packed, "{length}");
            assert_eq!(cache.get::<String>("key").unwrap(), Some(text));
        }
        assert!(shelf.get("key").unwrap().len() < 1000);
    }
}

#[test]
fn what_does_not_shrink_is_stored_as_it_is() {
    for (_, method) in METHODS {
        let shelf = Shelf::default();
        let cache = shelf.cache(|builder| builder.compress(method().above(0)));
        for value in [noise(5000), noise(3), Vec::new()] {
            cache.set("key", &value, 60).unwrap();
            assert_eq!(flags_of(&shelf, "key"), 0);
            assert_eq!(cache.get::<Vec<u8>>("key").unwrap(), Some(value));
        }
    }
}

#[test]
fn any_cache_reads_what_any_wrote() {
    let shelf = Shelf::default();
    let caches = [Compression::none(), Compression::lz4(), Compression::zstd()]
        .map(|compression| shelf.cache(|builder| builder.compress(compression)));
    for writer in &caches {
        writer.set("key", &"x".repeat(5000), 60).unwrap();
        for reader in caches.iter().chain([&shelf.cache(|builder| builder)]) {
            assert_eq!(reader.get::<String>("key").unwrap().map(|text| text.len()), Some(5000));
        }
    }
}

#[test]
fn a_value_beyond_the_limit_is_not_compressed() {
    for (_, method) in METHODS {
        let shelf = Shelf::default();
        let cache = shelf.cache(|builder| builder.compress(method().limit(2000)));
        cache.set("key", &"x".repeat(5000), 60).unwrap();
        assert_eq!(flags_of(&shelf, "key"), 0);
        assert_eq!(cache.get::<String>("key").unwrap().map(|text| text.len()), Some(5000));
    }
}

#[memoize]
fn zeros(n: u64) -> Vec<u8> {
    vec![0; usize::try_from(n).unwrap()]
}

/// The most that one reading may need where nothing may be decompressed.
const LITTLE: usize = 200 << 10;

#[test]
fn a_value_beyond_the_readers_limit_is_computed_again() {
    for (_, method) in METHODS {
        let shelf = Shelf::default();
        let key = with(&shelf.cache(|builder| builder.compress(method())), || {
            zeros(1 << 20);
            zeros::make_cache_key(1 << 20)
        });
        assert!(shelf.get(&key).unwrap().len() < 40_000);
        let reader = shelf.cache(|builder| builder.compress(Compression::none().limit(100 << 10)));
        let (found, bytes) = peak(|| with(&reader, || zeros::peek(1 << 20)));
        assert_eq!(found, None);
        assert!(bytes < LITTLE, "{bytes}");
        assert_eq!(reader.refusals().too_large, 1);
    }
}

/// An entry with a compressed payload of the test's making, under its right checksum.
fn planted(cache: &Cache, shelf: &Shelf, packing: u8, claimed: u64, payload: &[u8]) {
    let key = "bomb";
    cache.set(key, &[0_u8; 8], 60).unwrap();
    let mut entry = shelf.get(key).unwrap();
    let parts = Parts::of(&entry);
    entry[3] = packing << 1;
    entry[parts.length.clone()].copy_from_slice(&claimed.to_le_bytes());
    entry.truncate(parts.payload.start);
    entry.extend(payload);
    shelf.put(key, with_checksum(key, &entry));
}

#[test]
fn bombs_are_misses_and_take_no_memory() {
    let shelf = Shelf::default();
    let limit = 1 << 20;
    let cache = shelf.cache(|builder| builder.compress(Compression::none().limit(limit)));
    let claims = [0, 8, 9, 1000, limit as u64, limit as u64 + 1, 1 << 26, 1 << 30, u64::MAX];
    let bombs = [
        (1, lz4_bomb(20_000)),
        (1, lz4_bomb(2)),
        (1, Vec::new()),
        (2, zstd_bomb(17, 8192)),
        (2, zstd_bomb(23, 8192)),
        (2, zstd_bomb(27, 8192)),
        (2, zstd_bomb(41, 8192)),
        (2, Vec::new()),
    ];
    for (packing, bomb) in &bombs {
        for claimed in claims {
            planted(&cache, &shelf, *packing, claimed, bomb);
            let before = cache.refusals().total();
            let (found, bytes) = peak(|| cache.get::<[u8; 8]>("bomb").unwrap());
            assert_eq!(found, None, "{packing} {claimed}");
            // The value as it was stored, the decompressed one while its room doubles.
            assert!(bytes < bomb.len() * 2 + 2 * limit + LITTLE, "{packing} {claimed}: {bytes}");
            // Where nothing is behind a claim, it costs nothing.
            if bomb.len() < 100 {
                assert!(bytes < LITTLE, "{packing} {claimed}: {bytes}");
            }
            assert_eq!(cache.refusals().total(), before + 1, "{packing} {claimed}");
        }
    }
    #[cfg(target_os = "linux")]
    assert!(resident() < 256 << 20, "{}", resident());
}

/// The most memory that this process had, with what C libraries took.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

#[test]
fn lengths_that_only_the_bytes_claim_take_no_memory() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder);
    cache.set("key", &vec!["some".to_owned(), "text".to_owned()], 60).unwrap();
    let entry = shelf.get("key").unwrap();
    let parts = Parts::of(&entry);
    // Every length in the body, and every byte of the payload, as the largest of each width.
    for at in (parts.stamps.start - 1..parts.body.end).chain([HEAD]) {
        for width in [1, 2, 4, 8] {
            for byte in [0xFC, 0xFD, 0xFF, 0x7F] {
                let mut changed = entry[..entry.len() - 8].to_vec();
                let end = (at + width).min(changed.len());
                changed[at..end].fill(byte);
                shelf.put("key", with_checksum("key", &changed));
                let (_, bytes) = peak(|| cache.get::<Vec<String>>("key").unwrap());
                assert!(bytes < LITTLE, "{at} {width} {byte}: {bytes}");
            }
        }
    }
}

//! What an entry looks like, read here a second time by what is documented.

use std::time::{SystemTime, UNIX_EPOCH};

use cachekit::{Bincode, Codec, Compression, Seal, memoize};

use crate::helper::{HEAD, Parts, Shelf, checksum, digest, with};

#[memoize(timeout = 60)]
fn greeting(name: &str) -> String {
    format!("hello, {name}")
}

#[memoize(timeout = 60, make_cache_key = |name| format!("greeting-of-{name}"))]
fn by_own_key(name: &str) -> String {
    format!("hello, {name}")
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

#[test]
fn a_plain_entry_is_as_documented() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder.key_prefix("app:"));
    with(&cache, || greeting("Ada"));
    let key = with(&cache, || cache.backend_key(&greeting::make_cache_key("Ada")));
    let entry = shelf.get(&key).unwrap();
    let parts = Parts::of(&entry);

    assert_eq!(entry[..5], [0xC5, 0x4B, 1, 0, Bincode.id()]);
    let body = &entry[parts.body.clone()];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let birth = u128::from(word(&body[..8]));
    assert!(birth <= now && now - birth < 60_000);
    assert_eq!(word(&body[8..16]), 60_000);
    assert!(parts.more.is_empty(), "it has a lifetime and no more");
    assert_ne!(word(&body[25..33]), 0, "the type");
    assert_ne!(body[33..49], [0; 16], "the second digest");
    assert_eq!(body[49..65], [0; 16], "no instance");
    let stamp = shelf.get("app:envelope::layout::greeting:stamp").unwrap();
    assert_eq!(entry[parts.stamps], stamp);
    assert!(parts.owner.is_empty());
    assert_eq!(entry[parts.tags.clone()], [0], "no tags");
    assert_eq!(entry[parts.payload.clone()], Bincode.encode(&"hello, Ada").unwrap());
    assert_eq!(word(&entry[parts.length]), parts.payload.len() as u64);
    assert_eq!(entry[entry.len() - 8..], checksum(&key, &entry[..entry.len() - 8]));
}

#[memoize(timeout = 60, stale = 5, fail_safe = "1h", idle = 50, tags = ["greetings", "to:{name}"])]
fn lasting(name: &str) -> String {
    format!("hello, {name}")
}

#[test]
fn an_entry_with_more_than_a_lifetime_says_how_it_ages_and_what_its_tags_are() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder);
    with(&cache, || lasting("Ada"));
    let entry = shelf.get(&with(&cache, || lasting::make_cache_key("Ada"))).unwrap();
    let parts = Parts::of(&entry);
    let more: Vec<_> = entry[parts.more].chunks(8).map(word).collect();
    assert_eq!(more, [5_000, 3_600_000, 50_000, 0, 0], "stale, grace, idle, touched, put off");
    let stamps = ["envelope::layout::lasting:stamp", "#greetings:stamp", "#to:Ada:stamp"];
    assert_eq!(entry[parts.stamps], stamps.map(|name| shelf.get(name).unwrap()).concat());
    assert_eq!(entry[parts.tags], *b"\x02\x09\0greetings\x06\0to:Ada");
}

#[test]
fn an_entry_under_a_users_key_names_its_function() {
    let shelf = Shelf::default();
    with(&shelf.cache(|builder| builder), || by_own_key("Ada"));
    let entry = shelf.get("greeting-of-Ada").unwrap();
    assert_eq!(entry[Parts::of(&entry).owner], *b"envelope::layout::by_own_key");
}

#[test]
fn every_write_has_another_head() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder);
    let mut heads: Vec<Vec<u8>> = (0..1000)
        .map(|_| {
            cache.set("key", "same", 60).unwrap();
            shelf.get("key").unwrap()[..HEAD].to_vec()
        })
        .collect();
    heads.sort();
    heads.dedup();
    assert_eq!(heads.len(), 1000);
}

#[test]
fn a_tombstone_is_a_head_and_a_checksum() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder);
    let key = with(&cache, || {
        greeting("Ada");
        greeting::delete_memoized_with("Ada").unwrap();
        greeting::make_cache_key("Ada")
    });
    let tombstone = shelf.get(&key).unwrap();
    assert_eq!(tombstone[..5], [0xC5, 0x4B, 1, 1, 0]);
    assert_eq!(tombstone[HEAD..], checksum(&key, &tombstone[..HEAD]));
    assert!(!cache.has(&key).unwrap());
    assert_eq!(cache.refusals().total(), 0);
}

#[test]
fn an_hmac_is_over_key_and_entry() {
    let shelf = Shelf::default();
    let secret = [7; 32];
    let cache = shelf.cache(|builder| builder.key_prefix("app:").seal(Seal::hmac([("k1", secret)]).unwrap()));
    cache.set("greeting", "hello", 60).unwrap();
    let entry = shelf.get("app:greeting").unwrap();
    let parts = Parts::of(&entry);
    assert_eq!(entry[3], 1 << 4);
    assert_eq!(entry[parts.sealed], *b"\x02k1");
    assert_eq!(entry[parts.payload], Bincode.encode(&"hello").unwrap());
    // HMAC by its definition.
    let pad = |with: u8| [secret.map(|byte| byte ^ with).as_slice(), &[with; 32]].concat();
    let (covered, tag) = entry.split_at(entry.len() - 32);
    let inner = digest("sha256", &[&pad(0x36), &12_u64.to_le_bytes(), b"app:greeting", covered]);
    assert_eq!(digest("sha256", &[&pad(0x5C), &inner]), tag);
}

#[test]
fn an_encrypted_entry_shows_its_head_and_the_id_of_the_key_only() {
    let shelf = Shelf::default();
    let cache = shelf.cache(|builder| builder.seal(Seal::aead([("k1", [7; 32])]).unwrap()));
    cache.set("greeting", "something secret", 60).unwrap();
    let entry = shelf.get("greeting").unwrap();
    let parts = Parts::of(&entry);
    assert_eq!((entry[3], entry[4]), (2 << 4, Bincode.id()));
    assert_eq!(entry[HEAD..HEAD + 3], *b"\x02k1");
    // Fields, what has no length or no entries, the payload with its length.
    assert_eq!(parts.body.len(), 64 + 1 + 1 + 2 + 1 + 8 + "something secret".len() + 1);
    assert!(!entry.windows(6).any(|window| window == b"secret"));
    cache.set("greeting", "something secret", 60).unwrap();
    let again = shelf.get("greeting").unwrap();
    assert_ne!(entry[parts.sealed.clone()], again[parts.sealed], "a nonce of its own");
    assert_ne!(entry[parts.body.clone()], again[parts.body]);
}

#[test]
fn a_compressed_payload_says_its_length() {
    let value = "a".repeat(5000);
    for (compression, number) in [(Compression::lz4(), 1), (Compression::zstd(), 2)] {
        let shelf = Shelf::default();
        shelf.cache(|builder| builder.compress(compression)).set("key", &value, 60).unwrap();
        let entry = shelf.get("key").unwrap();
        let parts = Parts::of(&entry);
        assert_eq!(parts.flags, number << 1);
        assert_eq!(word(&entry[parts.length]), Bincode.encode(&value).unwrap().len() as u64);
        assert!(parts.payload.len() < 100);
    }
}

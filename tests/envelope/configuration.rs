//! Compression and seals by `CACHE_*` keys.

use cachekit::{Cache, Compression, Config, ErrorKind};

use crate::helper::{Parts, Shelf};

fn mistake(pairs: &[(&str, &str)]) -> String {
    let error = Config::from_map(pairs.iter().copied())
        .and_then(|config| Cache::from_config(&config).map(drop))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    error.to_string()
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

fn flags(pairs: &[(&str, &str)], value: &str) -> u8 {
    let shelf = Shelf::default();
    let config = Config::from_map(pairs.iter().copied()).unwrap();
    let cache = shelf.cache(|builder| builder.config(&config));
    cache.set("key", value, 60).unwrap();
    assert_eq!(cache.get::<String>("key").unwrap().as_deref(), Some(value));
    Parts::of(&shelf.get("key").unwrap()).flags
}

#[test]
fn compression_by_name() {
    let long = "x".repeat(1200);
    assert_eq!(flags(&[], &long), 0);
    assert_eq!(flags(&[("CACHE_COMPRESSION", "none")], &long), 0);
    assert_eq!(flags(&[("CACHE_COMPRESSION", "lz4")], &long), 1 << 1);
    assert_eq!(flags(&[("CACHE_COMPRESSION", "zstd")], &long), 2 << 1);
    let pairs = [("CACHE_COMPRESSION", "zstd"), ("CACHE_COMPRESSION_THRESHOLD", "2048")];
    assert_eq!(flags(&pairs, &long), 0);
    let pairs = [("CACHE_COMPRESSION", "zstd"), ("CACHE_COMPRESSION_LIMIT", "1100")];
    assert_eq!(flags(&pairs, &long), 0);
    let url = Config::from_url("simple://?compression=lz4&compression_threshold=7").unwrap();
    assert_eq!(url.get_compression(), Compression::lz4().above(7));
}

#[test]
fn later_settings_win_one_by_one() {
    let first = Config::new().compress(Compression::lz4().above(5));
    let both = first.merge(Config::new().set("CACHE_COMPRESSION", "zstd").unwrap());
    assert_eq!(both.get_compression(), Compression::zstd().above(5));
}

#[test]
fn seals_by_name() {
    let hex = "0f".repeat(32);
    let keys = format!("new:{hex}, old:{hex}");
    for (name, flag) in [("hmac", 1 << 4), ("aead", 2 << 4), ("none", 0)] {
        assert_eq!(flags(&[("CACHE_SEAL", name), ("CACHE_SEAL_KEYS", &keys)], "v"), flag);
    }
    // A named cache may say that it is open although the default one is sealed.
    let sealed = Config::from_map([("CACHE_SEAL", "hmac"), ("CACHE_SEAL_KEYS", &keys)]).unwrap();
    let open = sealed.merge(Config::new().set("CACHE_SEAL", "none").unwrap());
    assert!(Cache::from_config(&open).unwrap().inc("n", 1).is_ok());
}

#[test]
fn mistakes_say_what_to_write() {
    let hex = "0f".repeat(32);
    says(&mistake(&[("CACHE_COMPRESSION", "gzip")]), &["CACHE_COMPRESSION", "gzip", "none, lz4 and zstd"]);
    says(
        &mistake(&[("CACHE_COMPRESSION_THRESHOLD", "-1")]),
        &["CACHE_COMPRESSION_THRESHOLD", "number of bytes"],
    );
    says(&mistake(&[("CACHE_COMPRESSION_LIMIT", "0")]), &["CACHE_COMPRESSION_LIMIT", "1 or more"]);
    says(&mistake(&[("CACHE_SEAL", "rsa")]), &["CACHE_SEAL", "rsa", "none, hmac and aead"]);
    says(&mistake(&[("CACHE_SEAL", "hmac")]), &["CACHE_SEAL is hmac", "CACHE_SEAL_KEYS", "id:hex,id:hex"]);
    says(&mistake(&[("CACHE_SEAL_KEYS", &format!("a:{hex}"))]), &["CACHE_SEAL is not", "hmac, aead or none"]);
    says(&mistake(&[("CACHE_SEALS", "hmac")]), &["did you mean CACHE_SEAL?", "CACHE_SEAL_KEYS"]);
}

#[test]
fn mistakes_in_keys_show_no_key() {
    let hex = "5ec2e7".repeat(11);
    for (keys, expected) in [
        (hex.clone(), "id:hex,id:hex"),
        (format!("a b:{hex}"), "id:hex,id:hex"),
        (format!(":{hex}"), "id:hex,id:hex"),
        (format!("a:{hex}5"), "the key a is not written in hexadecimal digits"),
        (format!("a:{hex}+5"), "the key a is not written in hexadecimal digits"),
        (format!("a:{hex}xx"), "the key a is not written in hexadecimal digits"),
        (format!("a:{hex},a:{hex}"), "two keys have the id a"),
        (format!("a:{hex}"), "the key a has 33 bytes; expected exactly 32 bytes (64 hexadecimal digits)"),
        (String::new(), "a seal needs a key"),
    ] {
        let error = mistake(&[("CACHE_SEAL", "aead"), ("CACHE_SEAL_KEYS", &keys)]);
        says(&error, &[expected]);
        assert!(!error.contains("5ec2e7"), "{error}");
        let url = format!("simple://?seal=aead&seal_keys={}", keys.replace('+', "%2B").replace(' ', "%20"));
        let error =
            Config::from_url(&url).and_then(|config| Cache::from_config(&config).map(drop)).unwrap_err();
        assert!(!format!("{error:#} {error:?}").contains("5ec2e7"), "{error}");
    }
}

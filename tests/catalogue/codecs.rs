//! 2H: the codecs by themselves, and what becomes of values they cannot carry and of bytes that are damaged.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cachekit::{Bincode, Cache, Codec, ErrorKind, Json, MessagePack, erased_serde};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

fn encode<T: Serialize>(codec: &dyn Codec, value: &T) -> cachekit::Result<Vec<u8>> {
    codec.encode(value)
}

fn decode<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> cachekit::Result<T> {
    let mut value = None;
    codec.decode(bytes, &mut |deserializer| {
        value = Some(erased_serde::deserialize(deserializer)?);
        Ok(())
    })?;
    Ok(value.expect("the codec read a value"))
}

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(codec: &dyn Codec, value: &T) {
    let bytes = encode(codec, value).unwrap();
    assert_eq!(&decode::<T>(codec, &bytes).unwrap(), value, "{}", codec.name());
}

#[test]
fn cases_278_283_289_290_every_codec_carries_every_kind_of_value() {
    for codec in [&Bincode as &dyn Codec, &Json, &MessagePack] {
        round_trip(codec, &());
        round_trip(codec, &true);
        round_trip(codec, &false);
        round_trip(codec, &0);
        round_trip(codec, &42);
        round_trip(codec, &-1);
        round_trip(codec, &3.25);
        round_trip(codec, &String::new());
        round_trip(codec, &"hello".to_owned());
        round_trip(codec, &b"hello".to_vec());
        round_trip(codec, &Vec::<u8>::new());
        round_trip(codec, &vec![1, 2, 3]);
        round_trip(codec, &(1, "two".to_owned(), 3.0));
        round_trip(codec, &BTreeMap::<String, u8>::new());
        round_trip(
            codec,
            &BTreeMap::from([("outer".to_owned(), BTreeMap::from([("inner".to_owned(), vec![1])]))]),
        );
    }
}

#[test]
fn case_292_json_is_text() {
    assert_eq!(encode(&Json, &BTreeMap::from([("a", 1)])).unwrap(), br#"{"a":1}"#);
}

/// Refuses to be written.
#[derive(Deserialize)]
struct Refusing;

impl Serialize for Refusing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not this one"))
    }
}

#[test]
fn cases_280_294_a_value_that_cannot_be_written_is_an_error_and_is_not_stored() {
    for cache in caches() {
        let error = cache.set("k", &Refusing, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
        assert!(!cache.has("k").unwrap());
        assert_eq!(cache.backend().entries(), Some(0));
    }
}

#[test]
fn cases_281_282_296_297_garbage_is_an_error_for_a_codec() {
    for codec in [&Bincode as &dyn Codec, &Json, &MessagePack] {
        for garbage in [&b"not a value"[..], b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"] {
            let error = decode::<BTreeMap<String, u64>>(codec, garbage).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Codec, "{}: {error}", codec.name());
        }
    }
}

#[test]
fn cases_281_285_288_297_garbage_in_the_backend_is_a_miss() {
    for cache in caches() {
        cache.set("whole", "spam", 0).unwrap();
        let whole = cache.backend().get_many(&["whole"]).unwrap().remove(0).expect("it was stored");
        assert_eq!(cache.get::<String>("missing").unwrap(), None);
        for damaged in [&b"!garbage"[..], b"", b"{", &whole[1..], &whole[..whole.len() - 1]] {
            cache.backend().set_many(&[("k", damaged)], None).unwrap();
            assert_eq!(cache.get::<String>("k").unwrap(), None, "{damaged:?}");
        }
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x10;
            cache.backend().set_many(&[("k", &flipped)], None).unwrap();
            assert_eq!(cache.get::<String>("k").unwrap(), None, "byte {position} flipped");
        }
    }
}

#[test]
fn case_286_decimal_text_is_an_integer() {
    for cache in caches() {
        for n in [0_i64, 1, 42, -5] {
            cache.backend().set_many(&[("n", n.to_string().as_bytes())], None).unwrap();
            assert_eq!(cache.get::<i64>("n").unwrap(), Some(n));
        }
    }
}

#[test]
fn case_284_what_is_no_integer_is_in_an_envelope() {
    for cache in caches() {
        cache.set("n", &7, 0).unwrap();
        cache.set("text", "7", 0).unwrap();
        let stored = cache.backend().get_many(&["n", "text"]).unwrap();
        assert_eq!(stored[0].as_deref(), Some(&b"7"[..]));
        assert_ne!(stored[1].as_deref(), Some(&b"7"[..]));
        assert_eq!(cache.get::<i64>("text").unwrap(), None, "a text is no integer");
        assert_eq!(cache.get::<String>("text").unwrap().as_deref(), Some("7"));
    }
}

fn caches() -> [Cache; 3] {
    [
        Cache::builder().codec(Bincode).build(),
        Cache::builder().codec(Json).build(),
        Cache::builder().codec(MessagePack).build(),
    ]
}

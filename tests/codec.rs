//! The codecs, as their own trait shows them.

use std::collections::BTreeMap;
use std::fmt::Debug;

use cachekit::{Bincode, Codec, ErrorKind, Json, MessagePack};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const CODECS: [&dyn Codec; 3] = [&Bincode, &Json, &MessagePack];

fn decode<T: DeserializeOwned>(codec: &dyn Codec, bytes: &[u8]) -> cachekit::Result<T> {
    let mut value = None;
    codec.decode(bytes, &mut |deserializer| {
        value = Some(T::deserialize(deserializer)?);
        Ok(())
    })?;
    Ok(value.expect("a codec that succeeds has read"))
}

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for codec in CODECS {
        let again = codec.encode(value).and_then(|bytes| decode::<T>(codec, &bytes));
        assert_eq!(again.as_ref().ok(), Some(value), "{codec:?} {again:?}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u8>,
    tags: Vec<String>,
}

#[test]
fn names_and_numbers_are_fixed_because_entries_keep_them() {
    let ids = CODECS.map(|codec| (codec.name(), codec.id(), codec.carries_any_shape()));
    assert_eq!(ids, [("bincode", 0, false), ("json", 1, true), ("msgpack", 2, true)]);
}

/// Cases 278 and 290.
#[test]
fn case_278_round_trips() {
    comes_back(&None::<u8>);
    comes_back(&(true, false));
    comes_back(&[0_i64, 42, -1, i64::MIN]);
    comes_back(&1.5);
    comes_back(&String::new());
    comes_back(&"hello".to_owned());
    comes_back(&vec![0_u8, 1, 255]);
    comes_back(&Vec::<u8>::new());
    comes_back(&("a".to_owned(), 1));
    comes_back(&BTreeMap::<String, u8>::new());
    comes_back(&BTreeMap::from([("a".to_owned(), BTreeMap::from([("b".to_owned(), vec![1])]))]));
    comes_back(&Profile { name: "Ada".into(), age: Some(36), tags: vec!["x".into()] });
}

/// JSON must give back the float it was given, to the last bit.
#[test]
fn floats_come_back_to_the_last_bit() {
    // A plain multiplicative generator: floats of all sizes, the same in every run.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(0xd129_0f3c_3a5b_7a2d).wrapping_add(1);
        let (double, single) = (f64::from_bits(bits), f32::from_bits((bits >> 32) as u32));
        for codec in CODECS {
            if double.is_finite() {
                let again: f64 = decode(codec, &codec.encode(&double).unwrap()).unwrap();
                assert_eq!(again.to_bits(), double.to_bits(), "{codec:?} {double:e}");
            }
            if single.is_finite() {
                let again: f32 = decode(codec, &codec.encode(&single).unwrap()).unwrap();
                assert_eq!(again.to_bits(), single.to_bits(), "{codec:?} {single:e}");
            }
        }
    }
}

#[test]
fn fields_may_be_left_out_where_the_bytes_carry_names() {
    let value = Profile { name: "Ada".into(), age: None, tags: vec!["x".into()] };
    for codec in CODECS.into_iter().filter(|codec| codec.carries_any_shape()) {
        assert_eq!(decode::<Profile>(codec, &codec.encode(&value).unwrap()).unwrap(), value, "{codec:?}");
    }
}

/// Cases 20 and 292: the bytes of JSON are its text.
#[test]
fn case_020_json_is_text() {
    assert_eq!(Json.encode(&BTreeMap::from([("a", 1)])).unwrap(), br#"{"a":1}"#);
}

/// Cases 281, 282, 294, 296 and 297.
#[test]
fn case_281_garbage_is_an_error() {
    for codec in CODECS {
        for garbage in [&b""[..], b"\xff\xff\xff\xff\xff", b"nonsense", b"{\"name\":", b"[[[["] {
            let error = decode::<Profile>(codec, garbage).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Codec);
            assert!(error.to_string().contains(codec.name()), "{error}");
        }
    }
    assert_eq!(Json.encode(&BTreeMap::from([((1, 2), 3)])).unwrap_err().kind(), ErrorKind::Codec);
}

#[test]
fn nothing_may_follow_the_value() {
    for codec in CODECS {
        let mut bytes = codec.encode(&vec!["a", "b"]).unwrap();
        assert!(decode::<Vec<String>>(codec, &bytes).is_ok());
        bytes.push(b'1');
        assert!(decode::<Vec<String>>(codec, &bytes).is_err(), "{codec:?}");
    }
}

//! What the generic `encode` and `decode` promise, whatever the codec.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::*;
use crate::codec::{Bincode, erased_serde};

fn codecs() -> Vec<&'static dyn Codec> {
    vec![
        &Bincode,
        #[cfg(feature = "json")]
        &crate::codec::Json,
        #[cfg(feature = "msgpack")]
        &crate::codec::MessagePack,
    ]
}

fn refused<T: Serialize + DeserializeOwned>(codec: &dyn Codec, value: &T) -> String {
    let error = encode(codec, value).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    error.to_string()
}

#[track_caller]
fn passes<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for codec in codecs() {
        let bytes = encode(codec, value).unwrap_or_else(|e| panic!("{codec:?}: {e}"));
        assert_eq!(decode::<T>(codec, &bytes).unwrap(), *value, "{codec:?}");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, String),
    Struct { a: Option<u8>, b: Vec<Shape> },
}

/// Cases 278, 283, 289 and 290: none, booleans, integers, floats, text, bytes, lists, tuples, maps, nested.
#[test]
fn case_278_every_value_comes_back() {
    passes(&None::<u8>);
    passes(&Some(1_u8));
    passes(&(true, false));
    passes(&vec![0_i64, 42, -1, i64::MIN, i64::MAX]);
    passes(&(u64::MAX, i128::MIN, u128::MAX));
    passes(&vec![1.5, 0.1 + 0.2, f64::MIN_POSITIVE, f64::MAX, -0.0, 1.0e-7, 123_456_789.123_456_79]);
    passes(&vec![0.1_f32, f32::MIN_POSITIVE, 16_777_217.0]);
    passes(&(String::new(), "hello \u{0} \u{10ffff}".to_owned(), 'é'));
    passes(&vec![0_u8, 255]);
    passes(&Vec::<u8>::new());
    passes(&(1, "two".to_owned(), vec![3]));
    passes(&());
    passes(&BTreeMap::from([("a".to_owned(), BTreeMap::from([(1_u8, Some(vec![2]))]))]));
    passes(&vec![
        Shape::Unit,
        Shape::Newtype(1),
        Shape::Tuple(2, "x".into()),
        Shape::Struct { a: None, b: vec![Shape::Unit] },
    ]);
    passes(&Ok::<u8, String>(1));
    passes(&Err::<u8, String>("no".into()));
    passes(&Cow::<'static, str>::Owned("cow".into()));
    passes(&std::time::Duration::from_millis(1500));
    passes(&std::net::IpAddr::from([127, 0, 0, 1]));
}

#[test]
fn the_order_of_sets_and_maps_is_no_difference() {
    let numbers: HashSet<u64> = (0..1000).collect();
    passes(&numbers);
    passes(
        &numbers.iter().map(|n| (n.to_string(), vec![numbers.clone()])).take(9).collect::<HashMap<_, _>>(),
    );
}

/// Cases 281, 282, 296 and 297.
#[test]
fn case_281_garbage_is_an_error() {
    for codec in codecs() {
        for garbage in [&b""[..], b"\xff\xff\xff\xff", b"{\"a\":", b"\xc1", b"[1,2"] {
            assert!(decode::<Vec<String>>(codec, garbage).is_err(), "{codec:?} {garbage:?}");
            assert!(decode::<BTreeMap<String, u64>>(codec, garbage).is_err(), "{codec:?} {garbage:?}");
            assert!(decode::<Shape>(codec, garbage).is_err(), "{codec:?} {garbage:?}");
        }
    }
}

#[test]
fn bytes_after_the_value_are_an_error() {
    for codec in codecs() {
        let mut bytes = encode(codec, &7_u32).unwrap();
        bytes.push(b'7');
        bytes.push(0x07);
        assert!(decode::<u32>(codec, &bytes).is_err(), "{codec:?}");
    }
}

#[test]
fn every_damaged_byte_is_an_error_or_a_value() {
    let value = vec![Shape::Struct { a: Some(1), b: vec![Shape::Tuple(2, "text".into()), Shape::Unit] }; 3];
    for codec in codecs() {
        let bytes = encode(codec, &value).unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << bit;
                drop(decode::<Vec<Shape>>(codec, &damaged));
            }
            assert!(decode::<Vec<Shape>>(codec, &bytes[..place]).is_err());
        }
    }
}

// ---- hostile lengths and depths ----------------------------------------------------------------------------------

/// Asks for as much as the length prefix says, as careless types do.
#[derive(Debug)]
struct Greedy;

impl<'de> Deserialize<'de> for Greedy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Greedy;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut access: A,
            ) -> std::result::Result<Greedy, A::Error> {
                let hint = access.size_hint().unwrap_or(0);
                assert!(hint <= 4096, "{hint} elements on the word of a length prefix");
                let mut list = Vec::<[u64; 16]>::with_capacity(hint);
                while let Some(element) = access.next_element()? {
                    list.push(element);
                }
                Ok(Greedy)
            }
        }
        deserializer.deserialize_seq(Visitor)
    }
}

#[test]
fn a_length_that_only_the_bytes_claim_takes_no_memory() {
    // bincode: 253 and eight bytes is a 64-bit length. msgpack: dd, df, db, c6 are 32-bit lengths.
    let bincode = [253, 255, 255, 255, 255, 255, 255, 255, 127, 1, 2, 3];
    let almost = [252, 0, 0, 0, 3, 1, 2, 3];
    let mut hostile: Vec<Vec<u8>> = vec![bincode.to_vec(), almost.to_vec()];
    hostile.extend([0xdd, 0xdf, 0xdb, 0xc6, 0xc9].map(|marker| vec![marker, 255, 255, 255, 255, 1, 2, 3]));
    for codec in codecs() {
        for bytes in &hostile {
            assert!(decode::<Vec<u8>>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
            assert!(decode::<String>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
            assert!(decode::<Vec<Vec<String>>>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
            assert!(decode::<HashMap<u64, u64>>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
            assert!(decode::<Greedy>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
            assert!(decode::<Box<[u8]>>(codec, bytes).is_err(), "{codec:?} {bytes:?}");
        }
    }
}

#[test]
fn a_list_of_nothing_does_not_go_on_forever() {
    let bytes = [253, 255, 255, 255, 255, 255, 255, 255, 255];
    assert!(decode::<Vec<()>>(&Bincode, &bytes).is_err());
    assert!(decode::<Vec<[u8; 0]>>(&Bincode, &bytes).is_err());
    passes(&vec![(); 1000]);
    assert!(refused(&Bincode, &vec![(); 1_000_000]).contains("1000000 elements"));
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Nest(Vec<Nest>);

fn chain(links: usize) -> Chain {
    (0..links).fold(Chain::default(), |next, _| Chain { next: Some(Box::new(next)) })
}

#[test]
fn depth_is_bounded_at_both_ends() {
    passes(&chain(60));
    for codec in codecs() {
        assert!(refused(codec, &chain(5_000)).contains("nested deeper than 128"), "{codec:?}");
        // Refused values do not speak against their type.
        assert!(encode(codec, &chain(60)).is_ok(), "{codec:?}");
    }
    let bombs: [Vec<u8>; 4] = [
        vec![1; 1 << 20],
        vec![b'['; 1 << 20],
        vec![0x91; 1 << 20],
        b"{\"next\":".iter().copied().cycle().take(1 << 20).collect(),
    ];
    for codec in codecs() {
        for bomb in &bombs {
            assert!(decode::<Chain>(codec, bomb).is_err(), "{codec:?}");
            assert!(decode::<Nest>(codec, bomb).is_err(), "{codec:?}");
            assert!(decode::<serde::de::IgnoredAny>(codec, bomb).is_err(), "{codec:?}");
        }
    }
}

/// Serializes as a list in a list in a list, and says no at the bottom.
struct Deep(u8);

impl Serialize for Deep {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            0 => serializer.collect_map([(1, 1)].into_iter().filter(|_| true)),
            depth => serializer.collect_seq([Deep(depth - 1)]),
        }
    }
}

impl<'de> Deserialize<'de> for Deep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Vec::<Deep>::deserialize(deserializer).map(|list| list.into_iter().next().unwrap_or(Deep(0)))
    }
}

#[test]
fn errors_from_the_depth_stay_short() {
    for codec in codecs() {
        let error = format!("{:#}", encode(codec, &Deep(100)).unwrap_err());
        assert!(error.len() < 1000, "{codec:?}: {} bytes of error", error.len());
    }
}

// ---- types and values that a codec cannot carry ------------------------------------------------------------------

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<u8>,
    second: u8,
    third: u8,
}

#[test]
fn a_field_left_out_is_found_even_after_a_value_that_was_whole() {
    let whole = Skipping { first: Some(1), second: 2, third: 3 };
    let partial = Skipping { second: 1, third: 2, ..Skipping::default() };
    passes(&whole);
    let error = refused(&Bincode, &partial);
    assert!(error.contains("Skipping") && error.contains("CACHE_SERIALIZER=json"), "{error}");
    assert!(error.contains(".codec(Json)") && error.contains("`local`"), "{error}");
    // It is the value: the next whole one is fine again.
    assert!(encode(&Bincode, &whole).is_ok());
    for codec in codecs().into_iter().filter(|codec| codec.carries_any_shape()) {
        assert_eq!(decode::<Skipping>(codec, &encode(codec, &partial).unwrap()).unwrap(), partial);
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SkippingTuple(#[serde(skip_serializing_if = "is_zero")] u8, u8, u8);

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

#[test]
fn a_field_left_out_of_a_tuple_struct_is_found() {
    assert!(encode(&Bincode, &SkippingTuple(1, 2, 3)).is_ok());
    refused(&Bincode, &SkippingTuple(0, 2, 3));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flattened {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    A { x: u8 },
}

#[test]
fn shapes_that_need_names_are_found_at_the_first_store() {
    let flattened = Flattened { id: 1, rest: BTreeMap::from([("x".to_owned(), 2)]) };
    assert!(refused(&Bincode, &flattened).contains("Flattened"));
    assert!(refused(&Bincode, &Untagged::Number(1)).contains("Untagged"));
    assert!(refused(&Bincode, &Tagged::A { x: 1 }).contains("Tagged"));
    for codec in codecs().into_iter().filter(|codec| codec.carries_any_shape()) {
        assert_eq!(decode::<Flattened>(codec, &encode(codec, &flattened).unwrap()).unwrap(), flattened);
        let text = Untagged::Text("x".into());
        assert_eq!(decode::<Untagged>(codec, &encode(codec, &text).unwrap()).unwrap(), text);
        assert!(encode(codec, &Tagged::A { x: 1 }).is_ok());
    }
}

#[test]
fn some_of_nothing_is_never_served_as_none() {
    for codec in codecs() {
        assert!(encode(codec, &Some(Some(1))).is_ok());
        assert!(encode(codec, &None::<Option<i32>>).is_ok());
        match encode(codec, &Some(None::<i32>)) {
            Ok(bytes) => assert_eq!(decode::<Option<Option<i32>>>(codec, &bytes).unwrap(), Some(None)),
            Err(error) => assert!(error.to_string().contains("another value"), "{error}"),
        }
    }
    assert!(encode(&Bincode, &Some(None::<i32>)).is_ok());
}

#[test]
fn numbers_that_are_none_are_never_served_as_others() {
    for codec in codecs() {
        for value in [1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0] {
            match encode(codec, &Some(value)) {
                Ok(bytes) => {
                    let again = decode::<Option<f64>>(codec, &bytes).unwrap().unwrap();
                    assert!(again.to_bits() == value.to_bits(), "{codec:?} {value}");
                }
                Err(_) => assert!(!value.is_finite(), "{codec:?} {value}"),
            }
        }
    }
    assert!(encode(&Bincode, &f64::NAN).is_ok());
}

#[cfg(feature = "json")]
#[test]
fn json_refuses_maps_whose_keys_are_no_text() {
    let map = BTreeMap::from([((1, 2), 3)]);
    let error = refused(&crate::codec::Json, &map);
    assert!(error.contains("key must be a string") && error.contains("CACHE_SERIALIZER=msgpack"), "{error}");
    assert!(encode(&Bincode, &map).is_ok());
}

/// Deserialization says no to what serialization wrote, for some values.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u8")]
struct Even(u8);

impl TryFrom<u8> for Even {
    type Error = String;
    fn try_from(number: u8) -> std::result::Result<Self, String> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("odd".into()) }
    }
}

#[test]
fn unlucky_values_do_not_speak_against_their_type() {
    for codec in codecs() {
        for _ in 0..PATIENCE - 1 {
            assert!(refused(codec, &Even(1)).contains("odd"));
        }
        assert!(encode(codec, &Even(2)).is_ok(), "{codec:?}");
    }
}

/// Serializes well, never deserializes, and counts how often somebody tries.
#[derive(Debug)]
struct OneWay;

static TRIES: AtomicUsize = AtomicUsize::new(0);

impl Serialize for OneWay {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        TRIES.fetch_add(1, Ordering::Relaxed);
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for OneWay {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(serde::de::Error::custom("there is no way back"))
    }
}

#[test]
fn a_type_that_never_works_is_soon_turned_away() {
    for _ in 0..1000 {
        assert!(refused(&Bincode, &OneWay).contains("there is no way back"));
    }
    // A try serializes twice at most: once to look at the value, once to encode it.
    let tries = TRIES.load(Ordering::Relaxed);
    assert!(tries <= 2 * 20, "{tries} serializations for 1000 stores");
}

#[test]
fn bytes_that_do_not_decode_make_the_next_store_look_again() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Loose(Vec<Untagged>);

    // The empty list proves the type.
    assert!(encode(&Bincode, &Loose(vec![])).is_ok());
    let unreadable = encode(&Bincode, &Loose(vec![Untagged::Number(1)])).unwrap();
    assert!(decode::<Loose>(&Bincode, &unreadable).is_err());
    refused(&Bincode, &Loose(vec![Untagged::Number(1)]));
}

// ---- what is logged ----------------------------------------------------------------------------------------------

struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl log::Log for Lines {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &log::Record<'_>) {
        self.0.lock().unwrap().push(record.args().to_string());
    }
    fn flush(&self) {}
}

#[test]
fn a_type_is_reported_once() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Reported {
        Number(u8),
    }

    // Where another test of this process has installed a logger, there is nothing to see here.
    if log::set_logger(&LINES).is_err() {
        return;
    }
    log::set_max_level(log::LevelFilter::Error);
    for n in 0..10 {
        refused(&Bincode, &Reported::Number(n));
    }
    let lines = LINES.0.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.contains("Reported")).count(), 1, "{lines:?}");
}

// ---- codecs of others --------------------------------------------------------------------------------------------

#[derive(Debug)]
struct Silent;

impl Codec for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }
    fn id(&self) -> u8 {
        200
    }
    fn carries_any_shape(&self) -> bool {
        true
    }
    fn encode(&self, _: &dyn erased_serde::Serialize) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn decode<'de>(
        &self,
        _: &'de [u8],
        _: &mut dyn FnMut(
            &mut dyn erased_serde::Deserializer<'de>,
        ) -> std::result::Result<(), erased_serde::Error>,
    ) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_codec_that_does_nothing_is_found_out() {
    assert!(refused(&Silent, &1_u8).contains("gave no value"));
    assert!(decode::<u8>(&Silent, b"x").is_err());
}

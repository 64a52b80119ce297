//! 2A: the operations with every codec, on every store.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use cachekit::{Bincode, Cache, Codec, Json, MessagePack, Storable, Timeout, erased_serde};
use serde::de::DeserializeOwned;

use crate::world::{Count, World, everywhere_with};

/// Every store with every codec.
fn with_every_codec(case: impl Fn(&World)) {
    everywhere_with(|builder| builder.codec(Bincode), &case);
    everywhere_with(|builder| builder.codec(Json), &case);
    everywhere_with(|builder| builder.codec(MessagePack), &case);
}

fn comes_back<T: Storable + DeserializeOwned + PartialEq + Debug + 'static>(cache: &Cache, value: &T) {
    cache.set("k", value, 0).unwrap();
    assert_eq!(cache.get::<T>("k").unwrap().as_ref(), Some(value));
    cache.delete("k").unwrap();
    assert_eq!(cache.get::<T>("k").unwrap(), None);
}

const NUMBERS: [i64; 8] = [0, 9, 10, 99, 738, 1_024_000, 2_000_000, 5_000_000_000_000];

fn text(value: &str) -> String {
    value.to_owned()
}

fn mapping() -> BTreeMap<String, i64> {
    NUMBERS.iter().map(|n| (format!("number {n}"), *n)).collect()
}

fn store_mapping(cache: &Cache) -> Vec<String> {
    let mapping = mapping();
    let items: Vec<(&str, i64)> = mapping.iter().map(|(key, n)| (key.as_str(), *n)).collect();
    assert_eq!(cache.set_many(&items, 0).unwrap(), items.iter().map(|(key, _)| *key).collect::<Vec<_>>());
    mapping.into_keys().collect()
}

fn refs(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}

#[test]
fn case_199_every_sample_comes_back() {
    with_every_codec(|w| {
        comes_back(&w.cache, &false);
        comes_back(&w.cache, &true);
        comes_back(&w.cache, &HashMap::<String, u8>::new());
        comes_back(&w.cache, &text("spam"));
        comes_back(&w.cache, &String::new());
        comes_back(&w.cache, &2048);
        comes_back(&w.cache, &Vec::<u8>::new());
        comes_back(&w.cache, &vec![HashMap::new(), HashMap::from([(text("spam"), text("eggs"))])]);
        comes_back(&w.cache, &(vec![text("spam")], vec![1, 2]));
        comes_back(&w.cache, &HashMap::from([(1, text("spam")), (2, text("eggs"))]));
        comes_back(&w.cache, &1.5);
        comes_back(&w.cache, &u64::MAX);
        comes_back(&w.cache, &i64::MIN);
        comes_back(&w.cache, &'é');
        comes_back(&w.cache, &());
        comes_back(&w.cache, &Some(text("spam")));
        comes_back(&w.cache, &None::<String>);
        comes_back(&w.cache, &Result::<u8, String>::Err(text("spam")));
        for number in NUMBERS {
            comes_back(&w.cache, &number);
        }
    });
}

#[test]
fn case_200_and_201_set_many_get_many_get_dict() {
    with_every_codec(|w| {
        let keys = store_mapping(&w.cache);
        let found = w.cache.get_many::<i64>(&refs(&keys)).unwrap();
        assert_eq!(found, mapping().into_values().map(Some).collect::<Vec<_>>());
        let found = w.cache.get_dict::<i64>(&refs(&keys)).unwrap();
        assert_eq!(found, mapping().into_iter().map(|(key, n)| (key, Some(n))).collect());
    });
}

#[test]
fn case_202_delete() {
    with_every_codec(|w| {
        for key in store_mapping(&w.cache) {
            assert!(w.cache.delete(&key).unwrap());
            assert_eq!(w.cache.get::<i64>(&key).unwrap(), None);
        }
    });
}

#[test]
fn case_203_and_205_delete_many_names_all_keys() {
    with_every_codec(|w| {
        let keys = store_mapping(&w.cache);
        assert_eq!(w.cache.delete_many(&refs(&keys)).unwrap(), keys);
        assert_eq!(w.cache.get_many::<i64>(&refs(&keys)).unwrap(), vec![None; keys.len()]);
        assert_eq!(w.cache.delete_many(&["never set", "nor this"]).unwrap(), ["never set", "nor this"]);
    });
}

#[test]
fn case_206_add() {
    with_every_codec(|w| {
        for key in store_mapping(&w.cache) {
            assert!(!w.cache.add(&key, "sausages", 0).unwrap());
            assert_eq!(w.cache.get::<i64>(&key).unwrap(), Some(mapping()[&key]));
        }
        assert!(w.cache.add("new", "sausages", 0).unwrap());
        assert_eq!(w.cache.get::<String>("new").unwrap().as_deref(), Some("sausages"));
    });
}

#[test]
fn case_208_a_value_that_was_set_can_be_counted() {
    with_every_codec(|w| {
        w.cache.set("n", &10, 0).unwrap();
        assert_eq!(w.cache.inc("n", 5).unwrap(), 15);
        assert_eq!(w.cache.dec("n", 3).unwrap(), 12);
        assert_eq!(w.cache.get::<i64>("n").unwrap(), Some(12));
        assert_eq!(w.cache.get::<u8>("n").unwrap(), Some(12));
    });
}

#[test]
fn case_209_booleans_are_booleans() {
    with_every_codec(|w| {
        for flag in [true, false] {
            w.cache.set("flag", &flag, 0).unwrap();
            assert_eq!(w.cache.get::<bool>("flag").unwrap(), Some(flag));
            assert_eq!(w.cache.get::<i64>("flag").unwrap(), None, "and no integers");
            assert!(w.cache.inc("flag", 1).is_err());
        }
    });
}

#[test]
fn case_210_timeouts() {
    with_every_codec(|w| {
        w.cache.set("zero", "spam", 0).unwrap();
        w.cache.set("zero duration", "spam", std::time::Duration::ZERO).unwrap();
        w.cache.set("never", "spam", Timeout::Never).unwrap();
        w.cache.set("one", "spam", 1).unwrap();
        w.cache.set("one duration", "spam", std::time::Duration::from_secs(1)).unwrap();
        w.pass(4);
        for key in ["zero", "zero duration", "never"] {
            assert!(w.cache.has(key).unwrap(), "{key}");
        }
        for key in ["one", "one duration"] {
            assert!(!w.cache.has(key).unwrap(), "{key}");
        }
    });
}

#[test]
fn case_211_clear() {
    with_every_codec(|w| {
        let keys = store_mapping(&w.cache);
        w.cache.clear().unwrap();
        assert_eq!(w.cache.get_many::<i64>(&refs(&keys)).unwrap(), vec![None; keys.len()]);
    });
}

#[test]
fn case_212_has() {
    with_every_codec(|w| {
        for key in store_mapping(&w.cache) {
            assert!(w.cache.has(&key).unwrap());
        }
        assert!(!w.cache.has("unknown").unwrap());
    });
}

#[test]
fn case_214_a_nested_mapping() {
    let inner = HashMap::from([(text("list"), vec![1, 2, 3])]);
    let nested = HashMap::from([(text("outer"), inner)]);
    with_every_codec(|w| comes_back(&w.cache, &nested));
}

#[test]
fn case_215_values_of_several_types_beside_each_other() {
    with_every_codec(|w| {
        w.cache.set_many(&[("str", text("spam"))], 0).unwrap();
        w.cache.set_many(&[("int", 42)], 0).unwrap();
        w.cache.set_many(&[("list", vec![1, 2])], 0).unwrap();
        assert_eq!(
            w.cache.get_many::<String>(&["str", "int", "list"]).unwrap(),
            [Some(text("spam")), None, None]
        );
        assert_eq!(w.cache.get_many::<i64>(&["str", "int", "list"]).unwrap(), [None, Some(42), None]);
        assert_eq!(
            w.cache.get_many::<Vec<i32>>(&["str", "int", "list"]).unwrap(),
            [None, None, Some(vec![1, 2])]
        );
    });
}

static WRITTEN: Count = Count::new();

/// JSON that counts what it writes.
#[derive(Debug)]
struct Counting;

impl Codec for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }
    fn id(&self) -> u8 {
        200
    }
    fn carries_any_shape(&self) -> bool {
        true
    }
    fn encode(&self, value: &dyn erased_serde::Serialize) -> cachekit::Result<Vec<u8>> {
        WRITTEN.one();
        Json.encode(value)
    }
    fn decode<'de>(
        &self,
        bytes: &'de [u8],
        read: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'de>) -> Result<(), erased_serde::Error>,
    ) -> cachekit::Result<()> {
        Json.decode(bytes, read)
    }
}

#[test]
fn case_216_the_codec_that_was_given_is_used() {
    everywhere_with(
        |builder| builder.codec(Counting),
        |w| {
            WRITTEN.take();
            w.cache.set("k", "spam", 0).unwrap();
            assert_ne!(WRITTEN.take(), 0, "{}", w.name);
        },
    );
}

#[test]
fn case_217_and_218_add_and_get_dict_with_a_codec_of_ones_own() {
    everywhere_with(
        |builder| builder.codec(Json),
        |w| {
            assert!(w.cache.add("k", "first", 0).unwrap());
            assert!(!w.cache.add("k", "second", 0).unwrap());
            let dict = w.cache.get_dict::<String>(&["k", "other"]).unwrap();
            assert_eq!(dict, HashMap::from([(text("k"), Some(text("first"))), (text("other"), None)]));
        },
    );
}

#[test]
fn case_219_bytes_come_back() {
    with_every_codec(|w| comes_back(&w.cache, &(0..=255).collect::<Vec<u8>>()));
}

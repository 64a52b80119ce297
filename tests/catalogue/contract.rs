//! 1C: the backends' contract, through a typed cache.

use cachekit::{Cache, NullCache};

use crate::world::{everywhere, everywhere_with};

#[test]
fn case_044_get_dict_has_every_key_with_its_value() {
    everywhere(|w| {
        w.cache.set_many(&[("a", "a".to_owned()), ("b", "b".to_owned())], 0).unwrap();
        let dict = w.cache.get_dict::<String>(&["a", "b", "c"]).unwrap();
        assert_eq!(dict.len(), 3);
        assert_eq!(
            (dict["a"].as_deref(), dict["b"].as_deref(), dict["c"].as_deref()),
            (Some("a"), Some("b"), None)
        );
    });
}

#[test]
fn case_045_squares() {
    everywhere(|w| {
        for n in 0..3_i64 {
            w.cache.set(&n.to_string(), &(n * n), 0).unwrap();
        }
        for n in 0..3_i64 {
            assert_eq!(w.cache.get::<i64>(&n.to_string()).unwrap(), Some(n * n));
        }
    });
}

#[test]
fn case_046_a_list() {
    everywhere(|w| {
        w.cache.set("foo", &vec!["bar".to_owned(), "baz".to_owned()], 0).unwrap();
        assert_eq!(
            w.cache.get::<Vec<String>>("foo").unwrap(),
            Some(vec!["bar".to_owned(), "baz".to_owned()])
        );
    });
}

#[test]
fn case_047_get_many_keeps_the_order() {
    everywhere(|w| {
        w.cache.set("foo", &vec!["bar".to_owned()], 0).unwrap();
        w.cache.set("spam", &vec!["eggs".to_owned()], 0).unwrap();
        let found = w.cache.get_many::<Vec<String>>(&["spam", "foo"]).unwrap();
        assert_eq!(found, [Some(vec!["eggs".to_owned()]), Some(vec!["bar".to_owned()])]);
    });
}

#[test]
fn case_048_set_many_names_what_it_stored() {
    everywhere(|w| {
        let items = [("foo", vec!["bar".to_owned()]), ("spam", vec!["eggs".to_owned()])];
        assert_eq!(w.cache.set_many(&items, 0).unwrap(), ["foo", "spam"]);
        assert_eq!(w.cache.get::<Vec<String>>("foo").unwrap(), Some(vec!["bar".to_owned()]));
        assert_eq!(w.cache.get::<Vec<String>>("spam").unwrap(), Some(vec!["eggs".to_owned()]));
    });
}

#[test]
fn case_050_add_then_delete() {
    everywhere(|w| {
        w.cache.add("foo", "bar", 0).unwrap();
        assert!(w.cache.delete("foo").unwrap());
        assert_eq!(w.cache.get::<String>("foo").unwrap(), None);
    });
}

#[test]
fn case_051_add_then_delete_many() {
    everywhere(|w| {
        w.cache.add("foo", "bar", 0).unwrap();
        w.cache.add("spam", "eggs", 0).unwrap();
        assert_eq!(w.cache.delete_many(&["foo", "spam"]).unwrap(), ["foo", "spam"]);
        assert_eq!(w.cache.get_many::<String>(&["foo", "spam"]).unwrap(), [None, None]);
    });
}

#[test]
fn case_052_up_and_down() {
    everywhere(|w| {
        w.cache.set("foo", &1, 0).unwrap();
        assert_eq!(w.cache.inc("foo", 1).unwrap(), 2);
        assert_eq!(w.cache.get::<i64>("foo").unwrap(), Some(2));
        assert_eq!(w.cache.dec("foo", 1).unwrap(), 1);
        assert_eq!(w.cache.get::<i64>("foo").unwrap(), Some(1));
        assert!(w.cache.delete("foo").unwrap());
    });
}

#[test]
fn case_053_true_and_false() {
    everywhere(|w| {
        w.cache.set("foo", &true, 0).unwrap();
        assert_eq!(w.cache.get::<bool>("foo").unwrap(), Some(true));
        w.cache.set("bar", &false, 0).unwrap();
        assert_eq!(w.cache.get::<bool>("bar").unwrap(), Some(false));
    });
}

#[test]
fn case_054_zero_is_for_ever_and_one_second_is_not() {
    everywhere(|w| {
        w.cache.set("foo", "bar", 0).unwrap();
        w.cache.set("baz", "qux", 1).unwrap();
        w.pass(3);
        assert_eq!(w.cache.get::<String>("foo").unwrap().as_deref(), Some("bar"));
        assert_eq!(w.cache.get::<String>("baz").unwrap(), None);
    });
}

#[test]
fn case_055_has() {
    everywhere(|w| {
        assert!(!w.cache.has("foo").unwrap());
        w.cache.set("foo", "bar", 0).unwrap();
        assert!(w.cache.has("foo").unwrap());
        assert!(!w.cache.has("spam").unwrap());
        w.cache.delete("foo").unwrap();
        assert!(!w.cache.has("foo").unwrap());
    });
}

#[test]
fn case_056_bytes() {
    everywhere(|w| {
        w.cache.set("foo", &b"\xc3\xa9t\xe9\x00"[..], 0).unwrap();
        assert_eq!(w.cache.get::<Vec<u8>>("foo").unwrap(), Some(b"\xc3\xa9t\xe9\x00".to_vec()));
    });
}

/// What another program counts is an integer; its other bytes are no value of ours, and never served as one.
#[test]
fn case_062_an_integer_written_by_another_program() {
    everywhere_with(
        |builder| builder.key_prefix("app:"),
        |w| {
            let backend = w.cache.backend();
            backend.set_many(&[("app:n", b"42"), ("app:text", b"Awesome")], None).unwrap();
            assert_eq!(w.cache.get::<i64>("n").unwrap(), Some(42));
            assert_eq!(w.cache.get::<u8>("n").unwrap(), Some(42));
            assert_eq!(w.cache.inc("n", 1).unwrap(), 43);
            assert_eq!(w.cache.get::<String>("text").unwrap(), None);
            assert_eq!(w.cache.get::<Vec<u8>>("text").unwrap(), None);
        },
    );
}

#[test]
fn case_065_a_key_prefix_is_in_front_of_every_key() {
    everywhere_with(
        |builder| builder.key_prefix("app:"),
        |w| {
            w.cache.set("foo", "bar", 0).unwrap();
            w.cache.add("added", "bar", 0).unwrap();
            w.cache.inc("counter", 1).unwrap();
            assert_eq!(w.cache.get::<String>("foo").unwrap().as_deref(), Some("bar"));
            let there = w.cache.backend().has_many(&["app:foo", "app:added", "app:counter", "foo"]).unwrap();
            assert_eq!(there, [true, true, true, false]);
            assert_eq!(w.cache.backend_key("foo"), "app:foo");
        },
    );
}

#[test]
fn case_066_more_than_thirty_days() {
    everywhere(|w| {
        w.cache.set("foo", "bar", 31 * 86_400).unwrap();
        assert_eq!(w.cache.get::<String>("foo").unwrap().as_deref(), Some("bar"));
        w.pass(31 * 86_400 - 1);
        assert!(w.cache.has("foo").unwrap());
    });
}

#[test]
fn case_067_what_expired_is_not_there() {
    everywhere(|w| {
        w.cache.set("foo", "bar", 1).unwrap();
        assert!(w.cache.has("foo").unwrap());
        w.pass(3);
        assert!(!w.cache.has("foo").unwrap());
    });
}

#[test]
fn case_068_a_null_cache_has_nothing() {
    let cache = Cache::builder().backend(NullCache).build();
    cache.set("foo", "bar", 0).unwrap();
    assert!(!cache.has("foo").unwrap());
    assert_eq!(cache.get::<String>("foo").unwrap(), None);
    assert!(cache.add("foo", "bar", 0).unwrap());
    assert_eq!(cache.inc("n", 5).unwrap(), 5);
    assert_eq!(cache.inc("n", 5).unwrap(), 5);
}

//! 1G: what a memoized call is keyed by.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use cachekit::{CacheKey, delete_memoized, memoize};

use crate::world::{everywhere, fresh};

#[test]
fn cases_134_135_text_that_is_not_ascii() {
    #[memoize]
    fn length(text: &str, owned: String) -> (usize, u64) {
        (text.len() + owned.len(), fresh())
    }
    everywhere(|_| {
        let first = length("日本語", "ünïcode".to_owned());
        assert_eq!(length("日本語", "ünïcode".to_owned()), first);
        assert_ne!(length("日本语", "ünïcode".to_owned()), first);
        assert_ne!(length("ünïcode", "日本語".to_owned()), first);
    });
}

#[test]
fn case_136_lists() {
    #[memoize]
    fn sum(list: &[u64], other: Vec<u64>) -> (u64, u64) {
        (list.iter().chain(&other).sum(), fresh())
    }
    everywhere(|_| {
        let (first, second) = (sum(&[5, 3, 2], vec![1]), sum(&[3, 2, 4], vec![1]));
        assert_eq!((sum(&[5, 3, 2], vec![1]), sum(&[3, 2, 4], vec![1])), (first, second));
        assert_ne!(sum(&[5, 3], vec![2, 1]), first, "where a list ends is part of the key");
        assert!(delete_memoized!(sum, &[5, 3, 2], vec![1]).unwrap());
        assert_ne!(sum(&[5, 3, 2], vec![1]), first);
        assert_eq!(sum(&[3, 2, 4], vec![1]), second);
    });
}

fn dict(pairs: &[(&str, u64)]) -> HashMap<String, u64> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn case_137_dicts() {
    #[memoize]
    fn sum(a: u64, dict: &HashMap<String, u64>) -> (u64, u64) {
        (a + dict.values().sum::<u64>(), fresh())
    }
    everywhere(|_| {
        let (one, two) = (dict(&[("one", 1), ("two", 2)]), dict(&[("three", 3), ("four", 4)]));
        let (first, second) = (sum(5, &one), sum(5, &two));
        assert_eq!((sum(5, &one), sum(5, &two)), (first, second));
        assert!(delete_memoized!(sum, 5, &two).unwrap());
        assert_ne!(sum(5, &two), second);
        assert_eq!(sum(5, &one), first);
    });
}

#[test]
fn case_138_an_argument_that_may_be_missing() {
    #[memoize]
    fn f(a: Option<u64>) -> (u64, u64) {
        (a.unwrap_or_default(), fresh())
    }
    everywhere(|_| {
        let (none, five) = (f(None), f(Some(5)));
        assert_eq!((f(None), f(Some(5))), (none, five));
        assert_ne!(none, five);
        assert_ne!(f(Some(0)), none, "a zero is no None");
    });
}

#[test]
fn case_140_the_order_in_which_a_map_was_filled_does_not_matter() {
    #[memoize]
    fn f(options: &HashMap<String, u64>) -> (usize, u64) {
        (options.len(), fresh())
    }
    everywhere(|_| {
        let forwards = dict(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        let backwards = dict(&[("d", 4), ("c", 3), ("b", 2), ("a", 1)]);
        assert_eq!(f(&forwards), f(&backwards));
        assert_ne!(f(&forwards), f(&dict(&[("a", 1), ("b", 2), ("c", 3)])));
    });
}

/// What is not part of the identity is not part of the key.
#[test]
fn case_141_an_object_is_keyed_by_what_its_hash_says() {
    struct Object {
        id: u64,
        attribute: u64,
    }
    impl Hash for Object {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.id.hash(state);
        }
    }
    #[memoize]
    fn f(object: &Object) -> (u64, u64) {
        (object.attribute, fresh())
    }
    everywhere(|_| {
        let mut object = Object { id: 1, attribute: 1 };
        let first = f(&object);
        object.attribute = 2;
        assert_eq!(f(&object), first);
        assert_ne!(f(&Object { id: 2, attribute: 1 }), first);
    });
}

#[derive(CacheKey)]
struct Adder {
    initial: u64,
}

impl Adder {
    #[memoize]
    fn add(&self, b: u64) -> (u64, u64) {
        (self.initial + b, fresh())
    }
}

#[test]
fn case_142_instances_are_separate() {
    everywhere(|_| {
        let (one, two) = (Adder { initial: 1 }, Adder { initial: 2 });
        let first = one.add(3);
        assert_eq!(one.add(3), first);
        assert_ne!(one.add(4), first);
        assert_ne!(two.add(3), first);
        assert_eq!(Adder { initial: 1 }.add(3), first, "an equal instance is the same");
    });
}

/// The identity is what is hashed; how an instance prints does not matter.
#[test]
fn case_143_instances_that_look_alike_are_told_apart_by_their_identity() {
    #[derive(CacheKey)]
    struct Lookalike {
        id: u64,
    }
    impl std::fmt::Debug for Lookalike {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("<instance>")
        }
    }
    impl Lookalike {
        #[memoize]
        fn add(&self, b: u64) -> (u64, u64) {
            (self.id + b, fresh())
        }
    }
    everywhere(|_| {
        let (one, two) = (Lookalike { id: 1 }, Lookalike { id: 2 });
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        let (first, second) = (one.add(1), two.add(1));
        assert_ne!(first, second);
        assert_eq!((one.add(1), two.add(1)), (first, second));
    });
}

#[test]
fn case_146_any_number_of_arguments() {
    #[memoize]
    fn f(args: &[u64]) -> (u64, u64) {
        (args.iter().sum(), fresh())
    }
    everywhere(|_| {
        let (first, second) = (f(&[1, 2]), f(&[1, 3]));
        assert_eq!((f(&[1, 2]), f(&[1, 3])), (first, second));
        assert_ne!(f(&[1, 2, 0]), first);
        delete_memoized!(f).unwrap();
        assert_ne!(f(&[1, 2]), first);
        assert_ne!(f(&[1, 3]), second);
    });
}

#[test]
fn case_147_arguments_of_every_kind() {
    #[memoize]
    fn f(a: u64, b: &str, args: &[f64], options: &BTreeMap<&str, u64>) -> (u64, u64) {
        (a + (b.len() + args.len() + options.len()) as u64, fresh())
    }
    everywhere(|_| {
        let call = |b: &str, x: f64, y: u64| f(1, b, &[x], &BTreeMap::from([("y", y)]));
        let first = call("b", 1.5, 1);
        assert_eq!(call("b", 1.5, 1), first);
        let others = [call("c", 1.5, 1), call("b", 2.5, 1), call("b", 1.5, 2)];
        assert!(!others.contains(&first));
        delete_memoized!(f).unwrap();
        assert_ne!(call("b", 1.5, 1), first);
        assert_ne!(call("c", 1.5, 1), others[0]);
    });
}

#[test]
fn case_150_an_ignored_argument() {
    #[memoize(args_to_ignore = [b])]
    fn f(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let first = f(5, 2);
        assert_eq!(f(5, 3), first);
        assert_ne!(f(6, 2), first);
        assert!(delete_memoized!(f, 5).unwrap(), "what is ignored is not asked for");
        assert_ne!(f(5, 2), first);
    });
}

#[test]
fn case_151_an_ignored_self() {
    struct Keyless(u64);
    impl Keyless {
        #[memoize(args_to_ignore = [self])]
        fn add(&self, b: u64) -> (u64, u64) {
            (self.0 + b, fresh())
        }
    }
    everywhere(|_| {
        let first = Keyless(1).add(3);
        assert_eq!(Keyless(2).add(3), first);
        assert_ne!(Keyless(1).add(4), first);
    });
}

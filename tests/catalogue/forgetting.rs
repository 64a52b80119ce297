//! 1H: the `delete_memoized` family.

use cachekit::{Backend, delete_memoized, delete_memoized_verhash, memoize, methods};

use crate::backends::Recording;
use crate::world::{World, as_bytes, everywhere, fresh};

#[test]
fn case_158_a_function_is_forgotten_for_all_arguments() {
    #[memoize(timeout = 5)]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let (first, second) = (big_foo(5, 2), big_foo(5, 3));
        assert_eq!((big_foo(5, 2), big_foo(5, 3)), (first, second));
        delete_memoized!(big_foo).unwrap();
        assert_ne!(big_foo(5, 2), first);
        assert_ne!(big_foo(5, 3), second);
    });
}

#[derive(Hash)]
struct Adder {
    initial: u64,
}

impl Adder {
    #[memoize(timeout = 50)]
    fn add(&self, b: u64) -> (u64, u64) {
        (self.initial + b, fresh())
    }

    #[memoize(args_to_ignore = [self])]
    fn shared(&self, b: u64) -> (u64, u64) {
        (self.initial + b, fresh())
    }
}

fn adders() -> (Adder, Adder) {
    (Adder { initial: 1 }, Adder { initial: 2 })
}

#[test]
fn case_160_a_method_is_forgotten_for_every_instance() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, second) = (one.add(3), two.add(3));
        delete_memoized!(Adder::add).unwrap();
        assert_ne!(one.add(3), first);
        assert_ne!(two.add(3), second);
    });
}

#[test]
fn case_160_a_method_is_forgotten_for_one_instance() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, other, second) = (one.add(3), one.add(4), two.add(3));
        delete_memoized!(one.add).unwrap();
        assert_ne!(one.add(3), first);
        assert_ne!(one.add(4), other);
        assert_eq!(two.add(3), second);
    });
}

#[test]
fn case_161_one_call_is_forgotten() {
    #[memoize(timeout = 0)]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let (first, second) = (big_foo(5, 2), big_foo(5, 3));
        assert!(delete_memoized!(big_foo, 5, 2).unwrap());
        assert_ne!(big_foo(5, 2), first);
        assert_eq!(big_foo(5, 3), second);
        assert!(!delete_memoized!(big_foo, 5, 4).unwrap(), "there was none");
    });
}

#[test]
fn cases_162_163_the_version_hash_is_removed_and_comes_back() {
    #[memoize(timeout = 50)]
    fn big_foo(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
    everywhere(|_| {
        let (first, second) = (big_foo(5, 2), big_foo(5, 3));
        delete_memoized_verhash!(big_foo).unwrap();
        assert_ne!(big_foo(5, 2), first);
        assert_ne!(big_foo(5, 3), second);
        assert_eq!(big_foo(5, 2), big_foo(5, 2));
    });
    as_bytes(|w| {
        big_foo(5, 2);
        let key = big_foo::make_cache_key(5, 2);
        let (function, _) = key.rsplit_once(':').unwrap();
        let stamp = format!("{function}:stamp");
        let is_there = || w.cache.backend().has_many(&[&stamp]).unwrap() == [true];
        assert!(is_there());
        delete_memoized_verhash!(big_foo).unwrap();
        assert!(!is_there());
        big_foo(5, 2);
        assert!(is_there());
    });
}

#[test]
fn case_162_the_version_hash_of_one_instance() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, second) = (one.add(3), two.add(3));
        delete_memoized_verhash!(one.add).unwrap();
        assert_ne!(one.add(3), first);
        assert_eq!(two.add(3), second);
    });
}

#[test]
fn case_165_one_call_of_one_instance_is_forgotten() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, other, second) = (one.add(3), one.add(4), two.add(3));
        assert!(delete_memoized!(one.add, 3).unwrap());
        assert_ne!(one.add(3), first);
        assert_eq!((one.add(4), two.add(3)), (other, second));
    });
}

#[test]
fn case_166_the_instance_may_be_an_argument() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, other, second) = (one.add(3), one.add(4), two.add(3));
        assert!(delete_memoized!(Adder::add, &one, 3).unwrap());
        assert_ne!(one.add(3), first);
        assert_eq!((one.add(4), two.add(3)), (other, second));
    });
}

#[test]
fn case_167_one_call_of_a_method_that_ignores_self() {
    everywhere(|_| {
        let (one, two) = adders();
        let (first, other) = (one.shared(3), one.shared(4));
        assert_eq!(two.shared(3), first);
        assert!(delete_memoized!(Adder::shared, 3).unwrap());
        let again = two.shared(3);
        assert_ne!(again, first);
        assert_eq!(one.shared(3), again);
        assert_eq!(one.shared(4), other);
    });
}

struct Class;

#[methods]
impl Class {
    #[memoize]
    fn method(a: u64, b: u64) -> (u64, u64) {
        (a + b, fresh())
    }
}

#[test]
fn case_169_a_function_of_a_type_is_forgotten() {
    everywhere(|_| {
        let (first, second) = (Class::method(5, 2), Class::method(5, 3));
        assert_eq!((Class::method(5, 2), Class::method(5, 3)), (first, second));
        delete_memoized!(Class::method).unwrap();
        assert_ne!(Class::method(5, 2), first);
        assert_ne!(Class::method(5, 3), second);
    });
}

/// The type is part of the path, so it cannot be forgotten to be said.
#[test]
fn case_170_one_call_of_a_function_of_a_type_is_forgotten() {
    everywhere(|_| {
        let (first, second) = (Class::method(5, 2), Class::method(5, 3));
        assert!(delete_memoized!(Class::method, 5, 2).unwrap());
        assert_ne!(Class::method(5, 2), first);
        assert_eq!(Class::method(5, 3), second);
    });
}

#[test]
fn case_319_an_argument_of_the_type_of_self_is_no_instance() {
    #[derive(Hash)]
    struct Node(u64);
    impl Node {
        #[memoize]
        fn distance(&self, other: &Node) -> (u64, u64) {
            (self.0.abs_diff(other.0), fresh())
        }
    }
    everywhere(|_| {
        let (o, p) = (Node(1), Node(2));
        let (same, other, back) = (o.distance(&o), o.distance(&p), p.distance(&o));
        assert!(delete_memoized!(o.distance, &o).unwrap());
        assert_ne!(o.distance(&o), same);
        assert_eq!((o.distance(&p), p.distance(&o)), (other, back));
    });
}

#[test]
fn case_321_a_shorter_timeout_later_does_not_touch_earlier_entries() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    let lives = std::time::Duration::from_secs;
    everywhere(|w: &World| {
        f::set_cache_timeout(lives(1000));
        let long = f(1);
        f::set_cache_timeout(lives(1));
        let short = f(2);
        w.pass(2);
        assert_eq!(f(1), long);
        assert_ne!(f(2), short);
    });
}

#[test]
fn case_323_methods_are_cached_outside_this_process() {
    let recording = Recording::default();
    cachekit::testing::Scope::new(recording.cache()).run(|| {
        let (one, _) = adders();
        assert_eq!(one.add(3), one.add(3));
    });
    assert!(!recording.capability().in_process);
}

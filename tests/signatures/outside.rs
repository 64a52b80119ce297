//! The same separations where values are bytes under text keys, outside this process.

use std::any::type_name;
use std::fmt::Debug;
use std::hash::Hash;

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache, delete_memoized, memoize, methods};

use crate::run;

fn outside() -> Scope {
    Scope::new(Cache::builder().backend(Faulty::new(SimpleCache::new())).build())
}

#[memoize]
fn generic<T, const N: usize>(what: impl Hash + Debug) -> (String, u32) {
    (format!("{}{N}{what:?}", type_name::<T>()), run!())
}

#[memoize(companions = false)]
fn lonely<T, const N: usize>() -> (String, u32) {
    (format!("{}{N}", type_name::<T>()), run!())
}

#[test]
fn types_and_constants_do_not_share() {
    outside().run(|| {
        assert_eq!(generic::<u8, 1>(1u8), ("u811".into(), 1));
        assert_eq!(generic::<i8, 1>(1u8), ("i811".into(), 2));
        assert_eq!(generic::<u8, 2>(1u8), ("u821".into(), 3));
        assert_eq!(generic::<u8, 1>("1"), ("u81\"1\"".into(), 4));
        assert_eq!(generic::<u8, 1>(String::from("1")), ("u81\"1\"".into(), 5));
        assert_eq!(generic::<u8, 1>(1u8), ("u811".into(), 1));
        assert_eq!(generic::peek::<u8, 2>(1u8), Some(("u821".into(), 3)));
        let keys = [generic::make_cache_key::<u8, 1>(1u8), generic::make_cache_key::<u8, 2>(1u8)];
        assert_ne!(keys[0], keys[1]);
        assert_eq!(
            (lonely::<u8, 1>().1, lonely::<u8, 2>().1, lonely::<i8, 2>().1, lonely::<u8, 1>().1),
            (1, 2, 3, 1)
        );
    });
}

#[derive(Hash)]
struct Repo<T>(T);

impl<T: Hash> Repo<T> {
    #[memoize]
    fn load<U: Hash>(&self, by: U) -> u32 {
        let _ = by;
        run!()
    }
}

#[test]
fn one_instance_of_a_generic_method() -> Result<(), cachekit::Error> {
    outside().run(|| {
        let (one, two) = (Repo(1u8), Repo(2u8));
        let call = |repo: &Repo<u8>| (repo.load(1u8), repo.load("a"));
        let (first, second) = (call(&one), call(&two));
        assert_eq!((call(&one), call(&two)), (first, second));
        delete_memoized!(one.load)?;
        let again = call(&one);
        assert!(
            again.0 != first.0 && again.1 != first.1,
            "every instantiation of this instance is forgotten"
        );
        assert_eq!(call(&two), second);
        assert_ne!(Repo(1u16).load(1u8), again.0);
        Ok(())
    })
}

trait Named {
    fn named(&self) -> String;
}

trait Called {
    fn named(&self) -> String;
}

#[derive(Hash)]
struct Both;

impl Both {
    #[memoize(companions = "own")]
    fn named(&self) -> String {
        "own".into()
    }
}

#[methods]
impl Named for Both {
    #[memoize(companions = "as_named")]
    fn named(&self) -> String {
        "named".into()
    }
}

#[methods]
impl Called for Both {
    #[memoize]
    fn named(&self) -> String {
        "called".into()
    }
}

trait Of<T> {
    fn of(&self) -> String;
}

#[methods(companions = false)]
impl Of<u8> for Both {
    #[memoize]
    fn of(&self) -> String {
        "u8".into()
    }
}

#[methods]
impl Of<u16> for Both {
    #[memoize]
    fn of(&self) -> String {
        "u16".into()
    }
}

#[test]
fn methods_of_one_name_of_one_type_do_not_share() {
    outside().run(|| {
        for _ in 0..2 {
            assert_eq!(
                (Both.named(), Named::named(&Both), Called::named(&Both)),
                ("own".into(), "named".into(), "called".into())
            );
            assert_eq!((Of::<u8>::of(&Both), Of::<u16>::of(&Both)), ("u8".into(), "u16".into()));
        }
        assert_ne!(Both.own_make_cache_key(), Both.as_named_make_cache_key());
        assert_ne!(Both.own_make_cache_key(), Both.named_make_cache_key());
    });
}

fn nested(first: bool) -> u32 {
    if first {
        #[memoize]
        fn inner() -> u32 {
            1
        }
        inner()
    } else {
        #[memoize]
        fn inner() -> u32 {
            2
        }
        inner()
    }
}

#[test]
fn functions_of_one_name_in_one_function_do_not_share() {
    outside().run(|| {
        assert_eq!((nested(true), nested(false)), (1, 2));
        assert_eq!((nested(true), nested(false)), (1, 2));
    });
}

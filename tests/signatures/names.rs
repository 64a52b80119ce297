//! Names: of functions inside functions, raw ones, and those that an expansion might have taken.

use cachekit::{delete_memoized, memoize};

use crate::run;

#[memoize]
fn r#type(r#match: u32) -> (u32, u32) {
    (r#match, run!())
}

#[test]
fn raw_names() -> Result<(), cachekit::Error> {
    assert_eq!((r#type(1), r#type(1)), ((1, 1), (1, 1)));
    assert!(delete_memoized!(r#type, 1)?);
    assert_eq!(r#type::refresh(1), (1, 2));
    Ok(())
}

#[memoize]
#[allow(clippy::too_many_arguments, reason = "the point is their names")]
fn taken(
    key: u32,
    result: u32,
    cache: u32,
    __key: u32,
    value: u32,
    miss: u32,
    hit: u32,
    site: u32,
    found: u32,
) -> u32 {
    let _ = run!();
    key + result + cache + __key + value + miss + hit + site + found
}

#[memoize(args_to_ignore = [arg1], unless = arg0.0 == arg1)]
fn numbered((arg0, _): ((u32, u32), u32), arg1: u32) -> u32 {
    arg0.0 + arg1 + run!() - 1
}

#[memoize]
fn itself(itself: u32) -> (u32, u32) {
    (itself, run!())
}

#[test]
fn names_an_expansion_might_take() {
    assert_eq!(taken(1, 2, 3, 4, 5, 6, 7, 8, 9), 45);
    assert_eq!(taken(1, 2, 3, 4, 5, 6, 7, 8, 9), 45);
    assert_eq!(taken::peek(1, 2, 3, 4, 5, 6, 7, 8, 9), Some(45));
    assert_eq!(taken::uncached(1, 2, 3, 4, 5, 6, 7, 8, 10), 46);
    assert_eq!(numbered(((1, 1), 1), 2), 3);
    assert_eq!(numbered(((1, 1), 1), 3), 3);
    assert_eq!((itself(1), itself(1), itself::uncached(1)), ((1, 1), (1, 1), (1, 2)));
}

// What peers declare beside a function.
const F: u32 = 1;
static FREE: u32 = 2;
fn free_no_cache() -> u32 {
    3
}
fn free_prime_cache() -> u32 {
    4
}

#[memoize]
fn free(a: u32) -> u32 {
    a + F + FREE + free_no_cache() + free_prime_cache()
}

#[test]
fn nothing_is_declared_beside_but_the_companions() {
    assert_eq!(free(1), 11);
}

fn outer() -> (u32, u32) {
    #[memoize]
    fn inner(a: u32) -> u32 {
        a + run!()
    }
    #[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
    struct Local(u32);
    #[memoize]
    fn of_local(a: Local) -> Local {
        Local(a.0 + run!())
    }
    inner::refresh(10);
    (inner(10), of_local(Local(1)).0)
}

fn another() -> u32 {
    #[memoize]
    fn inner(a: u32) -> u32 {
        a + 100 * run!()
    }
    inner(10)
}

fn two_of_one_name(first: bool) -> u32 {
    if first {
        #[memoize]
        fn inner(a: u32) -> u32 {
            a + 1_000
        }
        inner(10)
    } else {
        #[memoize]
        fn inner(a: u32) -> u32 {
            a + 2_000
        }
        inner(10)
    }
}

fn twins() -> (u32, u32) {
    let one = {
        #[memoize]
        fn twin(a: u32) -> u32 {
            a + 1
        }
        twin(10)
    };
    let two = {
        #[memoize]
        fn twin(a: u32) -> u32 {
            a + 2
        }
        twin(10)
    };
    (one, two)
}

#[test]
fn functions_inside_functions_do_not_share() {
    assert_eq!(outer(), (11, 2));
    assert_eq!(outer().1, 2);
    assert_eq!((another(), another()), (110, 110));
    assert_eq!((two_of_one_name(true), two_of_one_name(false)), (1_010, 2_010));
    assert_eq!((two_of_one_name(true), two_of_one_name(false)), (1_010, 2_010));
    assert_eq!(twins(), (11, 12));
}

macro_rules! generated {
    ($vis:vis $name:ident, $arg:ident, $ty:ty, $timeout:expr) => {
        #[memoize(timeout = $timeout, unless = $arg == hidden(0))]
        $vis fn $name($arg: $ty, also: $ty) -> ($ty, u32) {
            ($arg + also, run!())
        }
    };
}

fn hidden(n: u64) -> u64 {
    n
}

generated!(pub(crate) one, a, u64, 50);
generated!(pub(crate) two, also_not, u64, "1h30m");

#[test]
fn functions_made_by_a_macro() {
    assert_eq!((one(1, 2), one(1, 2)), ((3, 1), (3, 1)));
    assert_eq!((two(1, 3), two(1, 3)), ((4, 1), (4, 1)));
    assert_eq!(one(0, 2), (2, 2));
    assert_eq!(one(0, 2), (2, 3));
    assert_eq!(one::cache_timeout(), Some(std::time::Duration::from_secs(50)));
    assert_eq!(two::cache_timeout(), Some(std::time::Duration::from_secs(5_400)));
    assert_eq!(one::peek(1, 2), Some((3, 1)));
}

mod elsewhere {
    use crate::run;

    #[cachekit::memoize]
    pub(crate) fn shared(a: u32) -> (u32, u32) {
        (a, run!())
    }

    #[cachekit::memoize(companions = "cache_of_other")]
    pub(crate) fn other(a: u32) -> (u32, u32) {
        (a, run!())
    }

    #[cachekit::memoize(companions = false)]
    pub(crate) fn alone(a: u32) -> (u32, u32) {
        (a, run!())
    }

    #[allow(non_camel_case_types, reason = "it takes the name that the companions would have")]
    pub(crate) struct alone {}

    pub(in crate::names) mod re_exported {
        pub(in crate::names) use super::shared as renamed;
    }
}

#[test]
fn one_import_brings_the_function_and_its_companions() -> Result<(), cachekit::Error> {
    use elsewhere::re_exported::renamed;
    use elsewhere::shared;
    assert_eq!((shared(1), renamed(1)), ((1, 1), (1, 1)));
    assert_eq!(renamed::peek(1), Some((1, 1)));
    assert!(delete_memoized!(elsewhere::shared, 1)?);
    assert_eq!(shared::peek(1), None);
    Ok(())
}

#[test]
fn companions_under_another_name_or_none() -> Result<(), cachekit::Error> {
    use elsewhere::{alone, cache_of_other, other};
    assert_eq!((other(1), other(1)), ((1, 1), (1, 1)));
    assert_eq!(cache_of_other::peek(1), Some((1, 1)));
    delete_memoized!(cache_of_other)?;
    assert_eq!(cache_of_other::peek(1), None);
    let _ = alone {};
    assert_eq!((alone(1), alone(1)), ((1, 1), (1, 1)));
    Ok(())
}

#[test]
fn sites_are_told_apart_by_name() {
    #[memoize]
    fn shared(a: u32) -> u32 {
        a
    }
    let _ = shared(1);
    assert_ne!(shared::make_cache_key(1), elsewhere::shared::make_cache_key(1));
}

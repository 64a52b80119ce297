//! Generic functions: a store for each type and each constant.

use std::any::type_name;
use std::fmt::Debug;
use std::hash::Hash;

use cachekit::{delete_memoized, memoize};

use crate::run;

#[memoize]
fn name_of<T: Hash + Debug>(t: T) -> (String, u32) {
    (format!("{}:{t:?}", type_name::<T>()), run!())
}

#[memoize]
fn default_of<T>() -> (String, u32)
where
    T: Default + Debug,
{
    (format!("{:?}", T::default()), run!())
}

#[memoize]
fn made<T: serde::Serialize + serde::de::DeserializeOwned + Clone + Default + Send + Sync + 'static>() -> T {
    T::default()
}

#[test]
fn types_do_not_share() -> Result<(), cachekit::Error> {
    assert_eq!(name_of(1u8), ("u8:1".into(), 1));
    assert_eq!(name_of(1u64), ("u64:1".into(), 2));
    assert_eq!(name_of("a"), ("&str:\"a\"".into(), 3));
    assert_eq!(name_of(1u8), ("u8:1".into(), 1));
    assert_eq!(default_of::<u8>(), ("0".into(), 1));
    assert_eq!(default_of::<bool>(), ("false".into(), 2));
    assert_eq!(default_of::<u8>(), ("0".into(), 1));
    assert_eq!(default_of::peek::<bool>(), Some(("false".into(), 2)));
    assert_eq!(default_of::uncached::<bool>(), ("false".into(), 3));
    assert_ne!(default_of::make_cache_key::<u8>(), default_of::make_cache_key::<bool>());
    assert!(delete_memoized!(name_of, 1u8)?);
    assert!(!name_of::delete_memoized_with::<u8>(1)?);
    assert!(delete_memoized!(name_of::<u64>, 1)?);
    assert_eq!((made::<u8>(), made::<String>(), made::<u8>()), (0, String::new(), 0));
    Ok(())
}

#[memoize]
fn times<const N: usize, const NEGATIVE: bool>(a: i64) -> (i64, u32) {
    let times = i64::try_from(N).unwrap_or(i64::MAX);
    (if NEGATIVE { -a * times } else { a * times }, run!())
}

#[memoize]
fn mixed<'a, T: Into<u64> + Copy + Hash, const C: char>(a: &'a [T], b: &str) -> (u64, String)
where
    &'a [T]: Debug,
{
    let _ = run!();
    (a.iter().map(|&n| n.into()).sum(), format!("{b}{C}"))
}

#[test]
fn constants_do_not_share() -> Result<(), cachekit::Error> {
    assert_eq!(times::<1, false>(1), (1, 1));
    assert_eq!(times::<2, false>(1), (2, 2));
    assert_eq!(times::<2, true>(1), (-2, 3));
    assert_eq!(times::<1, false>(1), (1, 1));
    assert_eq!(times::peek::<2, true>(1), Some((-2, 3)));
    assert_eq!(times::refresh::<2, true>(1), (-2, 4));
    assert!(delete_memoized!(times::<2, true>, 1)?);
    assert_eq!(times::peek::<2, true>(1), None);
    assert_eq!(times::peek::<2, false>(1), Some((2, 2)));
    assert_eq!(mixed::<u8, 'x'>(&[1, 2], "a"), (3, "ax".into()));
    assert_eq!(mixed::<u8, 'y'>(&[1, 2], "a"), (3, "ay".into()));
    assert_eq!(mixed::peek::<u8, 'y'>(&[1, 2], "a"), Some((3, "ay".into())));
    assert_eq!(mixed::peek::<u16, 'y'>(&[1, 2], "a"), None);
    Ok(())
}

#[memoize]
fn length(s: impl AsRef<str> + Hash) -> (usize, u32) {
    (s.as_ref().len(), run!())
}

#[memoize]
fn sized<const N: usize>(a: &(impl Hash + ?Sized), b: [u8; N]) -> (usize, u32) {
    let _ = (a, b);
    (N, run!())
}

#[memoize(args_to_ignore = [log])]
fn logged(log: impl Fn(&str), id: u32) -> (u32, u32) {
    log("computing");
    (id, run!())
}

#[test]
fn anonymous_types() {
    assert_eq!(length("abc"), (3, 1));
    assert_eq!(length(String::from("abc")), (3, 2), "another type, though it hashes the same");
    assert_eq!(length("abc"), (3, 1));
    assert_eq!(length::peek(String::from("abc")), Some((3, 2)));
    assert_eq!(length::peek(Box::<str>::from("abc")), None);
    assert_eq!(sized("a", [1, 2]), (2, 1));
    assert_eq!(sized("a", [1, 2, 3]), (3, 2));
    assert_eq!(sized(&1, [1, 2]), (2, 3));
    assert_eq!(sized("a", [1, 2]), (2, 1));
    assert_eq!(sized::peek("a", [1, 2, 3]), Some((3, 2)));
    assert_eq!(logged(|_| {}, 1), (1, 1));
    assert_eq!(logged(|text| assert!(!text.is_empty()), 1), (1, 1));
    assert_eq!(logged::peek(1), Some((1, 1)));
}

#[memoize(companions = false)]
fn unaccompanied<T: Hash, const N: u8>(t: T) -> (String, u8, u32) {
    let _ = t;
    (type_name::<T>().to_owned(), N, run!())
}

#[test]
fn without_companions() {
    assert_eq!(unaccompanied::<u8, 1>(0), ("u8".into(), 1, 1));
    assert_eq!(unaccompanied::<u8, 2>(0), ("u8".into(), 2, 2));
    assert_eq!(unaccompanied::<i8, 2>(0), ("i8".into(), 2, 3));
    assert_eq!(unaccompanied::<u8, 1>(0), ("u8".into(), 1, 1));
}

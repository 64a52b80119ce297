//! Free functions: arguments of every kind, bodies of every kind.

use std::io;
use std::num::ParseIntError;

use cachekit::{delete_memoized, delete_memoized_verhash, memoize};

use crate::run;

#[memoize]
fn add(a: i64, b: i64) -> (i64, u32) {
    (a + b, run!())
}

#[test]
fn arguments_are_the_key() {
    assert_eq!(add(5, 2), (7, 1));
    assert_eq!(add(5, 2), (7, 1));
    assert_eq!(add(2, 5), (7, 2));
}

#[memoize]
fn forgotten(a: i64) -> (i64, u32) {
    (a, run!())
}

#[test]
fn companions_reach_the_same_values() -> Result<(), cachekit::Error> {
    assert_eq!(forgotten::peek(1), None);
    assert_eq!(forgotten(1), (1, 1));
    assert_eq!(forgotten::peek(1), Some((1, 1)));
    assert_eq!(forgotten::uncached(1), (1, 2));
    assert_eq!(forgotten(1), (1, 1), "uncached stored nothing");
    assert_eq!(forgotten::refresh(1), (1, 3));
    assert_eq!(forgotten(1), (1, 3));
    assert_eq!(forgotten(2), (2, 4));
    assert_ne!(forgotten::make_cache_key(1), forgotten::make_cache_key(2));
    assert!(delete_memoized!(forgotten, 1)?);
    assert!(!forgotten::delete_memoized_with(1)?);
    assert_eq!(forgotten(1), (1, 5));
    assert_eq!(forgotten(2), (2, 4));
    delete_memoized!(forgotten)?;
    assert_eq!(forgotten(2), (2, 6));
    delete_memoized_verhash!(forgotten)?;
    assert_eq!(forgotten(2), (2, 7));
    Ok(())
}

#[memoize]
fn text(s: &str, t: String) -> (usize, u32) {
    (s.len() + t.len(), run!())
}

#[memoize]
fn bytes(s: &[u8]) -> (usize, u32) {
    (s.len(), run!())
}

#[memoize]
fn named_lifetimes<'a, 'b: 'a>(s: &'a str, t: &'b [&'a str]) -> (usize, u32) {
    (s.len() + t.len(), run!())
}

#[test]
fn borrowed_arguments() {
    assert_eq!(text("ab", "c".into()), (3, 1));
    assert_eq!(text(&String::from("ab"), "c".to_owned()), (3, 1));
    assert_eq!(text("a", "bc".into()), (3, 2), "where one argument ends is part of the key");
    assert_eq!(bytes(b"ab"), (2, 1));
    assert_eq!(bytes(&Vec::from(*b"ab")), (2, 1));
    assert_eq!(bytes(b"ba"), (2, 2));
    assert_eq!(named_lifetimes("a", &["b", "c"]), (3, 1));
    assert_eq!(named_lifetimes("a", &["b", "c"]), (3, 1));
    assert_eq!(named_lifetimes("a", &["bc"]), (2, 2));
}

#[memoize]
#[allow(clippy::ref_option_ref, reason = "that is the shape")]
fn references(a: &&u8, b: &mut u8, c: &Option<&str>) -> u32 {
    let _ = (a, b, c);
    run!()
}

#[test]
fn references_are_keyed_by_what_they_lead_to() {
    assert_eq!(references(&&1, &mut 2, &Some("a")), 1);
    assert_eq!(references(&&1, &mut 2, &Some("a")), 1);
    assert_eq!(references(&&1, &mut 3, &Some("a")), 2);
    assert_eq!(references(&&1, &mut 3, &None), 3);
}

#[memoize]
fn float(a: f64, b: f32) -> u32 {
    let _ = (a, b);
    run!()
}

#[test]
fn floats() {
    assert_eq!(float(1.5, 0.5), 1);
    assert_eq!(float(1.5, 0.5), 1);
    assert_eq!(float(-1.5, 0.5), 2);
    assert_eq!(float(f64::NAN, 0.5), 3);
    assert_eq!(float(f64::NAN, 0.5), 3);
    assert_eq!(float(0.0, 0.5), float(-0.0, 0.5));
}

#[memoize]
fn destructured(
    (a, b): (u32, u32),
    [c, ..]: [u32; 3],
    Wrapped { inner, .. }: Wrapped,
    _: bool,
) -> (u32, u32) {
    (a + b + c + inner, run!())
}

#[derive(Hash)]
struct Wrapped {
    inner: u32,
}

#[memoize]
fn mutable(mut a: Vec<u32>, (mut b, c): (u32, u32), ref d: u32, e @ (0..=9 | 10..): u32) -> (Vec<u32>, u32) {
    b += c + *d + e;
    a.push(b);
    (a, run!())
}

#[test]
fn destructured_and_mutable_arguments() {
    let call = |a, inner, flag| destructured((a, 2), [3, 0, 0], Wrapped { inner }, flag);
    assert_eq!(call(1, 4, true), (10, 1));
    assert_eq!(call(1, 4, true), (10, 1));
    assert_eq!(call(1, 4, false), (10, 2), "an argument that has no name is still one");
    assert_eq!(call(2, 3, true), (10, 3));
    assert_eq!(mutable(vec![1], (2, 3), 4, 5), (vec![1, 14], 1));
    assert_eq!(mutable(vec![1], (2, 3), 4, 5), (vec![1, 14], 1));
    assert_eq!(mutable(vec![1], (3, 2), 4, 5), (vec![1, 14], 2));
    assert_eq!(mutable::peek(vec![1], (3, 2), 4, 5), Some((vec![1, 14], 2)));
}

#[memoize]
fn nothing_taken() -> u32 {
    run!()
}

#[memoize]
fn nothing_given(a: u32) {
    let _ = (a, run!());
}

#[test]
fn no_arguments_and_no_value() {
    assert_eq!(nothing_taken(), 1);
    assert_eq!(nothing_taken(), 1);
    nothing_given(1);
    assert_eq!(nothing_given::peek(1), Some(()));
    assert_eq!(nothing_given::peek(2), None);
}

struct Pool;

#[memoize(args_to_ignore = [pool, verbose])]
fn with_pool(pool: &Pool, id: u64, verbose: bool) -> (u64, u32) {
    let _ = (pool, verbose);
    (id, run!())
}

#[test]
fn ignored_arguments_are_not_asked_for() -> Result<(), cachekit::Error> {
    assert_eq!(with_pool(&Pool, 1, true), (1, 1));
    assert_eq!(with_pool(&Pool, 1, false), (1, 1));
    assert_eq!(with_pool(&Pool, 2, false), (2, 2));
    assert_eq!(with_pool::peek(1), Some((1, 1)));
    assert!(delete_memoized!(with_pool, 1)?);
    assert_eq!(with_pool::refresh(&Pool, 1, false), (1, 3));
    Ok(())
}

type Answer<T> = Result<T, ParseIntError>;

#[memoize]
fn early(a: &str) -> Answer<u32> {
    if a.is_empty() {
        return Ok(run!());
    }
    let n: u32 = a.parse()?;
    Ok(n)
}

#[memoize]
fn through_alias(a: &str) -> Answer<u32> {
    let run = run!();
    a.parse::<u32>().map(|_| run)
}

#[memoize]
fn not_cloneable(fails: bool) -> io::Result<u32> {
    let run = run!();
    if fails { Err(io::Error::other(run.to_string())) } else { Ok(run) }
}

#[test]
fn errors_are_not_cached_unless_asked_for() {
    assert_eq!(early(""), Ok(1));
    assert_eq!(early(""), Ok(1));
    assert_eq!(early("7"), Ok(7));
    assert!(early("x").is_err());
    assert!(through_alias("x").is_err());
    assert!(through_alias("x").is_err());
    assert_eq!(through_alias("1"), Ok(3));
    assert_eq!(through_alias("1"), Ok(3));
    assert_eq!(not_cloneable(true).unwrap_err().to_string(), "1");
    assert_eq!(not_cloneable(true).unwrap_err().to_string(), "2");
    assert_eq!(not_cloneable(false).unwrap(), 3);
    assert_eq!(not_cloneable(false).unwrap(), 3);
}

#[memoize]
fn maybe(a: u32) -> Option<u32> {
    let run = run!();
    (a > 0).then_some(run)
}

#[memoize(cache_none)]
fn maybe_not(a: u32) -> (Option<u32>, u32) {
    (Some(a), run!())
}

#[memoize(cache_none, cache_err = true)]
fn none_kept(a: u32) -> Option<u32> {
    let run = run!();
    (a > 0).then_some(run).filter(|_| run > 1)
}

#[memoize(cache_err)]
fn err_kept(a: &str) -> Result<u32, String> {
    let run = run!();
    a.parse().map_err(|_| run.to_string())
}

#[test]
fn nones_and_errors() {
    assert_eq!((maybe(0), maybe(0)), (None, None));
    assert_eq!(maybe(1), Some(3));
    assert_eq!(maybe(1), Some(3));
    assert_eq!(maybe_not(1), (Some(1), 1));
    assert_eq!(maybe_not(1), (Some(1), 1));
    assert_eq!((none_kept(1), none_kept(1)), (None, None));
    assert_eq!(none_kept(2), Some(2), "the second call of the first key ran nothing");
    assert_eq!(err_kept("x"), Err("1".to_owned()));
    assert_eq!(err_kept("x"), Err("1".to_owned()));
}

#[memoize]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[test]
fn recursion() {
    assert_eq!(fib(80), 23_416_728_348_467_685);
    assert_eq!(fib::peek(79), Some(14_472_334_024_676_221));
}

/// # Safety
///
/// None is needed.
#[memoize]
unsafe fn dangerous(a: u32) -> (u32, u32) {
    (a, run!())
}

#[memoize]
extern "C" fn foreign(a: u32) -> u32 {
    a + run!()
}

#[memoize]
#[unsafe(no_mangle)]
/// # Safety
///
/// None is needed.
unsafe extern "C" fn cachekit_signatures_exported(a: u32) -> u32 {
    let _ = a;
    run!()
}

#[test]
#[allow(clippy::undocumented_unsafe_blocks, reason = "nothing in them is unsafe")]
fn unsafe_and_foreign_functions() {
    assert_eq!(unsafe { dangerous(1) }, (1, 1));
    assert_eq!(unsafe { dangerous(1) }, (1, 1));
    assert_eq!(unsafe { dangerous::uncached(1) }, (1, 2));
    assert_eq!(dangerous::peek(1), Some((1, 1)));
    let pointer: extern "C" fn(u32) -> u32 = foreign;
    assert_eq!((pointer(1), foreign(1)), (2, 2));
    assert_eq!(unsafe { cachekit_signatures_exported(1) }, 1);
    assert_eq!(unsafe { cachekit_signatures_exported(1) }, 1);
}

#[memoize]
fn never_returns_normally(a: u32) -> u32 {
    panic!("the body of {a}")
}

#[test]
fn a_panic_is_the_callers() {
    for _ in 0..2 {
        let panic = std::panic::catch_unwind(|| never_returns_normally(1)).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("the body of 1"));
    }
}

#[memoize(local)]
fn name_of(a: u32) -> Option<&'static str> {
    let _ = run!();
    ["zero", "one"].get(a as usize).copied()
}

#[memoize(local, cache_none)]
fn function_of(a: bool) -> Option<fn(&str) -> &str> {
    assert_eq!(run!(), 1);
    a.then_some(str::trim)
}

#[test]
fn static_values() {
    assert_eq!((name_of(1), name_of(2)), (Some("one"), None));
    assert!(function_of(false).is_none());
    assert!(function_of(false).is_none());
}

#[memoize]
fn static_text(a: u32) -> Option<String> {
    #![allow(clippy::unnecessary_wraps, reason = "an attribute inside the body goes with it")]
    let _ = run!();
    Some(a.to_string())
}

#[test]
fn inner_attributes() {
    assert_eq!(static_text(1), Some("1".to_owned()));
}

//! Options that are expressions: each form, evaluated when and over what it says.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use cachekit::memoize;

use crate::{block, run, sendable};

static OFF: AtomicBool = AtomicBool::new(false);

fn is_off() -> bool {
    OFF.load(Ordering::SeqCst)
}

#[memoize(unless = b < 0)]
fn by_expression(a: i64, b: i64) -> (i64, u32) {
    (a + b, run!())
}

#[memoize(unless = skip, args_to_ignore = [skip])]
fn by_parameter(a: i64, skip: bool) -> (i64, u32) {
    let _ = skip;
    (a, run!())
}

#[memoize(unless = is_off)]
fn by_path(a: i64) -> (i64, u32) {
    (a, run!())
}

#[memoize(unless = || is_off())]
fn by_closure(a: i64) -> (i64, u32) {
    (a, run!())
}

#[memoize(unless = |a, s| s.len() > 2 && a.starts_with('x'))]
fn by_arguments(a: String, s: &[u8]) -> (usize, u32) {
    (a.len() + s.len(), run!())
}

#[memoize(unless = |a| a.is_empty())]
fn by_one_argument(a: impl AsRef<str> + std::ops::Deref<Target = str> + std::hash::Hash) -> (usize, u32) {
    (a.as_ref().len(), run!())
}

#[memoize(unless = *first < 0 || rest.is_empty())]
fn by_destructured((first, mut rest): (i64, Vec<u8>)) -> (i64, u32) {
    rest.push(1);
    (first, run!())
}

#[memoize(unless = true)]
fn always(a: i64) -> (i64, u32) {
    (a, run!())
}

#[test]
fn unless_neither_reads_nor_writes() {
    assert_eq!((by_expression(1, 1), by_expression(1, 1)), ((2, 1), (2, 1)));
    assert_eq!((by_expression(1, -1), by_expression(1, -1)), ((0, 2), (0, 3)));
    assert_eq!((by_parameter(1, true), by_parameter(1, true)), ((1, 1), (1, 2)));
    assert_eq!((by_parameter(1, false), by_parameter(1, false)), ((1, 3), (1, 3)));
    assert_eq!((by_path(1), by_closure(1)), ((1, 1), (1, 1)));
    OFF.store(true, Ordering::SeqCst);
    assert_eq!((by_path(1), by_closure(1)), ((1, 2), (1, 2)));
    OFF.store(false, Ordering::SeqCst);
    assert_eq!((by_path(1), by_closure(1)), ((1, 1), (1, 1)));
    let by = |a: &str, s| by_arguments(a.to_owned(), s);
    assert_eq!(
        (by("x", b"abc"), by("x", b"abc"), by("y", b"abc"), by("y", b"abc")),
        ((4, 1), (4, 2), (4, 3), (4, 3))
    );
    assert_eq!((by_one_argument(""), by_one_argument("")), ((0, 1), (0, 2)));
    assert_eq!((by_one_argument("a"), by_one_argument("a")), ((1, 3), (1, 3)));
    assert_eq!((by_destructured((1, vec![1])), by_destructured((1, vec![1]))), ((1, 1), (1, 1)));
    assert_eq!((by_destructured((1, vec![])), by_destructured((1, vec![]))), ((1, 2), (1, 3)));
    assert_eq!((always(1), always(1), always::peek(1)), ((1, 1), (1, 2), None));
}

#[memoize(forced_update = |_, force| *force, args_to_ignore = [force])]
fn forced(a: i64, force: bool) -> (i64, u32) {
    let _ = force;
    (a, run!())
}

#[memoize(unless = a == 0, forced_update = a < 5)]
fn both(a: i64) -> (i64, u32) {
    (a, run!())
}

#[test]
fn forced_update_writes_but_does_not_read() {
    assert_eq!((forced(1, false), forced(1, true), forced(1, false)), ((1, 1), (1, 2), (1, 2)));
    assert_eq!((both(0), both::peek(0)), ((0, 1), None));
    assert_eq!((both(1), both(1), both::peek(1)), ((1, 2), (1, 3), Some((1, 3))));
    assert_eq!((both(9), both(9)), ((9, 4), (9, 4)));
}

#[memoize(response_filter = |v| v.len() > 2)]
fn filtered(a: &str) -> Vec<u32> {
    vec![run!(); a.len()]
}

fn is_long(value: &[u32]) -> bool {
    value.len() > 2
}

#[memoize(response_filter = is_long)]
fn filtered_by_path(a: &str) -> Vec<u32> {
    vec![run!(); a.len()]
}

#[memoize(response_filter = Result::is_err, cache_err)]
async fn filtered_later(a: &str) -> Result<u32, u32> {
    let run = run!();
    if a.is_empty() { Err(run) } else { Ok(run) }
}

#[test]
fn response_filter_decides_what_is_stored() {
    assert_eq!((filtered("ab"), filtered("ab")), (vec![1; 2], vec![2; 2]));
    assert_eq!((filtered("abc"), filtered("abc")), (vec![3; 3], vec![3; 3]));
    assert_eq!((filtered_by_path("ab"), filtered_by_path("ab")), (vec![1; 2], vec![2; 2]));
    assert_eq!((filtered_by_path("abc"), filtered_by_path("abc")), (vec![3; 3], vec![3; 3]));
    assert_eq!((block(sendable(filtered_later("a"))), block(filtered_later("a"))), (Ok(1), Ok(2)));
    assert_eq!((block(filtered_later("")), block(filtered_later(""))), (Err(3), Err(3)));
}

static OLDEST: AtomicU32 = AtomicU32::new(0);

#[memoize(is_stale = |value| value.1 < OLDEST.load(Ordering::SeqCst))]
fn checked(a: &str) -> (usize, u32) {
    (a.len(), run!())
}

#[memoize(is_stale = |value, a, limit| value.1 < *limit && a.len() > 1, args_to_ignore = [limit])]
async fn checked_over_arguments(a: String, limit: u32) -> (usize, u32) {
    let _ = limit;
    (a.len(), run!())
}

#[memoize(is_stale = |value| value.0 == 0 && limit > 1, args_to_ignore = [limit])]
fn checked_by_name((a, _): (usize, u8), limit: u32) -> (usize, u32) {
    let _ = limit;
    (a, run!())
}

#[test]
fn is_stale_decides_what_is_served() {
    assert_eq!((checked("a"), checked("a")), ((1, 1), (1, 1)));
    OLDEST.store(2, Ordering::SeqCst);
    assert_eq!((checked("a"), checked("a")), ((1, 2), (1, 2)));
    let call = |a: &str, limit| block(sendable(checked_over_arguments(a.to_owned(), limit)));
    assert_eq!(
        (call("ab", 0), call("ab", 0), call("ab", 2), call("ab", 2)),
        ((2, 1), (2, 1), (2, 2), (2, 2))
    );
    assert_eq!((call("a", 9), call("a", 9)), ((1, 3), (1, 3)));
    assert_eq!((checked_by_name((0, 0), 1), checked_by_name((0, 0), 1)), ((0, 1), (0, 1)));
    assert_eq!((checked_by_name((0, 0), 2), checked_by_name((0, 0), 2)), ((0, 2), (0, 3)));
}

#[memoize(timeout = Duration::from_secs(seconds))]
fn lives(seconds: u64) -> u64 {
    seconds
}

#[memoize(timeout = 50, timeout_from = |value| Duration::from_secs(value.0))]
fn lives_by_value(a: u64) -> (u64, u32) {
    (a, run!())
}

fn lifetime_of(value: &(u64, String)) -> u64 {
    value.0
}

#[memoize(timeout_from = lifetime_of)]
async fn lives_by_path(name: String) -> (u64, String) {
    (9, name)
}

#[memoize(timeout = Duration::from_millis(name.len() as u64 + 60_000))]
async fn lives_by_text(name: String, (a, b): (u8, u8)) -> String {
    format!("{name}{a}{b}")
}

#[memoize("1h30m")]
fn positional(a: u64) -> u64 {
    a
}

#[memoize(0)]
fn for_ever(a: u64) -> u64 {
    a
}

#[memoize(timeout = 60 * 60 * 24)]
fn a_day(a: u64) -> u64 {
    a
}

const LONG: Duration = Duration::from_secs(1_000);

#[memoize(timeout = if a > 5 { LONG } else { LONG * 2 })]
fn long(a: u64) -> u64 {
    a
}

#[test]
fn timeouts() {
    assert_eq!((a_day(1), a_day::cache_timeout()), (1, Some(Duration::from_secs(86_400))));
    assert_eq!((long(1), long(9)), (1, 9));
    assert_eq!((lives(50), lives(50)), (50, 50));
    assert_eq!((lives_by_value(60), lives_by_value(60)), ((60, 1), (60, 1)));
    assert_eq!(block(sendable(lives_by_path("a".into()))), (9, "a".into()));
    assert_eq!(block(sendable(lives_by_text("a".into(), (1, 2)))), "a12");
    assert_eq!(block(lives_by_text::peek("a".into(), (1, 2))), Some("a12".into()));
    assert_eq!((positional(1), positional::cache_timeout()), (1, Some(Duration::from_secs(5_400))));
    assert_eq!((for_ever(1), for_ever::cache_timeout()), (1, Some(Duration::ZERO)));
    positional::set_cache_timeout(Duration::from_secs(5));
    assert_eq!(positional::cache_timeout(), Some(Duration::from_secs(5)));
}

#[memoize(
    none_timeout = "10s",
    err_timeout = 5,
    source_check,
    max_size = 10,
    hash_method = md5,
    make_name = |name| format!("v2.{name}"),
)]
fn everything(a: u64) -> Result<Option<u64>, String> {
    if a == 0 { Err("zero".to_owned()) } else { Ok(None) }
}

fn short(name: &str) -> String {
    name.rsplit("::").next().unwrap_or(name).to_owned()
}

#[memoize(local, hash_method = "md5", make_name = short, source_check = false)]
fn kept_here(a: u64) -> std::sync::Arc<std::sync::Mutex<u64>> {
    std::sync::Arc::new(std::sync::Mutex::new(a))
}

#[test]
fn the_rest_of_the_options() {
    assert_eq!((everything(0), everything(0)), (Err("zero".into()), Err("zero".into())));
    assert_eq!((everything(1), everything::peek(1)), (Ok(None), Some(Ok(None))));
    assert!(everything::make_cache_key(1).contains("v2."));
    let kept = kept_here(1);
    *kept.lock().unwrap() = 7;
    assert_eq!(*kept_here(1).lock().unwrap(), 7);
}

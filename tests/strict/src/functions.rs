//! Free functions.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use cachekit::{CacheKey, cached, delete_memoized, delete_memoized_verhash, memoize};

/// Adds.
#[memoize(timeout = 50)]
#[must_use]
#[inline]
pub fn big_foo(a: i64, b: i64) -> i64 {
    a + b
}

/// Nothing.
#[memoize]
pub fn unit(a: u8) {
    let _ = a;
}

/// Text.
///
/// # Errors
///
/// When it is no number.
#[memoize(args_to_ignore = [pool], cache_err, err_timeout = 5)]
pub fn text(pool: &Pool, text: &str, owned: String) -> Result<u32, String> {
    let _ = pool;
    if text.is_empty() {
        return Ok(0);
    }
    (text.to_owned() + &owned).parse().map_err(|_| owned)
}

/// What is not part of a key.
#[derive(Debug)]
pub struct Pool;

/// Maybe.
#[memoize(cache_none, none_timeout = "10s", local)]
#[must_use]
pub fn maybe(a: f64, _unused: u8) -> Option<f64> {
    (a > 0.0).then_some(a)
}

/// Many generics.
#[memoize]
#[must_use]
pub fn generic<'a, T, const N: usize>(items: &'a [T], more: &'a str, what: impl AsRef<str> + Hash) -> [u8; 4]
where
    T: Hash + Debug,
{
    let sum = items.len() + more.len() + what.as_ref().len() + N;
    u32::try_from(sum).unwrap_or(u32::MAX).to_le_bytes()
}

/// Many ids.
#[memoize(batch, timeout = 50)]
#[must_use]
pub fn batch(ids: &[u64]) -> HashMap<u64, String> {
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

/// Many ids with everything around them.
///
/// # Errors
///
/// When there are too many.
#[memoize(
    batch = names,
    timeout = Duration::from_secs(u64::from(seconds)),
    unless = names.len() > 1000,
    forced_update = force,
    response_filter = |found: &Result<usize, String>| found.is_ok(),
    timeout_from = |found: &Result<usize, String>| Duration::from_secs(found.as_ref().map_or(1, |_| 2)),
    cache_none,
    none_timeout = 5,
    cache_err,
    args_to_ignore = [force, log]
)]
pub fn batch_of_all<T: Hash + Clone, const N: usize>(
    mut names: Vec<String>,
    (seed, _): (u8, u8),
    mut seconds: u8,
    force: bool,
    log: &mut Vec<usize>,
    more: T,
    _unused: &str,
) -> Result<HashMap<String, Result<usize, String>>, String> {
    let _ = more;
    seconds += seed;
    log.push(usize::from(seconds) + N);
    names.retain(|name| !name.is_empty());
    if names.len() > 1000 {
        return Err("too many".to_owned());
    }
    Ok(names.into_iter().map(|name| (name.clone(), name.parse().map_err(|_| name))).collect())
}

/// Borrowed ids, in their order.
#[memoize(batch, local, companions = "batch_of_borrowed")]
#[must_use]
pub fn batch_borrowed(ids: &[&str]) -> Vec<Option<usize>> {
    ids.iter().map(|id| Some(id.len())).collect()
}

/// Taken apart.
#[memoize(unless = *a == 0, make_cache_key = |pair, list| format!("{pair:?}{list:?}"))]
#[must_use]
pub fn apart((a, mut b): (u8, u8), mut list: Vec<u8>) -> Vec<u8> {
    b += a;
    list.push(b);
    list
}

/// Hooks of every kind.
#[memoize(
    timeout = Duration::from_secs(u64::from(a)),
    unless = || false,
    forced_update = force,
    is_stale = |value| value.len() > 9,
    response_filter = |value| value.len() > 1,
    timeout_from = |value| Duration::from_secs(value.len() as u64),
    args_to_ignore = [force],
    make_name = |name| format!("v2.{name}"),
    hash_method = "md5",
    max_size = 7,
    source_check,
)]
#[must_use]
pub fn hooked(a: u8, force: bool) -> String {
    let _ = force;
    a.to_string()
}

/// Too many.
#[memoize]
#[must_use]
#[expect(clippy::too_many_arguments, reason = "they are many")]
pub fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 {
    a + b + c + d + e + f + g + h
}

/// Old.
#[memoize]
#[deprecated = "use `big_foo`"]
#[must_use]
pub fn old(a: u8) -> u8 {
    a
}

/// Not here.
#[cfg(any())]
#[memoize]
pub fn absent(a: Missing) -> Missing {
    a
}

/// # Safety
///
/// None needed.
#[memoize]
#[must_use]
pub unsafe fn dangerous(a: u8) -> u8 {
    a
}

/// Foreign.
#[memoize]
#[must_use]
pub extern "C" fn foreign(a: u8) -> u8 {
    a
}

/// Raw.
#[memoize]
#[must_use]
pub fn r#type(r#match: u8) -> u8 {
    r#match
}

/// Recursive.
#[memoize]
#[must_use]
pub fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

/// A whole map.
#[memoize]
#[allow(clippy::type_complexity, reason = "the companions are allowed it too")]
#[must_use]
pub fn complex(a: HashMapKey) -> HashMap<String, Vec<Result<Option<(u8, u16)>, String>>> {
    let _ = a;
    HashMap::new()
}

/// As complex as clippy lets pass, so that `Option` of it would not.
#[memoize]
#[must_use]
pub fn nearly_complex(a: u8) -> Vec<Result<Option<u8>, (u8, u16)>> {
    let _ = a;
    Vec::new()
}

/// A key.
#[derive(Debug, Clone, CacheKey)]
pub struct HashMapKey {
    /// A number.
    pub number: f64,
    #[cache_key(skip)]
    scratch: Option<u8>,
}

impl HashMapKey {
    /// What it keeps for itself.
    #[must_use]
    pub fn scratch(&self) -> Option<u8> {
        self.scratch
    }
}

/// A key of several kinds.
#[derive(Debug, CacheKey)]
pub enum Kind<T> {
    /// Nothing.
    Unit,
    /// Something.
    One(T),
    /// Two things.
    Two {
        /// The first.
        a: f32,
        /// The second.
        b: String,
    },
}

/// By a name.
#[cached(key_prefix = "MyCachedList")]
#[must_use]
pub fn get_list() -> Vec<f64> {
    vec![1.0]
}

/// By a parameter.
#[cached(timeout = "1m", key_prefix = "item/{id}")]
#[must_use]
pub fn item(id: u64) -> u64 {
    id
}

/// Private, and used.
#[memoize]
fn hidden(a: u8) -> u8 {
    a
}

/// Private, without companions.
#[memoize(companions = false)]
fn lonely(a: u8) -> u8 {
    a
}

/// Everything is forgotten.
///
/// # Errors
///
/// When it cannot be.
pub fn forget() -> Result<(), cachekit::Error> {
    #[memoize]
    fn inner(a: u8) -> u8 {
        hidden(a) + lonely(a)
    }
    let _ = inner(1);
    delete_memoized!(inner)?;
    delete_memoized!(big_foo, 1, 2)?;
    delete_memoized!(r#type)?;
    delete_memoized_verhash!(big_foo)
}

//! cachekit under another name, in a crate without a prelude and of an older edition. Building it is the test.

#![no_implicit_prelude]
#![deny(warnings)]

use ::renamed::{cached, delete_memoized, memoize, methods, CacheKey};

/// Names that would be taken for the prelude's.
pub mod traps {
    /// Not that one.
    #[derive(::core::fmt::Debug)]
    pub enum Result {
        /// Not that one.
        Ok,
        /// Not that one.
        Err,
    }
    /// Not that one.
    pub mod core {}
    /// Not that one.
    pub mod std {}
    /// Not that one.
    pub mod cachekit {}
}

#[allow(unused_imports)]
use traps::{cachekit, core, std, Result, Result::Err, Result::Ok};

/// A key.
#[derive(CacheKey)]
#[cache_key(crate = ::renamed)]
pub struct Key<T> {
    /// A number.
    pub number: f64,
    /// Anything.
    pub more: T,
}

/// Adds.
#[memoize(crate = ::renamed, timeout = 50, unless = a < 0, is_stale = |value| *value < 0)]
pub fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Keys.
#[memoize(crate = ::renamed)]
pub fn keyed<T: CacheKey, const N: usize>(
    key: &Key<T>,
    what: impl ::core::hash::Hash,
) -> ::core::option::Option<f64> {
    let _ = what;
    ::core::option::Option::Some(key.number)
}

/// Many.
#[memoize(crate = ::renamed, batch, cache_none, response_filter = |value| *value > 0)]
pub fn many(ids: &[u64], n: u64) -> ::std::collections::HashMap<u64, u64> {
    let mut all = ::std::collections::HashMap::new();
    for id in ids {
        all.insert(*id, n);
    }
    all
}

/// Waits for many.
#[memoize(crate = ::renamed, batch)]
pub async fn wait_for_many(
    ids: ::std::vec::Vec<u64>,
) -> ::core::result::Result<::std::collections::BTreeMap<u64, u64>, u8> {
    let _ = ids;
    ::core::result::Result::Ok(::std::collections::BTreeMap::new())
}

/// Waits.
#[memoize(crate = ::renamed)]
pub async fn wait(text: &str) -> ::core::result::Result<usize, ::std::string::String> {
    ::core::result::Result::Ok(text.len())
}

/// Lists.
#[cached(crate = ::renamed, key_prefix = "list/{id}")]
pub fn list(id: u64) -> ::std::vec::Vec<u64> {
    ::std::vec![id]
}

/// Adds.
#[derive(::core::hash::Hash)]
pub struct Adder(pub u64);

#[methods(crate = ::renamed)]
impl Adder {
    /// Adds.
    #[memoize]
    pub fn add(&self, b: u64) -> u64 {
        self.0 + b
    }
}

impl ::core::ops::Add<u64> for Adder {
    type Output = u64;

    #[memoize(crate = ::renamed, companions = false)]
    fn add(self, b: u64) -> u64 {
        self.0 + b
    }
}

/// Forgets.
pub fn forget() -> ::core::result::Result<bool, ::renamed::Error> {
    delete_memoized!(Adder(1).add)?;
    delete_memoized!(add, 1, 2)
}

#[test]
fn it_works_under_another_name() {
    ::core::assert_eq!((add(1, 2), add(1, 2)), (3, 3));
    ::core::assert_eq!(add::peek(1, 2), ::core::option::Option::Some(3));
    ::core::assert_eq!(Adder(1).add_peek(1), ::core::option::Option::None);
    ::core::assert!(::core::matches!(forget(), ::core::result::Result::Ok(true)));
    let key = Key { number: 0.5, more: 1u8 };
    ::core::assert_eq!(keyed::<u8, 1>(&key, "a"), ::core::option::Option::Some(0.5));
    ::core::assert_eq!(list(1), [1]);
}

//! A method with `self`, which is part of the key.

#![allow(clippy::trivially_copy_pass_by_ref, reason = "methods take `&self`")]

use std::sync::LazyLock;

use super::by_hand::by_hand;
use super::{Contestant, names};

/// What the method is called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shop {
    /// Its number.
    pub id: u64,
}

type Price = fn(&Shop, u64) -> u64;

#[inline(never)]
fn body(shop: &Shop, item: u64) -> u64 {
    shop.id.wrapping_mul(item)
}

impl Shop {
    #[cachekit::memoize(timeout = 300)]
    fn ours(&self, item: u64) -> u64 {
        body(self, item)
    }

    // Without `convert`, all shops would have the same prices.
    #[cached::macros::cached(in_impl = true, key = "(u64, u64)", convert = "{ (self.id, item) }")]
    fn plain(&self, item: u64) -> u64 {
        body(self, item)
    }

    #[cached::macros::cached(
        in_impl = true,
        max_size = 10000,
        ttl_secs = 300,
        key = "(u64, u64)",
        convert = "{ (self.id, item) }"
    )]
    fn bounded(&self, item: u64) -> u64 {
        body(self, item)
    }
}

by_hand!((shop: &Shop, item: u64) -> u64, (Shop, u64) = (*shop, item), found by &(*shop, item));

/// All contestants.
pub static METHOD: LazyLock<Vec<Contestant<Price>>> = LazyLock::new(|| {
    let macros: [Contestant<Price>; 4] = [
        (names::NONE, body),
        (names::OURS, Shop::ours),
        (names::CACHED_PLAIN, Shop::plain),
        (names::CACHED, Shop::bounded),
    ];
    macros.into_iter().chain(by_hand()).collect()
});

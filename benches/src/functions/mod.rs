//! The same functions, memoized by each contestant: through its macro as its users write it, or by hand over its store.

mod asynchronous;
mod by_hand;
mod method;
mod page;
mod pair;
mod shared;
mod sized;
mod text;

pub use asynchronous::ASYNC;
pub use method::{METHOD, Shop};
pub use page::PAGE;
pub use pair::PAIR;
pub use shared::SHARED;
pub use sized::{Call, FEW, Many, SIZED, million};
pub use text::TEXT;

/// How many entries the bounded contestants may hold: more than are looked up.
pub const CAPACITY: usize = 10_000;

/// A contestant: its name, and its function.
pub type Contestant<F> = (&'static str, F);

/// The names of those that the targets speak of.
pub mod names {
    /// `#[memoize(timeout = 300)]`.
    pub const OURS: &str = "**cachekit `#[memoize(timeout)]`**";
    /// The fair peer: bounded and timed.
    pub const CACHED: &str = "cached `#[cached(max_size, ttl)]`";
    /// Neither bounded nor timed.
    pub const CACHED_PLAIN: &str = "cached `#[cached]`";
    /// The floor: a call that caches nothing.
    pub const NONE: &str = "no cache: a call";
    /// A map per thread.
    pub const THREAD: &str = "thread_local HashMap, rapidhash";
    /// papaya.
    pub const PAPAYA: &str = "papaya, rapidhash";
    /// `quick_cache`.
    pub const QUICK: &str = "quick_cache";
    /// `cached`, sharded.
    pub const CONCURRENT: &str = "cached `#[concurrent_cached]`";
    /// `cached`, sharded, bounded and timed.
    pub const CONCURRENT_TIMED: &str = "cached `#[concurrent_cached(max_size, ttl)]`";
    /// `cached`, timed.
    pub const CACHED_TIMED: &str = "cached `#[cached(ttl)]`";
    /// `memoize`, shared by all threads.
    pub const MEMOIZE: &str = "memoize `SharedCache`";
    /// `cachelito`, bounded and timed.
    pub const CACHELITO: &str = "cachelito `#[cache(limit, ttl)]`";
}

//! The stores that one would memoize with by hand, behind one trait.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use cachekit_backends::{Clock, OwnedKey, Table, TableConfig, Target};
use rapidhash::fast::RandomState;

/// The lifetime of entries, where the store knows lifetimes.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// What a key must be for all of them.
pub trait Key: Hash + Eq + Clone + Send + Sync + 'static {}
impl<T: Hash + Eq + Clone + Send + Sync + 'static> Key for T {}

/// What a value must be for all of them.
pub trait Value: Clone + Send + Sync + 'static {}
impl<T: Clone + Send + Sync + 'static> Value for T {}

/// A store of values.
pub trait Store<K: Key, V: Value>: Send + Sync + Sized + 'static {
    /// What it is called in the results.
    const NAME: &'static str;

    /// An empty one for so many entries.
    fn sized(capacity: usize) -> Self;

    /// A clone of the value under the key.
    fn find<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>;

    /// Stores a value.
    fn put(&self, key: K, value: V);

    /// Forgets all values.
    fn clear(&self);

    /// How many entries there are.
    fn count(&self) -> usize;
}

/// `Mutex<HashMap>` with rapidhash.
pub type Locked<K, V> = Mutex<HashMap<K, V, RandomState>>;
/// `RwLock<HashMap>` with rapidhash.
pub type ReadLocked<K, V> = RwLock<HashMap<K, V, RandomState>>;
/// `DashMap` with rapidhash.
pub type Dash<K, V> = dashmap::DashMap<K, V, RandomState>;
/// papaya's map with rapidhash.
pub type Papaya<K, V> = papaya::HashMap<K, V, RandomState>;
/// `quick_cache` as it is.
pub type Quick<K, V> = quick_cache::sync::Cache<K, V>;
/// foyer's in-memory cache with S3-FIFO.
#[derive(Debug)]
pub struct Foyer<K: Key, V: Value>(foyer::Cache<K, V>);
/// moka with a time to live.
pub type Moka<K, V> = moka::sync::Cache<K, V>;
/// mini-moka with a time to live.
pub type MiniMoka<K, V> = mini_moka::sync::Cache<K, V>;

/// Writes down what all of them have in common.
macro_rules! store {
    ($store:ident, $name:literal, |$capacity:ident| $new:expr, |$own:ident, $key:ident| $find:expr,
     |$value:ident| $put:expr, clear $clear:expr, count $count:expr $(,)?) => {
        impl<K: Key, V: Value> Store<K, V> for $store<K, V> {
            const NAME: &'static str = $name;
            fn sized($capacity: usize) -> Self {
                $new
            }
            #[inline]
            fn find<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, $key: &Q) -> Option<V>
            where
                K: Borrow<Q>,
            {
                let $own = self;
                $find
            }
            #[inline]
            fn put(&self, $key: K, $value: V) {
                let $own = self;
                $put;
            }
            fn clear(&self) {
                let $own = self;
                $clear;
            }
            fn count(&self) -> usize {
                let $own = self;
                $count
            }
        }
    };
}

store!(Locked, "Mutex<HashMap>, rapidhash",
    |capacity| Mutex::new(HashMap::with_capacity_and_hasher(capacity, RandomState::new())),
    |own, key| own.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned(),
    |value| own.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value),
    clear own.lock().unwrap_or_else(PoisonError::into_inner).clear(),
    count own.lock().unwrap_or_else(PoisonError::into_inner).len());

store!(ReadLocked, "RwLock<HashMap>, rapidhash",
    |capacity| RwLock::new(HashMap::with_capacity_and_hasher(capacity, RandomState::new())),
    |own, key| own.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned(),
    |value| own.write().unwrap_or_else(PoisonError::into_inner).insert(key, value),
    clear own.write().unwrap_or_else(PoisonError::into_inner).clear(),
    count own.read().unwrap_or_else(PoisonError::into_inner).len());

store!(Dash, "DashMap, rapidhash",
    |capacity| Dash::with_capacity_and_hasher(capacity, RandomState::new()),
    |own, key| own.get(key).map(|entry| entry.value().clone()),
    |value| own.insert(key, value),
    clear own.clear(),
    count own.len());

store!(Papaya, "papaya, rapidhash",
    |capacity| Papaya::with_capacity_and_hasher(capacity, RandomState::new()),
    |own, key| own.pin().get(key).cloned(),
    |value| own.pin().insert(key, value),
    clear own.pin().clear(),
    count own.len());

store!(Quick, "quick_cache",
    |capacity| Quick::new(capacity),
    |own, key| own.get(key),
    |value| own.insert(key, value),
    clear own.clear(),
    count own.len());

store!(Foyer, "foyer S3-FIFO",
    |capacity| Foyer(
        foyer::CacheBuilder::new(capacity).with_eviction_config(foyer::S3FifoConfig::default()).build()
    ),
    |own, key| own.0.get(key).map(|entry| entry.value().clone()),
    |value| own.0.insert(key, value),
    clear own.0.clear(),
    count own.0.entries());

store!(Moka, "moka, time_to_live",
|capacity| Moka::builder().max_capacity(capacity as u64).time_to_live(LIFETIME).build(),
|own, key| own.get(key),
|value| own.insert(key, value),
clear {
    own.invalidate_all();
    own.run_pending_tasks();
},
count {
    own.run_pending_tasks();
    usize::try_from(own.entry_count()).unwrap_or(usize::MAX)
});

impl<K: Key, V: Value> Store<K, V> for MiniMoka<K, V> {
    const NAME: &'static str = "mini-moka, time_to_live";
    fn sized(capacity: usize) -> Self {
        MiniMoka::builder().max_capacity(capacity as u64).time_to_live(LIFETIME).build()
    }
    #[inline]
    fn find<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        // It looks only for whole keys: theirs are behind an `Arc`.
        self.get(&key.to_owned())
    }
    #[inline]
    fn put(&self, key: K, value: V) {
        self.insert(key, value);
    }
    fn clear(&self) {
        self.invalidate_all();
    }
    fn count(&self) -> usize {
        usize::try_from(self.entry_count()).unwrap_or(usize::MAX)
    }
}

/// The table under `#[memoize]`, without the rest.
impl<K: Key, V: Value> Store<K, V> for Table<V> {
    const NAME: &'static str = "cachekit, its table";
    fn sized(capacity: usize) -> Self {
        Table::new(TableConfig { capacity, clock: Clock::SYSTEM })
    }
    #[inline]
    fn find<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)
    }
    #[inline]
    fn put(&self, key: K, value: V) {
        self.insert(&OwnedKey::of(&key), value, Some(LIFETIME));
    }
    fn clear(&self) {
        self.invalidate(Target::All);
    }
    fn count(&self) -> usize {
        self.len()
    }
}

//! A store that takes nothing more, and says so: what is forgotten is forgotten, or that it is not is an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit::{Backend, Cache, Capability, ErrorKind, Result, Seen, delete_memoized, memoize};

use crate::helper::{Shelf, with};

#[memoize(timeout = 600)]
fn double(n: u64) -> u64 {
    n * 2
}

struct Shop(u64);

impl std::hash::Hash for Shop {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Shop {
    #[memoize(timeout = 600)]
    fn price(&self, n: u64) -> u64 {
        self.0 + n
    }
}

/// A shelf that has no room while it is full; what is there can be read and removed.
#[derive(Clone, Debug, Default)]
struct Full {
    shelf: Shelf,
    is_full: Arc<AtomicBool>,
}

impl Full {
    fn is_full(&self) -> bool {
        self.is_full.load(Ordering::SeqCst)
    }
}

impl Backend for Full {
    fn name(&self) -> &'static str {
        "Full"
    }

    fn capability(&self) -> Capability {
        self.shelf.capability()
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.shelf.get_many(keys)
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        if self.is_full() { Ok(vec![false; items.len()]) } else { self.shelf.set_many(items, lifetime) }
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        Ok(!self.is_full() && self.shelf.add(key, value, lifetime)?)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        Ok(!self.is_full() && self.shelf.compare_and_set(key, seen, value, lifetime)?)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.shelf.delete_many(keys)
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.shelf.increment(key, delta, lifetime)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.shelf.clear(prefix)
    }
}

#[test]
fn what_is_forgotten_without_room_is_not_served() {
    let full = Full::default();
    let cache = Cache::builder().backend(full.clone()).build();
    with(&cache, || {
        assert_eq!((double(1), double(2), Shop(1).price(2)), (2, 4, 3));
        assert_eq!(cache.set("key", "value", 60).map_err(|error| error.kind()), Ok(()));
        full.is_full.store(true, Ordering::SeqCst);
        assert_eq!(double::peek(1), Some(2));

        // One call: it is gone, but a computation that is running could bring it back.
        assert_eq!(delete_memoized!(double, 1).map_err(|error| error.kind()), Err(ErrorKind::NoSpace));
        assert_eq!((double::peek(1), double::peek(2)), (None, Some(4)));
        assert_eq!(cache.delete(&double::make_cache_key(2)).unwrap_err().kind(), ErrorKind::NoSpace);
        assert_eq!(double::peek(2), None);

        // An instance and a function: nothing is under a stamp that is not there.
        assert_eq!(Shop(1).price_peek(2), Some(3));
        delete_memoized!(Shop(1).price).unwrap();
        assert_eq!(Shop(1).price_peek(2), None);
        full.is_full.store(false, Ordering::SeqCst);
        assert_eq!((double(1), Shop(1).price(2)), (2, 3));
        full.is_full.store(true, Ordering::SeqCst);
        assert_eq!((double::peek(1), Shop(1).price_peek(2)), (Some(2), Some(3)));
        delete_memoized!(double).unwrap();
        delete_memoized!(Shop::price).unwrap();
        assert_eq!((double::peek(1), Shop(1).price_peek(2)), (None, None));

        assert_eq!(cache.set("key", "other", 60).unwrap_err().kind(), ErrorKind::Backend);
        assert!(cache.delete("key").unwrap());
    });
}

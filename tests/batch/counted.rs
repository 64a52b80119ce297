//! A backend that counts how often it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cachekit::{Backend, Cache, Capability, Read, Result, Seen, Swap};

/// A backend that counts how often it is asked.
#[derive(Debug)]
pub(crate) struct Counted<B> {
    inner: B,
    operations: AtomicU64,
}

impl<B: Backend> Counted<B> {
    pub(crate) fn new(inner: B) -> (Arc<Self>, Cache) {
        let counted = Arc::new(Self { inner, operations: AtomicU64::new(0) });
        (Arc::clone(&counted), Cache::builder().shared_backend(counted).build())
    }

    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(SeqCst)
    }

    fn counted(&self) -> &B {
        self.operations.fetch_add(1, SeqCst);
        &self.inner
    }
}

impl<B: Backend> Backend for Counted<B> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.counted().get_many(keys)
    }

    fn read_many(&self, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        self.counted().read_many(keys)
    }

    fn add_and_read(
        &self,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        self.counted().add_and_read(new, keys)
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        self.counted().set_many(items, lifetime)
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.counted().add(key, value, lifetime)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        self.counted().compare_and_set(key, seen, value, lifetime)
    }

    fn compare_and_set_many(&self, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        self.counted().compare_and_set_many(swaps)
    }

    // The async flavours of a store that may block and has none of its own are the blocking ones.
    fn add_and_read_async<'a>(
        &'a self,
        new: &'a [(&'a str, &'a [u8], Option<Duration>)],
        keys: &'a [&'a str],
    ) -> cachekit::Answer<'a, Result<Vec<Option<Read>>>> {
        cachekit::Answer::ready(self.add_and_read(new, keys))
    }

    fn compare_and_set_many_async<'a>(
        &'a self,
        swaps: &'a [Swap<'a>],
    ) -> cachekit::Answer<'a, Result<Vec<bool>>> {
        cachekit::Answer::ready(self.compare_and_set_many(swaps))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.counted().delete_many(keys)
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.counted().increment(key, delta, lifetime)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.counted().clear(prefix)
    }
}

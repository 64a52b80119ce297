//! What the cases have in common.

use std::future::Future;
use std::sync::Mutex;

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache};
use cachekit_tests::flavours::poll_by_hand;

/// What the ids were that a body was run for.
pub(crate) struct Runs<Id>(Mutex<Vec<Vec<Id>>>);

impl<Id: Clone> Runs<Id> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn note(&self, ids: &[Id]) {
        self.0.lock().unwrap().push(ids.to_vec());
    }

    pub(crate) fn take(&self) -> Vec<Vec<Id>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A cache of typed values in this process.
pub(crate) fn table() -> Cache {
    Cache::builder().build()
}

/// One whose values are bytes in a backend that stands for one outside.
pub(crate) fn bytes() -> Cache {
    Cache::builder().backend(Faulty::new(SimpleCache::new())).build()
}

/// Runs a case with a cache of its own.
pub(crate) fn alone(case: impl FnOnce()) {
    Scope::new(table()).run(case);
}

/// Runs a case with a table, and with bytes.
pub(crate) fn both(case: impl Fn()) {
    for cache in [table(), bytes()] {
        eprintln!("with {:?}", cache.backend().name());
        Scope::new(cache).run(&case);
    }
}

/// Runs a future to its end on this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    poll_by_hand(future)
}

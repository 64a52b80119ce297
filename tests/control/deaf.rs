//! Backends that do not forget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use cachekit::{Cache, CacheBuilder, Capability, Error, ErrorKind, Result, SimpleCache};
use cachekit_tests::via::{Before, Operation, Via};

/// Reads and fills, but refuses to forget when it is told to: no deletion, no tombstone, no new stamp.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deaf(Arc<AtomicBool>);

impl Deaf {
    /// One that refuses, and a cache with it.
    pub(crate) fn new() -> (Self, CacheBuilder) {
        let deaf = Self::default();
        (deaf.clone(), Cache::builder().backend(Via::new(deaf, SimpleCache::new())))
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.0.store(refuses, SeqCst);
    }
}

impl Before for Deaf {
    fn before(&self, operation: Operation<'_>) -> Result<()> {
        let forgets = match operation {
            Operation::Delete | Operation::Clear => true,
            // What a user sets is an integer here; a stamp has 8 bytes, a tombstone more.
            Operation::Set(items) => items.iter().any(|(_, value)| value.len() >= 8),
            _ => false,
        };
        if forgets && self.0.load(SeqCst) {
            return Err(Error::new(ErrorKind::Backend, "told to refuse"));
        }
        Ok(())
    }

    fn capability(&self, mut inner: Capability) -> Capability {
        inner.in_process = false;
        inner
    }
}

/// Takes for ever to delete where that need not block.
#[derive(Debug)]
pub(crate) struct Slow;

impl Before for Slow {
    fn before(&self, _: Operation<'_>) -> Result<()> {
        Ok(())
    }

    fn is_endless(&self, operation: Operation<'_>) -> bool {
        matches!(operation, Operation::Delete)
    }
}

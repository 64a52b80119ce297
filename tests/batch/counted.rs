//! A backend that counts how often it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use cachekit::{Backend, Cache, Result};
use cachekit_tests::via::{Before, Operation, Via};

/// How often a backend was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<AtomicU64>);

impl Counted {
    pub(crate) fn new(inner: impl Backend) -> (Self, Cache) {
        let counted = Self::default();
        (counted.clone(), Cache::builder().backend(Via::new(counted, inner)).build())
    }

    pub(crate) fn operations(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

impl Before for Counted {
    fn before(&self, _: Operation<'_>) -> Result<()> {
        self.0.fetch_add(1, SeqCst);
        Ok(())
    }
}

//! A backend that does what another one does, and notes what is asked and what is told.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use cachekit::Cache;
use cachekit_backends::{Backend, Listener, Result};
use cachekit_tests::via::{Before, Operation, Via};

#[derive(Clone, Debug)]
pub(crate) struct Spy {
    pub(crate) backend: Via<Noting>,
    pub(crate) seen: Arc<Notes>,
}

/// Who notes.
#[derive(Clone, Debug)]
pub(crate) struct Noting(Arc<Notes>);

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Exchanges that read.
    pub(crate) reads: AtomicUsize,
    pub(crate) began: AtomicUsize,
    pub(crate) ended: AtomicUsize,
    /// What was told, once whoever listens had done with it.
    told: Mutex<Vec<String>>,
}

impl Notes {
    /// How often one of these keys was told.
    pub(crate) fn told(&self, keys: &[String]) -> usize {
        self.told.lock().unwrap().iter().filter(|told| keys.contains(told)).count()
    }

    /// How often a key was told of which this is true.
    pub(crate) fn told_if(&self, is_it: impl Fn(&str) -> bool) -> usize {
        self.told.lock().unwrap().iter().filter(|told| is_it(told)).count()
    }
}

impl Spy {
    /// The cache of a URL with a spy before its backend, and the spy.
    pub(crate) fn on(url: &str, prefix: &str) -> (Cache, Self) {
        let backend = Cache::from_url(url).unwrap().backend().clone();
        Self::before(backend, prefix)
    }

    pub(crate) fn before(inner: Arc<dyn Backend>, prefix: &str) -> (Cache, Self) {
        let seen: Arc<Notes> = Arc::default();
        let backend = Via::shared(Noting(Arc::clone(&seen)), inner);
        (Cache::builder().backend(backend.clone()).key_prefix(prefix).build(), Self { backend, seen })
    }

    /// Whether a call is answered without a read.
    pub(crate) fn is_near<T>(&self, call: impl FnOnce() -> T) -> bool {
        let before = self.seen.reads.load(SeqCst);
        call();
        self.seen.reads.load(SeqCst) == before
    }
}

struct Overheard {
    seen: Arc<Notes>,
    listener: Arc<dyn Listener>,
}

impl Listener for Overheard {
    fn began(&self) {
        self.listener.began();
        self.seen.began.fetch_add(1, SeqCst);
    }

    fn changed(&self, key: &str) {
        self.listener.changed(key);
        self.seen.told.lock().unwrap().push(key.to_owned());
    }

    fn ended(&self) {
        self.listener.ended();
        self.seen.ended.fetch_add(1, SeqCst);
    }
}

impl Before for Noting {
    fn before(&self, operation: Operation<'_>) -> Result<()> {
        self.0.reads.fetch_add(usize::from(matches!(operation, Operation::Read)), SeqCst);
        Ok(())
    }

    fn listener(&self, listener: Arc<dyn Listener>) -> Arc<dyn Listener> {
        Arc::new(Overheard { seen: Arc::clone(&self.0), listener })
    }
}

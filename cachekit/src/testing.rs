//! For the tests of code that uses cachekit: a cache of one's own, a clock to move, a backend that fails on command.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit_backends::{Answer, Backend, Capability, Error, ErrorKind, Result};

pub use crate::registry::{Scope, ScopeGuard};
pub use cachekit_backends::ManualClock;

/// A backend that fails on command and otherwise does what another one does.
///
/// ```
/// use cachekit::{Cache, NullCache, SimpleCache, memoize, testing::{Faulty, Scope}};
///
/// #[memoize]
/// fn square(n: u64) -> u64 { n * n }
///
/// let faulty = Faulty::new(SimpleCache::new());
/// let cache = Cache::builder().backend(faulty.clone()).build();
/// faulty.fail(true);
/// Scope::new(cache).run(|| {
///     assert_eq!(square(4), 16);                    // the function works without its cache,
///     assert!(square::delete_memoized().is_err());  // but what cannot be forgotten is said
/// });
/// ```
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Backend>,
    failing: Arc<AtomicBool>,
}

impl Faulty {
    /// A backend that works until it is told to fail. It stands for one outside this process.
    pub fn new(inner: impl Backend) -> Self {
        Self { inner: Arc::new(inner), failing: Arc::default() }
    }

    /// Makes every operation fail, or work again.
    pub fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    fn check(&self) -> Result<&dyn Backend> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Backend, "told to fail"));
        }
        Ok(&*self.inner)
    }
}

impl Backend for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        let mut capability = self.inner.capability();
        capability.in_process = false;
        capability
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.check()?.get_many(keys)
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        self.check()?.set_many(items, lifetime)
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.check()?.add(key, value, lifetime)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<&[u8]>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        self.check()?.compare_and_set(key, seen, value, lifetime)
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.check()?.delete_many(keys)
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.check()?.increment(key, delta, lifetime)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.check()?.clear(prefix)
    }

    fn entries(&self) -> Option<usize> {
        self.inner.entries()
    }

    fn get_many_async<'a>(&'a self, keys: &'a [&'a str]) -> Answer<'a, Result<Vec<Option<Vec<u8>>>>> {
        match self.check() {
            Ok(inner) => inner.get_many_async(keys),
            Err(error) => Answer::ready(Err(error)),
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).field("failing", &self.failing).finish()
    }
}

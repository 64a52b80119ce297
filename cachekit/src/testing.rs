//! For the tests of code that uses cachekit: a cache of one's own, a clock to move, a backend that fails on command.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachekit_backends::{
    Answer, Backend, BreakerState, Capability, Error, ErrorKind, Listener, Read, Result, Seen, ServerHealth,
    Swap, Watch,
};

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

/// Implements operations by those of the inner backend, unless it is told to fail.
macro_rules! forward {
    ($($name:ident / $twin:ident ($($arg:ident: $t:ty),*) -> $out:ty;)*) => {$(
        #[allow(clippy::needless_lifetimes, reason = "the async twin needs the name of the lifetime")]
        fn $name<'a>(&self, $($arg: $t),*) -> Result<$out> {
            self.check()?.$name($($arg),*)
        }

        fn $twin<'a>(&'a self, $($arg: $t),*) -> Answer<'a, Result<$out>> {
            match self.check() {
                Ok(inner) => inner.$twin($($arg),*),
                Err(error) => Answer::ready(Err(error)),
            }
        }
    )*};
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

    fn entries(&self) -> Option<usize> {
        self.inner.entries()
    }

    /// Those of the inner one, and one called `faulty`, which is left alone while this fails.
    fn health(&self) -> Vec<ServerHealth> {
        let failing = self.failing.load(Ordering::SeqCst);
        let own = ServerHealth::new("faulty").breaker(if failing {
            BreakerState::Open
        } else {
            BreakerState::Closed
        });
        self.inner.health().into_iter().chain([own]).collect()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        self.inner.watch(prefix, listener)
    }

    forward! {
        get_many / get_many_async(keys: &'a [&'a str]) -> Vec<Option<Vec<u8>>>;
        read_many / read_many_async(keys: &'a [&'a str]) -> Vec<Option<Read>>;
        add_and_read / add_and_read_async(
            new: &'a [(&'a str, &'a [u8], Option<Duration>)],
            keys: &'a [&'a str]
        ) -> Vec<Option<Read>>;
        set_many / set_many_async(items: &'a [(&'a str, &'a [u8])], lifetime: Option<Duration>) -> Vec<bool>;
        add / add_async(key: &'a str, value: &'a [u8], lifetime: Option<Duration>) -> bool;
        compare_and_set / compare_and_set_async(
            key: &'a str,
            seen: Option<Seen<'a>>,
            value: &'a [u8],
            lifetime: Option<Duration>
        ) -> bool;
        compare_and_set_many / compare_and_set_many_async(swaps: &'a [Swap<'a>]) -> Vec<bool>;
        delete_many / delete_many_async(keys: &'a [&'a str]) -> Vec<bool>;
        has_many / has_many_async(keys: &'a [&'a str]) -> Vec<bool>;
        increment / increment_async(key: &'a str, delta: i64, lifetime: Option<Duration>) -> i64;
        clear / clear_async(prefix: &'a str) -> ();
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).field("failing", &self.failing).finish()
    }
}

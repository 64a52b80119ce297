//! Caches that stand in for the installed ones, for a thread or a task.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use crate::cache::Cache;
use crate::call;

/// Caches that stand in for the installed ones, for a thread or a task: tests of cached functions get a cache each.
///
/// ```
/// use cachekit::{Cache, memoize, testing::Scope};
///
/// #[memoize]
/// fn square(n: u64) -> u64 { n * n }
///
/// Scope::new(Cache::builder().build()).run(|| {
///     square(3);
///     assert_eq!(square::peek(3), Some(9));
/// });
/// assert_eq!(square::peek(3), None); // outside, another cache
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    caches: Arc<Caches>,
}

#[derive(Clone, Debug)]
struct Caches {
    default: Cache,
    named: HashMap<String, Cache>,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

impl Scope {
    /// A scope in which `cache` stands in for the default cache and for all named ones.
    pub fn new(cache: Cache) -> Self {
        Self { caches: Arc::new(Caches { default: cache, named: HashMap::new() }) }
    }

    /// Gives a name a cache of its own in this scope.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, cache: Cache) -> Self {
        Arc::make_mut(&mut self.caches).named.insert(name.into(), cache);
        self
    }

    /// The scope that this thread is in.
    pub(crate) fn current() -> Option<Self> {
        if call::is_scoped() { SCOPE.with_borrow(Clone::clone) } else { None }
    }

    /// Runs `call` inside the scope, on this thread.
    pub fn run<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        call()
    }

    /// Runs a future inside the scope, on whatever threads it is polled. Tasks it spawns are outside.
    pub async fn run_async<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|cx| {
            let _entered = self.enter();
            call.as_mut().poll(cx)
        })
        .await
    }

    /// Enters the scope on this thread until the guard is dropped.
    pub fn enter(&self) -> ScopeGuard {
        let outer = SCOPE.replace(Some(self.clone()));
        call::set_scoped(true);
        ScopeGuard { outer, _on_this_thread: Rc::default() }
    }
}

/// Keeps a [`Scope`] entered on this thread.
#[must_use = "the scope is left when this is dropped"]
#[derive(Debug)]
pub struct ScopeGuard {
    outer: Option<Scope>,
    _on_this_thread: Rc<()>,
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        call::set_scoped(self.outer.is_some());
        SCOPE.set(self.outer.take());
    }
}

pub(super) fn scoped(name: Option<&str>) -> Option<Cache> {
    if !call::is_scoped() {
        return None;
    }
    SCOPE.with_borrow(|scope| {
        let caches = &scope.as_ref()?.caches;
        Some(name.and_then(|name| caches.named.get(name)).unwrap_or(&caches.default).clone())
    })
}

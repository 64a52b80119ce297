//! Stores in both flavours, for tests that try each: with patience, and with the async operations driven in two ways that
//! have nothing to do with each other.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use cachekit_backends::{Address, Backend, Capability, Deadlines, Listener, Read, Result, Seen, Swap, Watch};

/// Long enough for a busy machine.
pub const PATIENT: Deadlines =
    Deadlines { connect: Duration::from_secs(5), operation: Duration::from_secs(5) };

/// The address of a server or a proxy.
pub fn address(socket: SocketAddr) -> Address {
    Address::tcp(socket.ip().to_string(), socket.port())
}

/// Both flavours of a backend, each as one that has blocking operations.
pub fn flavours(backend: Arc<dyn Backend>) -> [(&'static str, Arc<dyn Backend>); 2] {
    let only_async = OnlyAsync { inner: Arc::clone(&backend), driver: Driver::Hand };
    [("blocking", backend), ("async", Arc::new(only_async))]
}

/// The two ways to wait for an async operation that have nothing to do with each other.
pub const DRIVERS: [(&str, Driver); 2] = [("polled by hand", Driver::Hand), ("in a runtime", Driver::Tokio)];

/// How an async operation is waited for.
#[derive(Clone, Copy, Debug)]
pub enum Driver {
    /// Polled on this thread, without any runtime.
    Hand,
    /// In a runtime that has neither a clock nor input and output: they are none of the caller's business.
    Tokio,
}

impl Driver {
    /// Waits for a future.
    ///
    /// # Panics
    ///
    /// If there is no runtime to be had.
    pub fn drive<T>(self, future: impl Future<Output = T>) -> T {
        match self {
            Self::Hand => poll_by_hand(future),
            Self::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(future)
            }
        }
    }
}

/// Polls a future on this thread, without any runtime.
pub fn poll_by_hand<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// Tries again until it succeeds; says how long that took.
///
/// # Panics
///
/// When it does not succeed within the limit.
pub fn until(limit: Duration, mut attempt: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !attempt() {
        assert!(start.elapsed() < limit, "not within {limit:?}");
        thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

/// A backend whose blocking operations are the async ones of another, so that the whole kit runs on these, too.
pub struct OnlyAsync {
    /// The other.
    pub inner: Arc<dyn Backend>,
    /// How its operations are waited for.
    pub driver: Driver,
}

impl Backend for OnlyAsync {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        self.inner.watch(prefix, listener)
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.driver.drive(self.inner.get_many_async(keys))
    }

    fn read_many(&self, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        self.driver.drive(self.inner.read_many_async(keys))
    }

    fn add_and_read(
        &self,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        self.driver.drive(self.inner.add_and_read_async(new, keys))
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        self.driver.drive(self.inner.set_many_async(items, lifetime))
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.driver.drive(self.inner.add_async(key, value, lifetime))
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        self.driver.drive(self.inner.compare_and_set_async(key, seen, value, lifetime))
    }

    fn compare_and_set_many(&self, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        self.driver.drive(self.inner.compare_and_set_many_async(swaps))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.driver.drive(self.inner.delete_many_async(keys))
    }

    fn has_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.driver.drive(self.inner.has_many_async(keys))
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.driver.drive(self.inner.increment_async(key, delta, lifetime))
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        self.driver.drive(self.inner.clear_async(prefix))
    }
}

impl fmt::Debug for OnlyAsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnlyAsync").field("inner", &self.inner).finish_non_exhaustive()
    }
}

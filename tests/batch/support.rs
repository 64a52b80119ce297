//! What the cases have in common.

use std::future::Future;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use cachekit::testing::{Faulty, Scope};
use cachekit::{Cache, SimpleCache};
use cachekit_tests::flavours::poll_by_hand;

/// What the ids were that a body was run for.
pub(crate) struct Runs<Id>(pub(crate) Mutex<Vec<Vec<Id>>>);

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
    Cache::builder().backend(Faulty::new(SimpleCache::builder().threshold(100_000).build())).build()
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

/// Where a body stops until it is let on.
pub(crate) struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Gate {
    pub(crate) const fn new() -> Self {
        Self { state: Mutex::new((0, false)), changed: Condvar::new() }
    }

    /// Goes through, once it is open.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(state, |(_, open)| !*open).unwrap());
    }

    /// Waits until so many stand before it, or went through.
    pub(crate) fn await_arrivals(&self, count: usize) {
        let state = self.state.lock().unwrap();
        let came = self.changed.wait_timeout_while(state, PATIENCE, |(came, _)| *came < count).unwrap();
        assert!(!came.1.timed_out(), "nobody came");
    }

    pub(crate) fn close(&self) {
        *self.state.lock().unwrap() = (0, false);
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

/// What any step of a test may take on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A gate that is no part of a key.
impl std::hash::Hash for Gate {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// Runs something that must come to an end.
pub(crate) fn in_time<T: Send + 'static>(case: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || drop(send.send(case())));
    match receive.recv_timeout(3 * PATIENCE) {
        Ok(value) => value,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

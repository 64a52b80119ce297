//! Every shape of function that the attributes take: it compiles, and it is right.
//!
//! The bodies count their runs in a `static` of their own, which also shows that the body is there once: were it
//! copied, there would be two counters.

#![allow(missing_docs, reason = "a test")]

mod derived;
mod functions;
mod generics;
mod hooks;
mod keyed;
mod methods;
mod names;
mod outside;
mod tasks;
mod traits;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Runs a future to its end, on this thread.
pub(crate) fn block<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::yield_now();
    }
}

/// A future that can go to another thread.
pub(crate) fn sendable<F: Future + Send>(future: F) -> F {
    future
}

/// Counts the runs of the body it stands in: `1`, `2`, ..
macro_rules! run {
    () => {{
        static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        RUNS.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1
    }};
}
pub(crate) use run;

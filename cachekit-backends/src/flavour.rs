//! Sync and async callers, served by one piece of code.
//!
//! What needs a store is written once, as async code that takes the [`Flavour`] of its caller. For a sync caller every
//! operation in it blocks, so that no future ever waits, and [`now`] takes the result out of the first poll. No executor
//! is involved and nothing calls `block_on`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// How the caller can wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The caller is sync: operations block its thread.
    Blocking,
    /// The caller is async: operations are awaited.
    Async,
}

/// The result of a future made of blocking operations, which is ready at the first poll.
///
/// # Panics
///
/// If the future waits for something, which only a bug of the caller can make it do.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a blocking operation does not wait in a future"),
    }
}

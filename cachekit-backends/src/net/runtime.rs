//! The I/O thread: where all async exchanges with servers run.
//!
//! One thread, started at first use and shared by all network stores of the process. Callers may be on any executor, on
//! a runtime whose time is paused, on one that is busy, or on none; and what a caller who went away had begun still
//! ends in order, so that no reply is left for the next one.

use std::future::{Future, poll_fn};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Runtime};

use crate::net::deadline::late;
use crate::{Error, ErrorKind, Result};

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

fn runtime() -> Result<&'static Runtime> {
    RUNTIME.get_or_try_init(|| {
        // One worker drives itself, so that nobody has to block on it.
        Builder::new_multi_thread().worker_threads(1).thread_name("cachekit-io").enable_all().build().map_err(
            |error| Error::new(ErrorKind::Backend, "the I/O thread cannot be started").with_source(error),
        )
    })
}

/// Runs a future on the I/O thread, to its end even if nobody waits for it.
#[cfg(feature = "uwsgi")]
pub(crate) async fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    start(future)?.await
}

/// Starts a future on the I/O thread at once; what is returned waits for it.
pub(crate) fn start<T: Send + 'static>(
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<impl Future<Output = Result<T>> + Send> {
    let task = runtime()?.spawn(future);
    Ok(async move {
        task.await.unwrap_or_else(|error| {
            Err(Error::new(ErrorKind::Backend, "an exchange with a server came to no end").with_source(error))
        })
    })
}

/// A task on the I/O thread, which ends when this is dropped.
#[cfg(feature = "redis")]
pub(crate) struct Task(tokio::task::AbortHandle);

#[cfg(feature = "redis")]
impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a future on the I/O thread for as long as what this gives is kept.
#[cfg(feature = "redis")]
pub(crate) fn keep(future: impl Future<Output = ()> + Send + 'static) -> Result<Task> {
    Ok(Task(runtime()?.spawn(future).abort_handle()))
}

/// The results of a few futures that go on at the same time, in their order.
pub(crate) async fn side_by_side<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| Some(Box::pin(future))).collect();
    let mut results: Vec<_> = running.iter().map(|_| None).collect();
    poll_fn(move |cx| {
        for (future, result) in running.iter_mut().zip(&mut results) {
            if let Some(Poll::Ready(value)) = future.as_mut().map(|future| future.as_mut().poll(cx)) {
                (*future, *result) = (None, Some(value));
            }
        }
        if running.iter().any(Option::is_some) {
            return Poll::Pending;
        }
        Poll::Ready(results.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

/// The addresses of a name, looked up where it cannot hold up the caller for longer than `limit`.
pub(crate) fn resolve(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    runtime()?.spawn_blocking(move || {
        // Whoever asked may be gone.
        let _ = sender.send((host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    });
    match receiver.recv_timeout(limit) {
        Ok(found) => Ok(found?),
        Err(_) => Err(late()),
    }
}

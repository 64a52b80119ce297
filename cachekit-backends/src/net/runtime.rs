//! The I/O thread: where all async exchanges with servers run.
//!
//! One thread, started at first use and shared by all network stores of the process. Callers may be on any executor, on
//! a runtime whose time is paused, on one that is busy, or on none; and what a caller who went away had begun still
//! ends in order, so that no reply is left for the next one.

use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
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

//! How one kind of server is spoken to, and what may come of it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::Deadline;
use crate::{Error, Result};

/// How one kind of server is spoken to: requests go out and replies come back in order on a connection.
///
/// Errors of these functions mean that the connection is of no more use. What a server says against a single request is
/// part of the reply.
pub(crate) trait Wire: fmt::Debug + Send + Sync + 'static {
    /// What is sent, ready to be sent again.
    type Request: Send + Sync + 'static;
    /// What comes back for it, whole.
    type Reply: Send + 'static;
    /// A connection for one blocking exchange at a time.
    type Connection: Send + 'static;
    /// A connection for any number of async exchanges at once.
    type Shared: Clone + Send + Sync + 'static;

    /// Whether a connection can be used for another exchange.
    const REUSABLE: bool = true;

    /// Connects, login included.
    fn connect(&self, deadline: Deadline) -> Result<Self::Connection>;

    /// Sends a request.
    fn send(
        &self,
        connection: &mut Self::Connection,
        request: &Self::Request,
        deadline: Deadline,
    ) -> Result<()>;

    /// Receives the reply to the request that was sent.
    fn receive(
        &self,
        connection: &mut Self::Connection,
        request: &Self::Request,
        deadline: Deadline,
    ) -> Result<Self::Reply>;

    /// Connects for async exchanges, login included. Runs on the I/O thread within the deadline for connecting.
    fn connect_shared(&self) -> impl Future<Output = Result<Self::Shared>> + Send;

    /// Whether a connection for async exchanges is still one. What is sent on one that turns out to be closed may have
    /// been carried out, so it is better to know before.
    fn is_open(&self, _shared: &Self::Shared) -> bool {
        true
    }

    /// Begins an async exchange that is to end before a deadline, on a connection whose exchanges can be begun anywhere.
    fn begin(
        &self,
        _shared: &Self::Shared,
        _request: &Self::Request,
        _deadline: Deadline,
    ) -> Option<Exchange<Self::Reply>> {
        None
    }

    /// One async exchange, where there is no [`begin`](Self::begin). Runs on the I/O thread within the deadline for operations; may be dropped when that is over,
    /// and the connection is not used again then.
    fn exchange(
        &self,
        shared: Self::Shared,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Reply>> + Send;

    /// What a reply says about the server.
    fn verdict(&self, request: &Self::Request, reply: &Self::Reply) -> Verdict;
}

/// An async exchange on its way.
pub(crate) type Exchange<R> = Pin<Box<dyn Future<Output = Result<R, Trouble>> + Send>>;

/// Whether a server that answered is the one to ask.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is.
    Fit,
    /// It is not, and has not done what it was asked: loading, a replica now, shutting down. Another connection may lead
    /// to a better one.
    #[cfg_attr(
        not(any(feature = "redis", feature = "memcached")),
        allow(dead_code, reason = "uWSGI says nothing of itself")
    )]
    Unfit(Error),
    /// This is no reply to that request; nobody knows what comes next on the connection.
    #[cfg(feature = "redis")]
    Garbled(Error),
}

/// Whether a request may be sent again when its connection turns out to be closed, when nobody knows whether the server
/// saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Yes,
    /// Doing it twice would be wrong.
    No,
}

/// Why an exchange failed, and whether it is known not to have done anything.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) error: Error,
    pub(crate) may_repeat: bool,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self { error, may_repeat: false }
    }
}

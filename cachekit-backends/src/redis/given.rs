//! What the user hands in instead of an address: a client of the library, or connections of any origin.

use std::fmt;
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{ConnectionLike, RedisResult, Value};
use tokio::sync::Semaphore;

use super::reply::unexpected;
use super::request::Request;
use super::wire::{failed, no_timeouts};
use crate::net::Deadline;
use crate::{Error, ErrorKind, Result};

/// The user's own client.
pub(super) struct Client(pub(super) redis::Client);

impl Client {
    pub(super) fn connect(&self, deadline: Deadline) -> Result<Lent> {
        let connection = self.0.get_connection_with_timeout(deadline.left()?).map_err(failed)?;
        Ok(Lent { connection, request: None })
    }

    pub(super) async fn connect_shared(&self) -> Result<MultiplexedConnection> {
        self.0.get_multiplexed_async_connection_with_config(&no_timeouts()).await.map_err(failed)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.get_connection_info().addr().to_string()).finish()
    }
}

/// A blocking connection of the user's client. It keeps to itself what it reads too much, so requests are tagged.
pub(super) struct Lent {
    connection: redis::Connection,
    /// What was sent last.
    request: Option<Request>,
}

impl Lent {
    pub(super) fn send(&mut self, request: &Request, deadline: Deadline) -> Result<()> {
        let request = self.request.insert(request.clone().tagged());
        self.connection.set_write_timeout(Some(deadline.left()?)).map_err(failed)?;
        self.connection.send_packed_command(request.packed()).map_err(failed)
    }

    /// Receives the replies. The deadline is set anew for each, so a reply that comes in pieces may take longer.
    pub(super) fn receive(&mut self, deadline: Deadline) -> Result<Vec<Value>> {
        let request = self.request.take().ok_or_else(unexpected)?;
        let reply = |_| {
            self.connection.set_read_timeout(Some(deadline.left()?)).map_err(failed)?;
            self.connection.recv_response().map_err(failed)
        };
        request.untagged((0..request.replies()).map(reply).collect::<Result<_>>()?)
    }
}

/// A connection of the user's, such as one out of a pool.
pub(super) type Borrowed = Box<dyn ConnectionLike + Send>;

/// The user's own connections. Each exchange asks for one, and drops it when it is done.
#[derive(Clone)]
pub(super) struct Connections {
    take: Arc<dyn Fn() -> RedisResult<Borrowed> + Send + Sync>,
    /// The most async exchanges at once: each keeps a thread busy.
    places: Arc<Semaphore>,
}

impl Connections {
    pub(super) fn new(take: Arc<dyn Fn() -> RedisResult<Borrowed> + Send + Sync>, places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        Self { take, places: Arc::new(Semaphore::new(places)) }
    }

    /// An exchange on a connection that may be out of step, for all that is known here.
    pub(super) fn exchange(&self, request: Request) -> Result<Vec<Value>> {
        let request = request.tagged();
        let mut connection = (self.take)().map_err(failed)?;
        let replies = connection.req_packed_commands(request.packed(), 0, request.replies());
        request.untagged(replies.map_err(failed)?)
    }

    /// An exchange on a thread of its own: these connections can only block.
    pub(super) async fn exchange_async(&self, request: &Request) -> Result<Vec<Value>> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let (connections, request) = (self.clone(), request.clone());
        let exchange = tokio::task::spawn_blocking(move || {
            // Kept until the thread is free again, also when nobody waits for it any more.
            let _place = place;
            connections.exchange(request)
        });
        exchange.await.unwrap_or_else(|error| {
            let message = "an exchange on a connection that was handed in came to no end";
            Err(Error::new(ErrorKind::Backend, message).with_source(error))
        })
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

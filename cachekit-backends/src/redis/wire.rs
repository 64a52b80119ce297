//! How a Redis server is spoken to: requests of one or more commands, and as many replies.

use std::io::{BufReader, Write as _};
use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value};
use tokio::task::JoinHandle;

use super::given::{self, Connections};
use super::login::Login;
use super::reply::{refused, unexpected};
use super::request::Request;
use super::resp;
#[cfg(feature = "redis-sentinel")]
use super::sentinel::Sentinels;
use crate::net::{Address, AsyncStream, Deadline, Stream, Verdict, Wire};
use crate::{Error, ErrorKind, Result};

/// One server, or whichever is the master.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) source: Source,
    pub(super) login: Login,
}

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Source {
    /// An address.
    Address(Address),
    /// The sentinels, who know the address.
    #[cfg(feature = "redis-sentinel")]
    Sentinels(Sentinels),
    /// The user's own client.
    Client(given::Client),
    /// The user's own connections.
    Connections(Connections),
}

/// A blocking connection.
#[allow(missing_debug_implementations, reason = "the library's connections have none")]
pub(super) enum Connection {
    /// One of ours, with a deadline over all that is read.
    Own(Own),
    /// One of the user's client.
    Client(Box<given::Lent>),
    /// One of the user's, borrowed for each exchange.
    Borrowed,
}

/// A connection for async exchanges.
#[derive(Clone)]
pub(super) enum Shared {
    /// Any number of exchanges at once.
    Multiplexed(MultiplexedConnection, Option<Arc<Driver>>),
    /// One of the user's blocking connections for each.
    Borrowed,
}

impl Wire for Node {
    type Request = Request;
    type Reply = Vec<Value>;
    type Connection = Connection;
    type Shared = Shared;

    fn connect(&self, deadline: Deadline) -> Result<Connection> {
        match &self.source {
            Source::Address(address) => Own::open(address, &self.login, false, deadline).map(Connection::Own),
            #[cfg(feature = "redis-sentinel")]
            Source::Sentinels(sentinels) => {
                let master = sentinels.master(deadline)?;
                Own::open(&master, &self.login, true, deadline).map(Connection::Own)
            }
            Source::Client(client) => client.connect(deadline).map(Box::new).map(Connection::Client),
            Source::Connections(_) => Ok(Connection::Borrowed),
        }
    }

    fn send(&self, connection: &mut Connection, request: &Request, deadline: Deadline) -> Result<()> {
        match connection {
            Connection::Own(own) => own.send(request, deadline),
            Connection::Client(lent) => lent.send(request, deadline),
            // The library knows no half of an exchange on a connection of any kind.
            Connection::Borrowed => Ok(()),
        }
    }

    fn receive(
        &self,
        connection: &mut Connection,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Vec<Value>> {
        match (connection, &self.source) {
            (Connection::Own(own), _) => own.receive(request, deadline),
            (Connection::Client(lent), _) => lent.receive(deadline),
            (Connection::Borrowed, Source::Connections(connections)) => connections.exchange(request.clone()),
            (Connection::Borrowed, _) => Err(unexpected()),
        }
    }

    async fn connect_shared(&self) -> Result<Shared> {
        match &self.source {
            Source::Address(address) => open_shared(address, &self.login, false).await,
            #[cfg(feature = "redis-sentinel")]
            Source::Sentinels(sentinels) => {
                let master = sentinels.master_async().await?;
                open_shared(&master, &self.login, true).await
            }
            Source::Client(client) => Ok(Shared::Multiplexed(client.connect_shared().await?, None)),
            Source::Connections(_) => Ok(Shared::Borrowed),
        }
    }

    fn is_open(&self, shared: &Shared) -> bool {
        match shared {
            Shared::Multiplexed(_, Some(driver)) => !driver.0.is_finished(),
            _ => true,
        }
    }

    async fn exchange(&self, shared: Shared, request: &Request) -> Result<Vec<Value>> {
        match (shared, &self.source) {
            (Shared::Multiplexed(mut connection, _driver), _) => exchange(&mut connection, request).await,
            (Shared::Borrowed, Source::Connections(connections)) => connections.exchange_async(request).await,
            (Shared::Borrowed, _) => Err(unexpected()),
        }
    }

    fn verdict(&self, request: &Request, replies: &Vec<Value>) -> Verdict {
        if !request.fits(replies) {
            return Verdict::Garbled(unexpected());
        }
        let unfit = replies.iter().find_map(|reply| match reply {
            Value::ServerError(refusal)
                if matches!(refusal.code(), "READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH") =>
            {
                Some(refused(refusal))
            }
            _ => None,
        });
        match unfit {
            None => Verdict::Fit,
            Some(error) if request.is_bound() => Verdict::Garbled(error),
            Some(error) => Verdict::Unfit(error),
        }
    }
}

/// A blocking connection of ours.
pub(super) struct Own(BufReader<Stream>);

impl Own {
    /// Connects and logs in; with `master`, only to a server that is one.
    pub(super) fn open(address: &Address, login: &Login, master: bool, deadline: Deadline) -> Result<Self> {
        let mut own = Self(BufReader::new(Stream::connect(address, &login.security, deadline)?));
        if let Some(request) = login.request(master) {
            own.send(&request, deadline)?;
            let replies = own.receive(&request, deadline)?;
            login.check(&request, &replies, master)?;
        }
        Ok(own)
    }

    /// Sends a request, if there is nothing on the connection that nobody asked for.
    pub(super) fn send(&mut self, request: &Request, deadline: Deadline) -> Result<()> {
        let stream = self.0.get_mut();
        stream.set_deadline(deadline);
        if !stream.is_quiet() {
            return Err(lost());
        }
        stream.write_all(&request.packed())?;
        Ok(stream.flush()?)
    }

    /// Receives its replies.
    pub(super) fn receive(&mut self, request: &Request, deadline: Deadline) -> Result<Vec<Value>> {
        self.0.get_mut().set_deadline(deadline);
        let replies = (0..request.replies()).map(|_| resp::read(&mut self.0)).collect::<Result<_, _>>()?;
        // Whatever it is, the next request would take it for its reply.
        if self.0.buffer().is_empty() { request.untagged(replies) } else { Err(unexpected()) }
    }
}

/// What moves the bytes of an async connection; ends with the last clone of it.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        // Otherwise it would wait for replies that may never come.
        self.0.abort();
    }
}

/// Connects for async exchanges and logs in; with `master`, only to a server that is one.
pub(super) async fn open_shared(address: &Address, login: &Login, master: bool) -> Result<Shared> {
    let stream = AsyncStream::connect(address, &login.security).await?;
    // Nothing is said by the library: neither is what a server answers to a password its to repeat.
    let silent = RedisConnectionInfo::default().set_skip_set_lib_name();
    let opened = MultiplexedConnection::new_with_config(&silent, stream.into_inner(), no_timeouts()).await;
    let (mut connection, driver) = opened.map_err(failed)?;
    let driver = Arc::new(Driver(tokio::spawn(driver)));
    if let Some(request) = login.request(master) {
        let replies = exchange(&mut connection, &request).await?;
        login.check(&request, &replies, master)?;
    }
    Ok(Shared::Multiplexed(connection, Some(driver)))
}

/// The deadlines are ours.
pub(super) fn no_timeouts() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

/// One exchange on a connection that others use at the same time.
pub(super) async fn exchange(
    connection: &mut MultiplexedConnection,
    request: &Request,
) -> Result<Vec<Value>> {
    let replies = connection.send_packed_commands(request.pipeline(), 0, request.replies()).await;
    request.untagged(replies.map_err(failed)?)
}

/// What went wrong on a connection of the library. Of what it says of replies nothing is repeated: they are values.
pub(super) fn failed(error: RedisError) -> Error {
    if error.is_timeout() {
        return Error::new(ErrorKind::TimedOut, "the server did not answer within its deadline");
    }
    match error.kind() {
        redis::ErrorKind::Io => lost().with_source(error),
        redis::ErrorKind::AuthenticationFailed => {
            Error::new(ErrorKind::Backend, "the server does not know this user name and password")
        }
        kind => {
            let message = "the connection cannot be used";
            Error::new(ErrorKind::Backend, message).with_context("reason", format!("{kind:?}"))
        }
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Backend, "the connection to the server was lost")
}

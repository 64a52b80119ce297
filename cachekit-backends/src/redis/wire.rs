//! How a Redis server is spoken to: requests of one or more commands, and as many replies.

use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, Value};

use super::given::{self, Connections};
use super::login::Login;
use super::reply::{refused, unexpected};
use super::request::{Request, Tag};
use super::resp::Reader;
#[cfg(feature = "redis-sentinel")]
use super::sentinel::Sentinels;
use super::tracking::Alarm;
use crate::net::{self, Address, Deadline, Exchange, Input, Line, Protocol, Stream, Verdict, Wire};
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

impl Source {
    /// Whether it is an address, or leads to one.
    pub(super) fn is_an_address(&self) -> bool {
        !matches!(self, Self::Client(_) | Self::Connections(_))
    }

    /// Has an alarm raised whenever it leads to another server than before.
    pub(super) fn alarm(&self, alarm: &Arc<Alarm>) {
        match self {
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinels(sentinels) => sentinels.alarms.add(alarm),
            // Always the same, as far as can be told.
            _ => {
                let _ = alarm;
            }
        }
    }

    /// Whether it leads to whichever server is the master.
    pub(super) fn follows_a_master(&self) -> bool {
        match self {
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinels(_) => true,
            _ => false,
        }
    }
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
    /// One of ours.
    Own(Line<Resp>),
    /// One of the user's client.
    Client(MultiplexedConnection),
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
            Source::Address(address) => open_line(address, &self.login, false).await.map(Shared::Own),
            #[cfg(feature = "redis-sentinel")]
            Source::Sentinels(sentinels) => {
                let master = sentinels.master_async().await?;
                open_line(&master, &self.login, true).await.map(Shared::Own)
            }
            Source::Client(client) => client.connect_shared().await.map(Shared::Client),
            Source::Connections(_) => Ok(Shared::Borrowed),
        }
    }

    fn is_open(&self, shared: &Shared) -> bool {
        match shared {
            Shared::Own(line) => line.is_open(),
            _ => true,
        }
    }

    fn begin(&self, shared: &Shared, request: &Request, deadline: Deadline) -> Option<Exchange<Vec<Value>>> {
        match shared {
            Shared::Own(line) => Some(Box::pin(line.begin(request, deadline.instant()))),
            _ => None,
        }
    }

    async fn exchange(&self, shared: Shared, request: &Request) -> Result<Vec<Value>> {
        match (shared, &self.source) {
            (Shared::Client(connection), _) => exchange(connection, request).await,
            (Shared::Borrowed, Source::Connections(connections)) => connections.exchange_async(request).await,
            // Begun in another way, or none of a source's connections.
            (Shared::Own(_) | Shared::Borrowed, _) => Err(unexpected()),
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
#[derive(Debug)]
pub(super) struct Own {
    stream: Stream,
    input: Input,
}

impl Own {
    /// Connects and logs in; with `master`, only to a server that is one.
    pub(super) fn open(address: &Address, login: &Login, master: bool, deadline: Deadline) -> Result<Self> {
        let stream = Stream::connect(address, &login.security, deadline)?;
        let mut own = Self { stream, input: Input::default() };
        if let Some(request) = login.request(master) {
            own.send(&request, deadline)?;
            let replies = own.receive(&request, deadline)?;
            login.check(&request, &replies, master)?;
        }
        Ok(own)
    }

    /// Sends a request, if there is nothing on the connection that nobody asked for.
    pub(super) fn send(&mut self, request: &Request, deadline: Deadline) -> Result<()> {
        self.stream.set_deadline(deadline);
        if !self.stream.is_quiet() {
            return Err(lost());
        }
        self.stream.write_all(request.packed())?;
        Ok(self.stream.flush()?)
    }

    /// Receives its replies.
    pub(super) fn receive(&mut self, request: &Request, deadline: Deadline) -> Result<Vec<Value>> {
        self.stream.set_deadline(deadline);
        let mut reader = Replies::to(request);
        loop {
            if let Some(replies) = reader.read(&mut self.input)? {
                // Whatever it is, the next request would take it for its reply.
                return if self.input.is_empty() { Ok(replies) } else { Err(unexpected()) };
            }
            match self.stream.read(self.input.room())? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.input.arrived(count),
            }
        }
    }
}

/// The replies to one request, as they come.
#[derive(Debug)]
pub(super) struct Replies {
    reader: Reader,
    read: Vec<Value>,
    count: usize,
}

impl Replies {
    fn to(request: &Request) -> Self {
        let count = request.replies();
        Self { reader: Reader::default(), read: Vec::with_capacity(count), count }
    }

    fn read(&mut self, input: &mut Input) -> io::Result<Option<Vec<Value>>> {
        while self.read.len() < self.count {
            let Some(reply) = self.reader.read(input)? else { return Ok(None) };
            self.read.push(reply);
        }
        Ok(Some(std::mem::take(&mut self.read)))
    }
}

/// What is spoken on an async connection of ours.
pub(super) struct Resp;

impl Protocol for Resp {
    type Request = Request;
    type Reply = Vec<Value>;
    type Reader = Replies;
    type Tag = (Tag, Reader);

    fn ask(&self, request: &Request, out: &mut Vec<u8>) -> Replies {
        out.extend_from_slice(request.packed());
        Replies::to(request)
    }

    fn read(&self, reader: &mut Replies, input: &mut Input) -> Result<Option<Vec<Value>>> {
        Ok(reader.read(input)?)
    }

    fn tag(&self, out: &mut Vec<u8>) -> Option<Self::Tag> {
        Some((Tag::push(out), Reader::default()))
    }

    fn check(
        &self,
        (tag, reader): &mut Self::Tag,
        replies: &[Vec<Value>],
        input: &mut Input,
    ) -> Result<bool> {
        let Some(reply) = reader.read(input)? else { return Ok(false) };
        tag.check(&reply, replies.iter().flatten())?;
        Ok(true)
    }
}

/// How long a login waits at most. Whoever connects waits less.
const LOGIN: Duration = Duration::from_secs(10);

/// Connects for async exchanges and logs in; with `master`, only to a server that is one.
pub(super) async fn open_line(address: &Address, login: &Login, master: bool) -> Result<Line<Resp>> {
    let line = Line::start(Resp, net::connect(address, &login.security).await?);
    if let Some(request) = login.request(master) {
        let replies = ask(&line, &request).await?;
        login.check(&request, &replies, master)?;
    }
    Ok(line)
}

/// What comes before a connection can be used, within the deadline for connecting.
pub(super) async fn ask(line: &Line<Resp>, request: &Request) -> Result<Vec<Value>> {
    line.begin(request, Instant::now() + LOGIN).await.map_err(|trouble| trouble.error)
}

/// The deadlines are ours.
pub(super) fn no_timeouts() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

/// One exchange on a connection of the library that others use at the same time.
async fn exchange(mut connection: MultiplexedConnection, request: &Request) -> Result<Vec<Value>> {
    let request = request.clone().tagged();
    let replies = connection.send_packed_commands(&request.pipeline(), 0, request.replies()).await;
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

pub(super) fn lost() -> Error {
    Error::new(ErrorKind::Backend, "the connection to the server was lost")
}

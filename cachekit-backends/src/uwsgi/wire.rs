//! Exchanges with a uWSGI server, which takes one request per connection: a few go side by side, on as many connections.

use std::io::{self, Read as _, Write as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;

use super::protocol::{self, Command, Reply};
use crate::Result;
use crate::net::{self, Address, Deadline, Security, Stream, Verdict, Wire, side_by_side};

/// So many requests go side by side in one exchange.
pub(super) const WIDTH: usize = 6;
/// So many exchanges, of each flavour: all their connections together stay below uWSGI's queue of 100, as one that does
/// not find room there is lost for a second.
pub(super) const LANES: usize = 8;
/// What is read at once.
const CHUNK: usize = 16 * 1024;

/// Requests that go side by side, `WIDTH` at most.
pub(super) type Requests = Vec<Request>;

/// A request, ready to be sent.
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) message: Vec<u8>,
}

impl Request {
    /// Whether the server hangs up on it when it does not like its size.
    fn may_be_cut_off(&self) -> bool {
        matches!(self.command, Command::Set | Command::Update)
    }
}

/// One server.
#[derive(Debug)]
pub(super) struct UwsgiWire {
    address: Address,
    /// The longest value that is read.
    limit: usize,
    /// Room for the connections of async callers.
    room: Semaphore,
}

impl UwsgiWire {
    pub(super) fn new(address: Address, limit: usize) -> Self {
        Self { address, limit, room: Semaphore::new(WIDTH * LANES) }
    }

    fn reply(&self, request: &Request, received: &[u8], ended: bool) -> Result<Option<Reply>> {
        protocol::reply(request.command, received, ended, self.limit)
    }

    fn receive_one(&self, mut socket: Stream, request: &Request) -> Result<Reply> {
        let mut received = Vec::new();
        let mut chunk = [0; CHUNK];
        loop {
            let count = match socket.read(&mut chunk) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return cut_off(request, error),
            };
            received.extend_from_slice(&chunk[..count]);
            if let Some(reply) = self.reply(request, &received, count == 0)? {
                return Ok(reply);
            }
        }
    }

    /// One request on a connection of its own, and what comes back.
    async fn converse(&self, request: &Request) -> Result<Reply> {
        let mut socket = net::connect(&self.address, &Security::Plain).await?;
        if let Err(error) = socket.write_all(&request.message).await {
            return cut_off(request, error);
        }
        let mut received = Vec::new();
        loop {
            let count = match socket.read_buf(&mut received).await {
                Ok(count) => count,
                Err(error) => return cut_off(request, error),
            };
            if let Some(reply) = self.reply(request, &received, count == 0)? {
                return Ok(reply);
            }
        }
    }
}

impl Wire for UwsgiWire {
    type Request = Requests;
    type Reply = Vec<Reply>;
    /// One for each request; none where the server hung up on it. Before anything is sent, one for the first.
    type Connection = Vec<Option<Stream>>;
    type Shared = ();

    const REUSABLE: bool = false;

    fn connect(&self, deadline: Deadline) -> Result<Self::Connection> {
        Ok(vec![Some(Stream::connect(&self.address, &Security::Plain, deadline)?)])
    }

    fn send(&self, connection: &mut Self::Connection, requests: &Requests, deadline: Deadline) -> Result<()> {
        for (index, request) in requests.iter().enumerate() {
            if index == connection.len() {
                connection.push(Some(Stream::connect(&self.address, &Security::Plain, deadline)?));
            }
            let Some(socket) = &mut connection[index] else { continue };
            socket.set_deadline(deadline);
            if let Err(error) = socket.write_all(&request.message) {
                cut_off(request, error)?;
                connection[index] = None;
            }
        }
        Ok(())
    }

    fn receive(
        &self,
        connection: &mut Self::Connection,
        requests: &Requests,
        _: Deadline,
    ) -> Result<Vec<Reply>> {
        let sockets = std::mem::take(connection);
        let replies = sockets.into_iter().zip(requests).map(|(socket, request)| match socket {
            // Its deadline was set when it was sent on.
            Some(socket) => self.receive_one(socket, request),
            None => Ok(Reply::Nothing),
        });
        replies.collect()
    }

    async fn connect_shared(&self) -> Result<()> {
        Ok(())
    }

    async fn exchange(&self, (): (), requests: &Requests) -> Result<Vec<Reply>> {
        let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _room = self.room.acquire_many(count).await;
        side_by_side(requests.iter().map(|request| self.converse(request))).await.into_iter().collect()
    }

    fn verdict(&self, _: &Requests, _: &Vec<Reply>) -> Verdict {
        Verdict::Fit
    }
}

/// What it means that the server hung up: of a value that it finds too large it does not read all, which is a refusal.
fn cut_off(request: &Request, error: io::Error) -> Result<Reply> {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    if request.may_be_cut_off() && matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted) {
        return Ok(Reply::Nothing);
    }
    Err(error.into())
}

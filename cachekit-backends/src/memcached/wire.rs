//! Moves the bytes of exchanges to a server and back.

use std::convert::Infallible;
#[cfg(feature = "memcached-sasl")]
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::protocol::Exchange;
use super::replies::{Answer, Replies, Status};
use crate::net::{self, Deadline, Input, Line, Protocol, Security, Stream, Verdict, Wire};
use crate::{Address, Error, ErrorKind, Result};

/// How one memcached server is spoken to.
#[derive(Clone, Debug)]
pub(super) struct MemcachedWire {
    pub(super) address: Address,
    #[cfg(feature = "memcached-sasl")]
    pub(super) credentials: Option<Credentials>,
    /// A value that is longer is none of ours.
    pub(super) longest: usize,
}

/// A user name and a password.
#[cfg(feature = "memcached-sasl")]
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: String,
}

#[cfg(feature = "memcached-sasl")]
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A blocking connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    input: Input,
}

impl MemcachedWire {
    /// What has to be said before anything else.
    #[cfg(feature = "memcached-sasl")]
    fn login(&self) -> Option<Exchange> {
        self.credentials.as_ref().map(|credentials| {
            let mut exchange = Exchange::default();
            exchange.authenticate(&credentials.username, &credentials.password);
            exchange
        })
    }

    #[cfg(not(feature = "memcached-sasl"))]
    #[allow(clippy::unused_self, reason = "there is nothing to log in with")]
    fn login(&self) -> Option<Exchange> {
        None
    }
}

/// How long a login waits at most. Whoever connects waits less.
const LOGIN: Duration = Duration::from_secs(10);

/// What a server says to a login.
fn check_login(answers: &[Answer]) -> Result<()> {
    let message = match answers.first().map(|answer| answer.status) {
        Some(Status::Done) => return Ok(()),
        Some(Status::Unauthenticated) => {
            "the server refused the user name or the password (a name without @realm belongs to the server's host name)"
        }
        _ => "the server takes no user name and password by SASL PLAIN; it may have been started without -S",
    };
    Err(Error::new(ErrorKind::Backend, message))
}

impl Wire for MemcachedWire {
    type Request = Arc<Exchange>;
    /// One answer to each command.
    type Reply = Vec<Answer>;
    type Connection = Connection;
    type Shared = Line<Binary>;

    fn connect(&self, deadline: Deadline) -> Result<Connection> {
        let stream = Stream::connect(&self.address, &Security::Plain, deadline)?;
        let mut connection = Connection { stream, input: Input::default() };
        if let Some(login) = self.login() {
            connection.stream.write_all(login.bytes())?;
            check_login(&connection.receive(Arc::new(login), self.longest)?)?;
        }
        Ok(connection)
    }

    fn send(&self, connection: &mut Connection, request: &Arc<Exchange>, deadline: Deadline) -> Result<()> {
        let Connection { stream, input } = connection;
        stream.set_deadline(deadline);
        // What is sent on a connection that the server has closed may have been carried out, for all anybody knows.
        if request.is_conditional() && !stream.is_quiet() {
            return Err(Error::new(ErrorKind::Backend, "the server closed the connection"));
        }
        Ok(stream.write_all_reading(request.bytes(), input)?)
    }

    fn receive(
        &self,
        connection: &mut Connection,
        request: &Arc<Exchange>,
        deadline: Deadline,
    ) -> Result<Vec<Answer>> {
        connection.stream.set_deadline(deadline);
        connection.receive(Arc::clone(request), self.longest)
    }

    async fn connect_shared(&self) -> Result<Line<Binary>> {
        let stream = net::connect(&self.address, &Security::Plain).await?;
        let line = Line::start(Binary { longest: self.longest }, stream);
        if let Some(login) = self.login() {
            let answers = line.begin(&Arc::new(login), Instant::now() + LOGIN).await;
            check_login(&answers.map_err(|trouble| trouble.error)?)?;
        }
        Ok(line)
    }

    fn is_open(&self, line: &Line<Binary>) -> bool {
        line.is_open()
    }

    fn begin(
        &self,
        line: &Line<Binary>,
        request: &Arc<Exchange>,
        deadline: Deadline,
    ) -> Option<net::Exchange<Vec<Answer>>> {
        Some(Box::pin(line.begin(request, deadline.instant())))
    }

    async fn exchange(&self, line: Line<Binary>, request: &Arc<Exchange>) -> Result<Vec<Answer>> {
        line.begin(request, Instant::now() + LOGIN).await.map_err(|trouble| trouble.error)
    }

    fn verdict(&self, _: &Arc<Exchange>, answers: &Vec<Answer>) -> Verdict {
        if answers.iter().any(|answer| answer.status == Status::Unauthenticated) {
            let message = "the server wants a user name and a password";
            return Verdict::Unfit(Error::new(ErrorKind::Backend, message));
        }
        Verdict::Fit
    }
}

impl Connection {
    /// Reads until every command has its answer.
    fn receive(&mut self, request: Arc<Exchange>, longest: usize) -> Result<Vec<Answer>> {
        let mut replies = Replies::to(request);
        loop {
            if let Some(answers) = replies.read(&mut self.input, longest)? {
                if self.input.is_empty() {
                    return Ok(answers);
                }
                return Err(Error::new(ErrorKind::Backend, "the server said more than it was asked"));
            }
            match self.stream.read(self.input.room())? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => self.input.arrived(count),
            }
        }
    }
}

/// What is spoken on an async connection. Replies carry the numbers of their requests, so nothing goes between them.
#[derive(Debug)]
pub(super) struct Binary {
    longest: usize,
}

impl Protocol for Binary {
    type Request = Arc<Exchange>;
    type Reply = Vec<Answer>;
    type Reader = Replies;
    type Tag = Infallible;

    fn ask(&self, request: &Arc<Exchange>, out: &mut Vec<u8>) -> Replies {
        out.extend_from_slice(request.bytes());
        Replies::to(Arc::clone(request))
    }

    fn read(&self, replies: &mut Replies, input: &mut Input) -> Result<Option<Vec<Answer>>> {
        replies.read(input, self.longest)
    }

    fn tag(&self, _: &mut Vec<u8>) -> Option<Infallible> {
        None
    }

    fn check(&self, tag: &mut Infallible, _: &[Vec<Answer>], _: &mut Input) -> Result<bool> {
        match *tag {}
    }
}

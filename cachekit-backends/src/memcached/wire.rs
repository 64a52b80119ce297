//! Moves the bytes of exchanges to a server and back.

#[cfg(feature = "memcached-sasl")]
use std::fmt;
use std::io::{self, BufReader, Read as _, Write as _};
use std::sync::Arc;

use super::driver::{self, Shared};
use super::protocol::{Exchange, HEADER};
use super::replies::{AT_ONCE, Answer, Replies, Status};
use crate::net::{AsyncStream, Deadline, Security, Stream, Verdict, Wire};
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

/// What became of an exchange.
#[derive(Debug)]
pub(super) enum Reply {
    /// One answer to each command.
    Answers(Vec<Answer>),
    /// The connection was closed before anything was sent.
    Unsent,
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
    type Reply = Reply;
    type Connection = BufReader<Stream>;
    type Shared = Shared;

    fn connect(&self, deadline: Deadline) -> Result<Self::Connection> {
        let mut connection = BufReader::new(Stream::connect(&self.address, &Security::Plain, deadline)?);
        if let Some(login) = self.login() {
            connection.get_mut().write_all(login.bytes())?;
            check_login(&receive(&mut connection, &login, self.longest)?)?;
        }
        Ok(connection)
    }

    fn send(
        &self,
        connection: &mut Self::Connection,
        request: &Arc<Exchange>,
        deadline: Deadline,
    ) -> Result<()> {
        let stream = connection.get_mut();
        stream.set_deadline(deadline);
        // What is sent on a connection that the server has closed may have been carried out, for all anybody knows.
        if request.is_conditional() && !stream.is_quiet() {
            return Err(Error::new(ErrorKind::Backend, "the server closed the connection"));
        }
        Ok(stream.write_all(request.bytes())?)
    }

    fn receive(
        &self,
        connection: &mut Self::Connection,
        request: &Arc<Exchange>,
        deadline: Deadline,
    ) -> Result<Reply> {
        connection.get_mut().set_deadline(deadline);
        let answers = receive(connection, request, self.longest)?;
        if !connection.buffer().is_empty() {
            return Err(Error::new(ErrorKind::Backend, "the server said more than it was asked"));
        }
        Ok(Reply::Answers(answers))
    }

    async fn connect_shared(&self) -> Result<Shared> {
        let socket = AsyncStream::connect(&self.address, &Security::Plain).await?.into_inner();
        let (shared, login) = (driver::start(socket, self.longest), self.login());
        if let Some(login) = login {
            match shared.exchange(Arc::new(login)).await? {
                Reply::Answers(answers) => check_login(&answers)?,
                Reply::Unsent => {
                    return Err(Error::new(ErrorKind::Backend, "the server closed the connection"));
                }
            }
        }
        Ok(shared)
    }

    fn is_open(&self, shared: &Shared) -> bool {
        shared.is_open()
    }

    async fn exchange(&self, shared: Shared, request: &Arc<Exchange>) -> Result<Reply> {
        shared.exchange(Arc::clone(request)).await
    }

    fn verdict(&self, _: &Arc<Exchange>, reply: &Reply) -> Verdict {
        match reply {
            Reply::Unsent => {
                Verdict::Unfit(Error::new(ErrorKind::Backend, "the server closed the connection"))
            }
            Reply::Answers(answers)
                if answers.iter().any(|answer| answer.status == Status::Unauthenticated) =>
            {
                let message = "the server wants a user name and a password";
                Verdict::Unfit(Error::new(ErrorKind::Backend, message))
            }
            Reply::Answers(_) => Verdict::Fit,
        }
    }
}

/// Reads until every command has its answer.
fn receive(input: &mut BufReader<Stream>, exchange: &Exchange, longest: usize) -> Result<Vec<Answer>> {
    let mut replies = Replies::to(exchange);
    loop {
        replies = match replies.finish() {
            Ok(answers) => return Ok(answers),
            Err(unfinished) => unfinished,
        };
        let mut head = [0; HEADER];
        input.read_exact(&mut head)?;
        let head = replies.head(&head)?;
        let mut rest = input.by_ref().take(head.body as u64);
        let is_ours = head.body <= longest;
        let mut body = Vec::with_capacity(if is_ours { head.body.min(AT_ONCE) } else { 0 });
        // Grows with what really comes.
        let read =
            if is_ours { rest.read_to_end(&mut body)? as u64 } else { io::copy(&mut rest, &mut io::sink())? };
        if read < head.body as u64 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        replies.body(head, is_ours.then_some(body));
    }
}

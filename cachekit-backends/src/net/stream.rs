//! Connections: a blocking one that keeps the deadline of a whole exchange, and an async one.

use std::io::{self, Read, Write};
#[cfg(any(feature = "redis", feature = "memcached"))]
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};

use super::deadline::late;
#[cfg(feature = "memcached")]
use super::input::Input;
use super::{Address, Deadline, runtime};
use crate::{Error, ErrorKind, Result};

/// How a connection is protected.
#[derive(Clone, Debug, Default)]
pub(crate) enum Security {
    /// Not at all.
    #[default]
    Plain,
    /// TLS, with certificates as configured.
    #[cfg(feature = "redis-tls")]
    Tls(super::Tls),
}

/// A blocking connection. Reads and writes fail once the deadline of the exchange is over, however many there are.
#[derive(Debug)]
pub(crate) struct Stream {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Plain(Limited),
    #[cfg(feature = "redis-tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, Limited>>),
}

impl Stream {
    /// Connects, the TLS handshake included.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached before the deadline.
    pub(crate) fn connect(address: &Address, security: &Security, deadline: Deadline) -> Result<Self> {
        let socket = match address {
            Address::Tcp { host, port } => Socket::from(connect_tcp(host, *port, deadline)?),
            Address::Unix(path) => connect_unix(path)?,
        };
        let socket = Limited::new(socket, deadline);
        let inner = match security {
            Security::Plain => Inner::Plain(socket),
            #[cfg(feature = "redis-tls")]
            Security::Tls(tls) => Inner::Tls(Box::new(tls.connect(address, socket)?)),
        };
        Ok(Self { inner })
    }

    /// Sets the deadline of what is read and written next.
    pub(crate) fn set_deadline(&mut self, deadline: Deadline) {
        match &mut self.inner {
            Inner::Plain(limited) => limited.set_deadline(deadline),
            #[cfg(feature = "redis-tls")]
            Inner::Tls(tls) => tls.sock.set_deadline(deadline),
        }
    }

    /// Writes all of it, and takes in what comes meanwhile: a server that cannot say its answers takes no more questions.
    #[cfg(feature = "memcached")]
    pub(crate) fn write_all_reading(&mut self, bytes: &[u8], input: &mut Input) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(limited) => limited.write_all_reading(bytes, input),
            #[cfg(feature = "redis-tls")]
            Inner::Tls(_) => self.write_all(bytes),
        }
    }

    /// Whether nothing has arrived that nobody asked for: no bytes, and no end of the connection. What is here is lost,
    /// so a connection that is not quiet is of no more use.
    #[cfg(any(feature = "redis", feature = "memcached"))]
    pub(crate) fn is_quiet(&mut self) -> bool {
        match &mut self.inner {
            Inner::Plain(limited) => limited.is_quiet(),
            // Through TLS, where messages of TLS itself may be waiting.
            #[cfg(feature = "redis-tls")]
            Inner::Tls(tls) => {
                tls.sock.socket.set_nonblocking(true).is_ok()
                    && tls.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::TimedOut)
                    && tls.sock.socket.set_nonblocking(false).is_ok()
            }
        }
    }
}

fn connect_tcp(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream> {
    let mut failure = Error::new(ErrorKind::Backend, "the name of the server has no address");
    for address in runtime::resolve(host, port, deadline.left()?)? {
        match TcpStream::connect_timeout(&address, deadline.left()?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error.into(),
        }
    }
    Err(failure)
}

/// Connects at once or not at all: a server that accepts nobody would keep callers waiting without end.
fn connect_unix(path: &Path) -> Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?).map_err(|error| {
        let is_crowded = error.kind() == io::ErrorKind::WouldBlock;
        if is_crowded { crowded().with_source(error) } else { error.into() }
    })?;
    socket.set_nonblocking(false)?;
    Ok(socket)
}

fn crowded() -> Error {
    Error::new(ErrorKind::Backend, "too many others wait for the server to accept their connections")
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(limited) => limited.read(buffer),
            #[cfg(feature = "redis-tls")]
            Inner::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.inner {
            Inner::Plain(limited) => limited.write(bytes),
            #[cfg(feature = "redis-tls")]
            Inner::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.inner {
            Inner::Plain(limited) => limited.flush(),
            #[cfg(feature = "redis-tls")]
            Inner::Tls(tls) => tls.flush(),
        }
    }
}

/// A socket that gives every read and write only what is left until the deadline.
#[derive(Debug)]
pub(crate) struct Limited {
    socket: Socket,
    deadline: Deadline,
    /// The timeouts that the socket has.
    read_timeout: Duration,
    write_timeout: Duration,
    /// What is left, while all of it is: no clock has to be asked for the first write and the first read.
    whole: Option<Duration>,
}

/// A timeout is set again when it differs from what is left by more than this: most exchanges have the same one.
const TOLERANCE: Duration = Duration::from_millis(5);

/// A write of so many bytes does not wait for the server, which has nothing to read yet.
const AT_ONCE: usize = 16 << 10;

/// So much fits into the buffers between the two, even if the other side does not read.
#[cfg(feature = "memcached")]
const FITS: usize = 64 << 10;

/// No timeout is shorter.
const SHORTEST: Duration = Duration::from_millis(1);

impl Limited {
    fn new(socket: Socket, deadline: Deadline) -> Self {
        Self { socket, deadline, read_timeout: Duration::MAX, write_timeout: Duration::MAX, whole: None }
    }

    fn set_deadline(&mut self, deadline: Deadline) {
        if self.deadline != deadline {
            (self.deadline, self.whole) = (deadline, deadline.whole().map(|whole| whole.max(SHORTEST)));
        }
    }

    /// What is left, in terms that a socket understands: less than a microsecond would be for ever.
    fn left(&self) -> io::Result<Duration> {
        if let Some(whole) = self.whole {
            return Ok(whole);
        }
        let left = self.deadline.left().map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        Ok(left.max(SHORTEST))
    }

    #[cfg(feature = "memcached")]
    fn write_all_reading(&mut self, mut bytes: &[u8], input: &mut Input) -> io::Result<()> {
        if bytes.len() <= FITS {
            return self.write_all(bytes);
        }
        while !bytes.is_empty() {
            // Only a write that waits makes it worth a look at what has come.
            self.socket.set_write_timeout(Some(self.left()?.min(SHORTEST)))?;
            (self.write_timeout, self.whole) = (SHORTEST, None);
            match self.socket.write(bytes).map_err(timed_out) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::TimedOut => self.take_in(input)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come, without waiting.
    #[cfg(feature = "memcached")]
    fn take_in(&mut self, input: &mut Input) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        let taken = loop {
            match self.socket.read(input.room()) {
                Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => input.arrived(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.socket.set_nonblocking(false)?;
        taken
    }

    #[cfg(any(feature = "redis", feature = "memcached"))]
    fn is_quiet(&self) -> bool {
        let found = self.socket.recv_with_flags(&mut [MaybeUninit::uninit()], libc::MSG_DONTWAIT);
        found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Whether the timeout that is set serves as well as the one that is left.
fn serves(set: Duration, left: Duration) -> bool {
    set.abs_diff(left) <= TOLERANCE
}

/// A socket says "would block" when its timeout is over.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        if !serves(self.read_timeout, left) {
            self.socket.set_read_timeout(Some(left))?;
            self.read_timeout = left;
        }
        self.whole = None;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        if !serves(self.write_timeout, left) {
            self.socket.set_write_timeout(Some(left))?;
            self.write_timeout = left;
        }
        let written = self.socket.write(bytes).map_err(timed_out);
        if bytes.len() > AT_ONCE || written.as_ref().ok() != Some(&bytes.len()) {
            self.whole = None;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An async connection, of whatever kind. Its deadline is that of the future which uses it.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// The same socket again, to which anybody may write what is its next bytes. None where only the connection knows how
    /// to, or where there is no room for a second handle.
    #[cfg_attr(
        not(any(feature = "redis", feature = "memcached")),
        allow(dead_code, reason = "lines only ask for it")
    )]
    fn again(&self) -> Option<Socket> {
        None
    }
}

impl Duplex for tokio::net::TcpStream {
    fn again(&self) -> Option<Socket> {
        SockRef::from(self).try_clone().ok()
    }
}

impl Duplex for tokio::net::UnixStream {
    fn again(&self) -> Option<Socket> {
        SockRef::from(self).try_clone().ok()
    }
}

#[cfg(feature = "redis-tls")]
impl Duplex for tokio_rustls::client::TlsStream<Box<dyn Duplex>> {}

/// Connects, the TLS handshake included. To be called on the I/O thread, within a deadline.
///
/// # Errors
///
/// When the server cannot be reached.
pub(crate) async fn connect(address: &Address, security: &Security) -> Result<Box<dyn Duplex>> {
    let socket: Box<dyn Duplex> = match address {
        Address::Tcp { host, port } => {
            let socket = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
            socket.set_nodelay(true)?;
            Box::new(socket)
        }
        Address::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
    };
    match security {
        Security::Plain => Ok(socket),
        #[cfg(feature = "redis-tls")]
        Security::Tls(tls) => Ok(Box::new(tls.connect_async(address, socket).await?)),
    }
}

/// An exchange that has to end by itself.
pub(crate) async fn within<T>(limit: Duration, exchange: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| Err(late()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// To a socket, a timeout of nothing is one of for ever, and so is a part of a microsecond.
    #[test]
    fn what_is_left_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket =
            TcpStream::connect(listener.local_addr().expect("an address")).expect("somebody listens");
        let mut limited = Limited::new(socket.into(), Deadline::after(Duration::ZERO));
        for nanoseconds in (0..200_000).step_by(100) {
            limited.deadline = Deadline::after(Duration::from_nanos(nanoseconds));
            assert!(limited.left().map_or(true, |left| left >= SHORTEST));
        }
    }

    /// A server that answers each kibibyte with sixteen, and takes nothing while it cannot say them, over a connection
    /// with little room.
    #[cfg(feature = "memcached")]
    fn talkative(deadline: Deadline) -> Limited {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_send_buffer_size(8 << 10).expect("a small buffer");
        socket.set_recv_buffer_size(8 << 10).expect("a small buffer");
        socket.connect(&listener.local_addr().expect("an address").into()).expect("somebody listens");
        std::thread::spawn(move || {
            let Ok((mut peer, _)) = listener.accept() else { return };
            let mut question = [0; 1 << 10];
            while peer.read_exact(&mut question).is_ok() && peer.write_all(&[7; 16 << 10]).is_ok() {}
        });
        Limited::new(socket, deadline)
    }

    #[test]
    #[cfg(feature = "memcached")]
    fn what_comes_while_it_writes_is_taken_in() {
        let questions = vec![1; 1 << 20];
        let in_time = Deadline::after(Duration::from_secs(60));
        let (mut limited, mut input) = (talkative(in_time), Input::default());
        limited.write_all_reading(&questions, &mut input).expect("both go on");
        let taken = input.bytes().len();
        assert!(taken > 0 && input.bytes().iter().all(|byte| *byte == 7), "{taken} bytes");
        while input.bytes().len() < 16 * questions.len() {
            let count = limited.read(input.room()).expect("the rest");
            input.arrived(count);
        }
        // Who only writes is waiting for one that waits for it.
        let mut limited = talkative(Deadline::after(Duration::from_millis(500)));
        let end = limited.write_all(&questions).expect_err("neither goes on");
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);
    }
}

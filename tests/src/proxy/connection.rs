//! One connection through the proxy: a thread for each direction.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::fault::noise;
use super::requests::Requests;
use super::{Fault, Shared};

/// How long one write may wait for a reader before it is seen whether the connection is to end.
const WRITE: Duration = Duration::from_millis(50);

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// FIN: the client reads to the end of what was sent.
    Close,
    /// RST.
    Reset,
}

/// A client's connection, and the one to the server once something was passed on.
#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    target: SocketAddr,
    ends: Mutex<Ends>,
    ended: Condvar,
    /// Whether the client was answered since it spoke.
    answered: AtomicBool,
}

#[derive(Debug, Default)]
struct Ends {
    server: Option<Arc<TcpStream>>,
    ending: Option<Ending>,
}

impl Connection {
    pub(super) fn new(client: TcpStream, target: SocketAddr) -> io::Result<Self> {
        client.set_nodelay(true)?;
        client.set_write_timeout(Some(WRITE))?;
        let ends = Mutex::new(Ends::default());
        Ok(Self { client, target, ends, ended: Condvar::new(), answered: AtomicBool::new(true) })
    }

    /// Ends it; the first ending counts. Its threads see it at once, and the socket is closed after them.
    pub(super) fn end(&self, ending: Ending) {
        let mut ends = self.ends();
        if ends.ending.replace(ending).is_some() {
            return;
        }
        let how = match ending {
            Ending::Close => Shutdown::Both,
            // Reading is over, which wakes who reads; nothing is sent until the socket is closed, and then the RST.
            Ending::Reset => {
                let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
                Shutdown::Read
            }
        };
        let _ = self.client.shutdown(how);
        if let Some(server) = &ends.server {
            let _ = server.shutdown(Shutdown::Both);
        }
        self.ended.notify_all();
    }

    /// Passes on what the client sends, and starts the thread of the other direction; returns when both are done.
    pub(super) fn run(self: &Arc<Self>, shared: &Arc<Shared>) {
        let mut replies = None;
        let mut requests = Requests::default();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = (&self.client).read(&mut buffer) {
            if self.has_ended() {
                break;
            }
            let bytes = &buffer[..length];
            let ended = requests.ended_in(bytes);
            shared.counters.sent(length, ended, self.answered.swap(false, Relaxed));
            let goes_on = match shared.fault().0 {
                Fault::Reset => {
                    self.end(Ending::Reset);
                    false
                }
                Fault::BlackHole => true,
                Fault::Garbage => self.reply(shared, &noise().repeat(ended)),
                Fault::Answer(text) => self.reply(shared, &text.repeat(ended)),
                _ => self.pass_on(shared, bytes, &mut replies),
            };
            if !goes_on {
                break;
            }
        }
        let ends = self.ends();
        if let Some(server) = &ends.server {
            // The client may have said all it has to say, and wait for replies.
            let how = if ends.ending.is_none() { Shutdown::Write } else { Shutdown::Both };
            let _ = server.shutdown(how);
        }
        drop(ends);
        if let Some(thread) = replies {
            let _: thread::Result<()> = thread.join();
        }
        self.end(Ending::Close);
    }

    fn pass_on(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        bytes: &[u8],
        replies: &mut Option<thread::JoinHandle<()>>,
    ) -> bool {
        if replies.is_none() {
            let Ok(server) = connect(self.target) else {
                // As if the client had connected to where nobody listens, a little late.
                self.end(Ending::Reset);
                return false;
            };
            self.ends().server = Some(Arc::clone(&server));
            let (own, shared) = (Arc::clone(self), Arc::clone(shared));
            *replies = Some(thread::spawn(move || own.run_replies(&shared, &server)));
        }
        let server = self.ends().server.clone();
        server.is_some_and(|server| self.write(&server, bytes))
    }

    /// Passes on what the server answers.
    fn run_replies(&self, shared: &Shared, mut server: &TcpStream) {
        let (mut generation, mut passed, mut hangs) = (0, 0, false);
        let mut buffer = vec![0; 64 * 1024];
        let ending = loop {
            let bytes = match server.read(&mut buffer) {
                Ok(0) => break Ending::Close,
                Ok(length) => &buffer[..length],
                Err(_) => break Ending::Reset,
            };
            let (fault, now) = shared.fault();
            if generation != now {
                (generation, passed) = (now, 0);
            }
            let goes_on = hangs
                || match fault {
                    Fault::Delay(time) => self.sleep(time) && self.reply(shared, bytes),
                    Fault::Dribble(time) => {
                        bytes.iter().all(|byte| self.reply(shared, &[*byte]) && self.sleep(time))
                    }
                    Fault::CutAndHang(most) | Fault::CutAndClose(most) => {
                        let part = bytes.len().min(most - passed);
                        passed += part;
                        let is_cut = passed == most;
                        hangs = is_cut && matches!(fault, Fault::CutAndHang(_));
                        self.reply(shared, &bytes[..part]) && (hangs || !is_cut)
                    }
                    Fault::BlackHole => {
                        hangs = true;
                        true
                    }
                    Fault::Reset => break Ending::Reset,
                    Fault::Pass | Fault::Refuse | Fault::Garbage | Fault::Answer(_) => {
                        self.reply(shared, bytes)
                    }
                };
            if !goes_on {
                break Ending::Close;
            }
        };
        self.end(ending);
    }

    fn reply(&self, shared: &Shared, bytes: &[u8]) -> bool {
        if !bytes.is_empty() {
            self.answered.store(true, Relaxed);
            shared.counters.received(bytes.len());
        }
        self.write(&self.client, bytes)
    }

    /// Writes all of it, however slowly it is read, unless the connection ends.
    fn write(&self, mut stream: &TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && !self.has_ended() {
            match stream.write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => return false,
            }
        }
        bytes.is_empty()
    }

    /// Sleeps so long; `false` if the connection has ended meanwhile.
    fn sleep(&self, time: Duration) -> bool {
        let lives = |ends: &mut Ends| ends.ending.is_none();
        let waited = self.ended.wait_timeout_while(self.ends(), time, lives);
        waited.unwrap_or_else(PoisonError::into_inner).0.ending.is_none()
    }

    fn has_ended(&self) -> bool {
        self.ends().ending.is_some()
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(target: SocketAddr) -> io::Result<Arc<TcpStream>> {
    let server = TcpStream::connect_timeout(&target, Duration::from_secs(1))?;
    server.set_nodelay(true)?;
    server.set_write_timeout(Some(WRITE))?;
    Ok(Arc::new(server))
}

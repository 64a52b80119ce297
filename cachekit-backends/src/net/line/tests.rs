//! A line whose other end is in the test's hand: over a pipe, to which only its task can write, and over a socket.

use std::task::{Wake, Waker};
use std::thread;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;
use crate::net::runtime::start;

/// Requests, replies and tags are single bytes.
struct Bytes;

impl Protocol for Bytes {
    type Request = u8;
    type Reply = u8;
    type Reader = ();
    type Tag = ();

    fn ask(&self, request: &u8, out: &mut Vec<u8>) {
        out.push(*request);
    }

    fn read(&self, (): &mut (), input: &mut Input) -> Result<Option<u8>> {
        let byte = input.bytes().first().copied();
        input.take(1);
        Ok(byte)
    }

    fn tag(&self, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'!');
        Some(())
    }

    fn check(&self, (): &mut (), _: &[u8], input: &mut Input) -> Result<bool> {
        match self.read(&mut (), input)? {
            None => Ok(false),
            Some(b'!') => Ok(true),
            Some(_) => Err(Error::new(ErrorKind::Backend, "another tag")),
        }
    }
}

/// A thread that waits for a future.
struct Parked(thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Arc::new(Parked(thread::current())).into();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

impl Duplex for tokio::io::DuplexStream {}

/// The server's end of a line.
type Server = Box<dyn Duplex>;

/// A line of each kind, and the server's end of it.
fn lines() -> [(Line<Bytes>, Server); 2] {
    let pipe = start(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        Ok((Line::start(Bytes, Box::new(ours)), Box::new(theirs) as Server))
    });
    let socket = start(async {
        let (ours, theirs) = UnixStream::pair()?;
        // So little that many requests do not fit.
        SockRef::from(&ours).set_send_buffer_size(4 << 10)?;
        Ok((Line::start(Bytes, Box::new(ours)), Box::new(theirs) as Server))
    });
    let line = |start: Result<_>| start.expect("the I/O thread");
    [line(pipe.and_then(wait)), line(socket.and_then(wait))]
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(30)
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// What the server received, and its answer: in capitals, as an echo.
async fn answer(server: &mut Server, count: usize) -> Vec<u8> {
    let mut asked = vec![0; count];
    server.read_exact(&mut asked).await.expect("a request");
    server.write_all(&asked.to_ascii_uppercase()).await.expect("somebody listens");
    asked
}

/// Answers so many requests, and the tags of their batches, however they are cut into batches.
async fn answer_all(server: &mut Server, requests: usize) {
    let (mut left, mut last) = (requests, 0);
    while left > 0 || last != b'!' {
        last = answer(server, 1).await[0];
        left -= usize::from(last != b'!');
    }
}

#[test]
fn a_reply_is_that_to_the_request_whoever_goes_away() {
    for (line, mut server) in lines() {
        let mut exchanges: Vec<_> = (b'a'..=b'e').map(|request| line.begin(&request, soon())).collect();
        // One was never polled, one was polled once.
        drop(exchanges.remove(1));
        assert!(!poll_once(&mut exchanges[1]));
        drop(exchanges.remove(1));
        let answered = thread::spawn(move || wait(answer_all(&mut server, 5)));
        let replies: Vec<u8> =
            exchanges.into_iter().map(|exchange| wait(exchange).expect("a reply")).collect();
        assert_eq!(replies, b"ADE");
        answered.join().expect("no panic");
    }
}

#[test]
fn what_nobody_has_sent_is_sent_all_the_same() {
    for (line, mut server) in lines() {
        let first = line.begin(&b'a', soon());
        wait(answer(&mut server, 2));
        wait(first).expect("a reply");
        // The line is in use, so this one is to be sent by its caller, who does nothing.
        let second = line.begin(&b'b', soon());
        assert_eq!(wait(answer(&mut server, 2)), b"b!");
        assert_eq!(wait(second).ok(), Some(b'B'));
    }
}

#[test]
fn a_batch_with_another_tag_is_nobodys() {
    for (line, mut server) in lines() {
        let first = line.begin(&b'a', soon());
        wait(answer(&mut server, 2));
        wait(first).expect("a reply");
        let exchanges: Vec<_> = (0..BATCH).map(|_| line.begin(&b'b', soon())).collect();
        wait(async {
            let mut asked = [0; BATCH + 1];
            server.read_exact(&mut asked).await.expect("requests");
            // One reply was lost, and that to the next batch took the tag's place.
            server.write_all(&[b'B'; BATCH - 1]).await.expect("somebody listens");
            server.write_all(b"!B").await.expect("somebody listens");
        });
        for exchange in exchanges {
            assert!(wait(exchange).is_err_and(|trouble| !trouble.may_repeat));
        }
        assert!(!line.is_open());
        let refused = wait(line.begin(&b'c', soon())).expect_err("closed");
        assert!(refused.may_repeat, "it was never sent");
    }
}

#[test]
fn who_is_late_is_told_and_others_have_their_replies() {
    for (line, mut server) in lines() {
        let late = line.begin(&b'a', Instant::now() + Duration::from_millis(20));
        let patient = line.begin(&b'b', soon());
        let error = wait(late).expect_err("nobody answers").error;
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(!line.is_open(), "nothing is asked on it any more");
        wait(answer_all(&mut server, 2));
        assert_eq!(wait(patient).ok(), Some(b'B'));
    }
}

#[test]
fn a_reply_too_many_is_the_end() {
    for (line, mut server) in lines() {
        let exchange = line.begin(&b'a', soon());
        wait(async {
            answer(&mut server, 2).await;
            server.write_all(b"?").await.expect("somebody listens");
            // The end of the connection.
            assert_eq!(server.read(&mut [0]).await.ok(), Some(0));
        });
        wait(exchange).expect("the first is good");
        assert!(!line.is_open());
    }
}

#[test]
fn a_line_that_nobody_has_is_closed_once_all_is_answered() {
    for (line, mut server) in lines() {
        drop(line.begin(&b'a', soon()));
        drop(line);
        wait(async {
            assert_eq!(answer(&mut server, 2).await, b"a!");
            assert_eq!(server.read(&mut [0]).await.ok(), Some(0));
        });
    }
}

#[test]
fn what_the_socket_does_not_take_at_once_follows_in_order() {
    const REQUESTS: usize = 50_000;
    let letter = |n: usize| b'a' + u8::try_from(n % 26).unwrap_or(0);
    for (line, mut server) in lines() {
        let deadline = soon();
        let mut exchanges: Vec<_> = (0..REQUESTS)
            .map(|n| {
                let mut exchange = line.begin(&letter(n), deadline);
                poll_once(&mut exchange);
                exchange
            })
            .collect();
        let dropped = exchanges.pop();
        drop(dropped);
        let answered = thread::spawn(move || wait(answer_all(&mut server, REQUESTS)));
        for (n, exchange) in exchanges.into_iter().enumerate() {
            assert_eq!(wait(exchange).ok(), Some(letter(n).to_ascii_uppercase()), "{n}");
        }
        answered.join().expect("no panic");
    }
}

#[test]
fn many_threads_write_on_one_line() {
    const EACH: usize = 3_000;
    for (line, mut server) in lines() {
        let answered = thread::spawn(move || {
            wait(answer_all(&mut server, 4 * EACH));
            server
        });
        thread::scope(|scope| {
            for letter in b'a'..=b'd' {
                let line = line.clone();
                scope.spawn(move || {
                    for n in 0..EACH {
                        // Now and then one is begun before another one is sent.
                        let first = (n % 3 == 0).then(|| line.begin(&letter, soon()));
                        for exchange in
                            first.into_iter().chain((n % 3 != 2).then(|| line.begin(&letter, soon())))
                        {
                            assert_eq!(wait(exchange).ok(), Some(letter.to_ascii_uppercase()));
                        }
                    }
                });
            }
        });
        let _server = answered.join().expect("no panic");
        assert!(line.is_open());
    }
}

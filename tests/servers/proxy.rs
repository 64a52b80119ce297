//! The proxy does what it is told to, on connections that are open as on new ones.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_tests::proxy::{Fault, Proxy};

/// A server that answers each line with itself, and the proxy before it.
fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = (&stream).read(&mut buffer) {
                    if (&stream).write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    Proxy::new(address)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Sends the line, and reads so many bytes.
fn ask(mut stream: &TcpStream, line: &str, length: usize) -> io::Result<String> {
    stream.write_all(line.as_bytes())?;
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Nothing comes for a while.
fn is_silent(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let outcome = stream.read(&mut [0]).map_err(|error| error.kind());
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    matches!(outcome, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn assert_reset<T: std::fmt::Debug>(outcome: io::Result<T>) {
    let kind = outcome.expect_err("a reset").kind();
    assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
}

#[test]
fn everything_passes_and_is_counted() {
    let proxy = echo();
    let (one, other) = (connect(&proxy), connect(&proxy));
    for _ in 0..3 {
        assert_eq!(ask(&one, "hello\n", 6).expect("an answer"), "hello\n");
    }
    assert_eq!(ask(&other, "a\nb\nc\n", 6).expect("an answer"), "a\nb\nc\n");
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.open), (2, 2));
    assert_eq!((counts.requests, counts.round_trips), (6, 4));
    assert_eq!((counts.sent, counts.received), (24, 24));
    proxy.reset_counts();
    assert_eq!(proxy.counts().requests, 0);
    let large = "x".repeat(1_000_000) + "\n";
    let (mut reader, sent) = (one.try_clone().expect("a clone"), large.clone());
    let read = thread::spawn(move || {
        let mut answer = vec![0; sent.len()];
        reader.read_exact(&mut answer).map(|()| answer == sent.as_bytes())
    });
    (&one).write_all(large.as_bytes()).expect("a long line");
    assert!(read.join().expect("no panic").expect("a long answer"));
    assert_eq!(proxy.counts().requests, 1);
}

#[test]
fn replies_come_late_or_byte_by_byte() {
    let proxy = echo();
    let stream = connect(&proxy);
    let timed = |line: &str| {
        let start = Instant::now();
        assert_eq!(ask(&stream, line, line.len()).expect("an answer"), line);
        start.elapsed()
    };
    timed("warm\n");
    proxy.set(Fault::Delay(Duration::from_millis(200)));
    assert!(timed("late\n") >= Duration::from_millis(200));
    proxy.set(Fault::Dribble(Duration::from_millis(30)));
    assert!(timed("byte by byte\n") >= Duration::from_millis(12 * 30));
    proxy.set(Fault::Pass);
    // What the last byte is followed by is over soon.
    thread::sleep(Duration::from_millis(30));
    assert!(timed("fast\n") < Duration::from_millis(200));
}

#[test]
fn replies_are_cut() {
    let proxy = echo();
    let (stream, old) = (connect(&proxy), connect(&proxy));
    assert_eq!(ask(&old, "before\n", 7).expect("an answer"), "before\n");
    proxy.set(Fault::CutAndHang(4));
    assert_eq!(ask(&stream, "hello\n", 4).expect("its beginning"), "hell");
    assert_eq!(ask(&old, "hello\n", 4).expect("its beginning"), "hell");
    assert!(is_silent(&stream) && is_silent(&old));
    proxy.set(Fault::Pass);
    (&stream).write_all(b"again\n").expect("a line");
    assert!(is_silent(&stream), "what is cut stays so");
    assert_eq!(ask(&connect(&proxy), "new\n", 4).expect("an answer"), "new\n");

    proxy.set(Fault::CutAndClose(2));
    let mut stream = connect(&proxy);
    stream.write_all(b"hello\n").expect("a line");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and its end");
    assert_eq!(answer, "he");
}

#[test]
fn other_replies_are_made_up() {
    let proxy = echo();
    let stream = connect(&proxy);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
    proxy.set(Fault::answer("-READONLY\r\n"));
    assert_eq!(ask(&stream, "SET k v\r\n", 11).expect("an answer"), "-READONLY\r\n");
    assert_eq!(
        ask(&stream, "*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n", 22).expect("answers"),
        "-READONLY\r\n".repeat(2)
    );
    proxy.set(Fault::Garbage);
    let noise = ask(&stream, "hello\n", 64).expect("noise");
    assert!(!noise.contains("hello") && noise.contains('\u{fffd}'), "{noise:?}");
    proxy.set(Fault::Pass);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
}

#[test]
fn connections_are_reset() {
    let proxy = echo();
    let stream = connect(&proxy);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
    proxy.set(Fault::Reset);
    assert_reset(ask(&stream, "hello\n", 6));
    assert_reset(ask(&connect(&proxy), "hello\n", 6));
    proxy.set(Fault::Pass);
    let (one, other) = (connect(&proxy), connect(&proxy));
    assert_eq!(ask(&one, "hello\n", 6).expect("an answer"), "hello\n");
    assert_eq!(ask(&other, "hello\n", 6).expect("an answer"), "hello\n");
    proxy.reset_connections();
    assert_eq!(proxy.counts().open, 0);
    assert_reset((&one).read(&mut [0]));
    assert_reset(ask(&other, "hello\n", 6));
    let third = connect(&proxy);
    assert_eq!(ask(&third, "hello\n", 6).expect("an answer"), "hello\n");
    proxy.close_connections();
    assert_eq!((&third).read(&mut [0]).expect("its end"), 0);
}

#[test]
fn connections_are_refused() {
    let proxy = echo();
    let stream = connect(&proxy);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
    for _ in 0..3 {
        proxy.set(Fault::Refuse);
        let refused = TcpStream::connect(proxy.address()).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&stream, "open\n", 5).expect("an answer"), "open\n");
        proxy.set(Fault::Pass);
        assert_eq!(ask(&connect(&proxy), "hello\n", 6).expect("an answer"), "hello\n");
    }
}

#[test]
fn nothing_comes_from_a_black_hole() {
    let proxy = echo();
    let stream = connect(&proxy);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
    proxy.set(Fault::BlackHole);
    (&stream).write_all(b"hello\n").expect("a line");
    let new = connect(&proxy);
    (&new).write_all(b"hello\n").expect("a line");
    assert!(is_silent(&stream) && is_silent(&new));
    proxy.set(Fault::Pass);
    assert_eq!(ask(&new, "again\n", 6).expect("an answer"), "again\n", "what it swallowed is gone");
}

#[test]
fn a_server_that_is_down_is_down_through_the_proxy_and_another_takes_its_place() {
    let other = echo();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let proxy = Proxy::new(nobody);
    assert_reset(ask(&connect(&proxy), "hello\n", 6));
    proxy.set_target(other.address());
    assert_eq!(ask(&connect(&proxy), "hello\n", 6).expect("an answer"), "hello\n");
    let address = proxy.address();
    let stream = connect(&proxy);
    assert_eq!(ask(&stream, "hello\n", 6).expect("an answer"), "hello\n");
    drop(proxy);
    assert_eq!((&stream).read(&mut [0]).expect("its end"), 0);
    assert!(TcpStream::connect(address).is_err());
}

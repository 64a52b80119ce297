//! Async functions: eight callers want one page at once, one request goes out; a failure is not cached.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use cachekit::memoize;
use cachekit_examples::{block_on, in_thread};

/// Fetches a page. `Err` goes to whoever asked, and the next call tries again.
#[memoize(timeout = "5m")]
async fn page(server: SocketAddr, path: &str) -> io::Result<String> {
    let path = path.to_owned();
    in_thread(move || {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains("200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("no page at {path}"))),
        }
    })
    .await
}

/// A slow server that says which request this was, and knows one page.
fn serve(listener: &TcpListener) -> io::Result<()> {
    for number in 1.. {
        let (mut stream, _) = listener.accept()?;
        let mut request = [0; 512];
        let read = stream.read(&mut request)?;
        thread::sleep(Duration::from_millis(50));
        if request[..read].starts_with(b"GET /news ") {
            write!(stream, "HTTP/1.0 200 OK\r\n\r\nthe news, request {number}")?;
        } else {
            write!(stream, "HTTP/1.0 404 Not Found\r\n\r\n")?;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    thread::spawn(move || serve(&listener));

    thread::scope(|scope| {
        for caller in 1..=8 {
            scope.spawn(move || println!("caller {caller}: {:?}", block_on(page(server, "/news"))));
        }
    });
    println!("later:    {:?}", block_on(page(server, "/news")));
    println!("missing:  {:?}", block_on(page(server, "/nothing")));
    println!("missing:  {:?}", block_on(page(server, "/nothing")));
    println!("renewed:  {:?}", block_on(page::refresh(server, "/news")));
    let stats = page::stats();
    println!(
        "{} hits, {} coalesced, {} misses, {} stored",
        stats.hits, stats.coalesced, stats.misses, stats.stored
    );
    Ok(())
}

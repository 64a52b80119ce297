//! Requests that look like a shop's, and a client that makes them.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::db::{CATEGORIES, ITEMS, Random};

/// What went wrong with a request.
pub type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// A request: method, target, and the form that is posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// A form, or nothing.
    pub form: String,
}

/// Requests without end, the same for the same seed.
#[derive(Debug)]
pub struct Wishes {
    random: Random,
    /// So many of a thousand are writes.
    writes: u64,
}

impl Wishes {
    /// Requests of a seed, of which so many of a thousand are writes.
    pub fn new(seed: u64, writes: u64) -> Self {
        Self { random: Random(seed), writes }
    }

    /// An item; some are asked for far more often than others.
    fn item(&mut self) -> u64 {
        let bound = [10, 100, 1000, ITEMS + 5][usize::try_from(self.random.below(4)).unwrap_or(0)];
        self.random.below(bound) + 1
    }
}

impl Iterator for Wishes {
    type Item = Wish;

    fn next(&mut self) -> Option<Wish> {
        let get = |target: String| Wish { method: "GET", target, form: String::new() };
        if self.random.below(1000) < self.writes {
            let item = self.item();
            let (target, form) = if self.random.below(2) == 0 {
                (format!("/items/{item}/price"), format!("price={}", self.random.below(20_000)))
            } else {
                (
                    format!("/items/{item}/reviews"),
                    format!("stars={}&text=<b>fine</b>", self.random.below(5) + 1),
                )
            };
            return Some(Wish { method: "POST", target, form });
        }
        Some(match self.random.below(20) {
            0..=8 => get(format!("/items/{}", self.item())),
            9..=10 => get(format!("/api/items/{}", self.item())),
            11..=14 => {
                let (category, page) = (self.random.below(CATEGORIES) + 1, self.random.below(3));
                get(format!("/categories/{category}?page={page}"))
            }
            15..=16 => {
                let word = ["lamp", "amber", "r m", "1", "%3Cnothing%3E"]
                    [usize::try_from(self.random.below(5)).unwrap_or(0)];
                get(format!("/search?q={word}"))
            }
            17 => Wish { method: "HEAD", ..get(format!("/items/{}", self.item())) },
            _ => get("/".to_owned()),
        })
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Result<Self, Trouble> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn send(&mut self, wish: &Wish) -> Result<Response<Bytes>, Trouble> {
        let request = Request::builder()
            .method(wish.method)
            .uri(wish.target.replace(' ', "+"))
            .header("host", "shop")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(wish.form.clone())))?;
        self.sender.ready().await?;
        let (parts, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }
}

/// What of a response must be the same with and without a cache: all but when it was made and where it came from. And
/// but for the tag of a `HEAD`: a cache makes it from the body, which a service without one does not send.
pub fn essence(wish: &Wish, response: &Response<Bytes>) -> (u16, Vec<(String, Vec<u8>)>, Bytes) {
    let all = ["date", "age", "cache-status", "etag"];
    let differs = if wish.method == "HEAD" { &all[..] } else { &all[..3] };
    let fields = response.headers().iter().filter(|(name, _)| !differs.contains(&name.as_str()));
    let mut fields: Vec<_> =
        fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    fields.sort();
    (response.status().as_u16(), fields, response.body().clone())
}

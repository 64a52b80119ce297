//! A uWSGI server that shares its caches over its own protocol.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::time::Duration;

use super::node::{Launch, Node};
use super::programs::UWSGI;
use super::{Port, available, files, programs};

/// One uWSGI master with workers, and a cache `mycache` that never answers what is past its time (`lazy=1`).
#[derive(Debug)]
pub struct Uwsgi {
    node: Node,
}

/// How a [`Uwsgi`] is to be started.
#[derive(Debug)]
pub struct UwsgiBuilder {
    items: u32,
    blocksize: u32,
    others: Vec<String>,
    options: Vec<String>,
}

impl Uwsgi {
    /// The cache that every one has.
    pub const CACHE: &'static str = "mycache";

    /// Starts one with room for 20,000 items of 16 KiB; `None` where the program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().start()
    }

    /// Starts one with options.
    pub fn builder() -> UwsgiBuilder {
        UwsgiBuilder { items: 20_000, blocksize: 16_384, others: Vec::new(), options: Vec::new() }
    }

    /// `uwsgi://mycache@h:p`.
    pub fn url(&self) -> String {
        self.url_of(Self::CACHE)
    }

    /// The same for another cache.
    pub fn url_of(&self, cache: &str) -> String {
        format!("uwsgi://{cache}@{}", self.address())
    }

    /// Sends these variables and this value, and gives the whole answer; a miss and a refusal are empty.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub fn exchange(&self, variables: &[(&str, &str)], value: &[u8]) -> Vec<u8> {
        exchange(&self.node, variables, value).expect("an answer from uWSGI")
    }
}

impl Deref for Uwsgi {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl UwsgiBuilder {
    /// Room for so many items in `mycache`, less one.
    #[must_use]
    pub fn items(mut self, items: u32) -> Self {
        self.items = items;
        self
    }

    /// The largest value of `mycache`, in bytes.
    #[must_use]
    pub fn blocksize(mut self, bytes: u32) -> Self {
        self.blocksize = bytes;
        self
    }

    /// Another cache, after `mycache`, with what `--cache2` takes: `items=400,blocksize=64`.
    #[must_use]
    pub fn cache(mut self, name: &str, settings: &str) -> Self {
        self.others.push(format!("name={name},{settings}"));
        self
    }

    /// Any other option: `buffer-size`, `32768`.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// Starts it; `None` where the program is missing.
    pub fn start(self) -> Option<Uwsgi> {
        available(&[UWSGI])?;
        let (folder, port) = (files::folder(), Port::free());
        let own = format!("name={},items={},blocksize={},lazy=1", Uwsgi::CACHE, self.items, self.blocksize);
        let options = [
            ("--socket", port.address().to_string()),
            ("--processes", "4".to_owned()),
            ("--listen", backlog().to_string()),
            ("--cache-expire-freq", "1".to_owned()),
        ];
        let mut words = programs::uwsgi().unwrap_or_default().to_vec();
        words.extend(["--master", "--disable-logging"].map(str::to_owned));
        words.extend(options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        words.extend([own].into_iter().chain(self.others).flat_map(|cache| ["--cache2".to_owned(), cache]));
        words.extend(self.options);
        let launch = Launch { words, variables: Vec::new() };
        let probe = [("cmd", "exists"), ("key", "probe"), ("cache", Uwsgi::CACHE)];
        let ready = move |node: &Node| exchange(node, &probe, b"").is_ok();
        Some(Uwsgi { node: Node::start("uwsgi", folder, port, &launch, ready) })
    }
}

/// As many connections may wait as this system lets uWSGI ask for: each request is one.
fn backlog() -> u32 {
    let allowed = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    allowed.trim().parse().unwrap_or(100).min(1024)
}

fn exchange(node: &Node, variables: &[(&str, &str)], value: &[u8]) -> io::Result<Vec<u8>> {
    let sized = |text: &str| [&short(text.len())[..], text.as_bytes()].concat();
    let block: Vec<u8> =
        variables.iter().flat_map(|(name, value)| [sized(name), sized(value)].concat()).collect();
    let length = short(block.len());
    let mut stream = TcpStream::connect(node.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&[&[0x6f, length[0], length[1], 0x11], &block[..], value].concat())?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A value that it does not want is left unread.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(Vec::new()),
        outcome => outcome.map(|_| answer),
    }
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

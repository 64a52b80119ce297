//! How a memcached cache is set up.

#[cfg(feature = "memcached-sasl")]
use super::wire::Credentials;
use super::{MemcachedCache, wire::MemcachedWire};
use crate::framed::Frame;
use crate::net::Server;
use crate::{Address, Deadlines, Error, ErrorKind, Result};

/// Builds a [`MemcachedCache`].
///
/// ```
/// use cachekit_backends::{Address, MemcachedConfig};
///
/// let servers = [Address::tcp("cache1.internal", 11211), Address::tcp("cache2.internal", 11211)];
/// let cache = MemcachedConfig::new(servers).build()?;
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until `build`"]
pub struct MemcachedConfig {
    servers: Vec<Address>,
    #[cfg(feature = "memcached-sasl")]
    credentials: Option<Credentials>,
    spread: Option<Spread>,
    deadlines: Deadlines,
    pool_size: usize,
    max_value_size: usize,
}

/// How large values are spread over several entries.
///
/// ```
/// let spread = cachekit_backends::Spread::default();
/// assert_eq!((spread.chunk_size, spread.max_chunks), (1_000_000, 32));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The most bytes of a value in one entry. 1,000,000 unless set: with what stands beside it that fits a server which
    /// keeps entries of 1 MiB, as servers do unless told otherwise by `-I`.
    pub chunk_size: usize,
    /// The most entries for one value. 32 unless set. A value that needs more is refused.
    pub max_chunks: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { chunk_size: 1_000_000, max_chunks: 32 }
    }
}

/// What a server needs for an entry beside its name and its value, and some more.
const BESIDE: usize = Frame::HEADER + 64;
const MEBIBYTE: usize = 1 << 20;

impl MemcachedConfig {
    /// A cache on these servers, each of which has a part of the entries.
    ///
    /// Which server has an entry follows from its key and the servers' addresses as they are written here, so all
    /// processes must write them alike; their order does not matter.
    pub fn new(servers: impl IntoIterator<Item = Address>) -> Self {
        Self {
            servers: servers.into_iter().collect(),
            #[cfg(feature = "memcached-sasl")]
            credentials: None,
            spread: None,
            deadlines: Deadlines::default(),
            pool_size: 16,
            max_value_size: MEBIBYTE,
        }
    }

    /// Logs in to each server with this name and password, by SASL PLAIN.
    #[cfg(feature = "memcached-sasl")]
    pub fn credentials(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some(Credentials { username: username.into(), password: password.into() });
        self
    }

    /// Spreads values that are larger than a chunk over several entries.
    #[cfg(feature = "memcached-sasl")]
    pub fn spread(mut self, spread: Spread) -> Self {
        self.spread = Some(spread);
        self
    }

    /// Sets how long to wait for a server.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets the most connections that blocking callers have to one server; 16 unless set. Async callers share one.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections;
        self
    }

    /// Sets the largest entry that the servers keep (their option `-I`), in bytes; 1 MiB unless set. What is larger with
    /// its key and some 100 bytes is refused before it is sent, and is not read either.
    pub fn max_value_size(mut self, bytes: usize) -> Self {
        self.max_value_size = bytes;
        self
    }

    /// Builds the cache. Connects to nothing: that happens at first use.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) where there is no server, one is named twice, or a size is out of range.
    pub fn build(self) -> Result<MemcachedCache> {
        self.check()?;
        #[cfg(feature = "memcached-sasl")]
        let with_login = self.credentials.is_some();
        #[cfg(not(feature = "memcached-sasl"))]
        let with_login = false;
        let name = match (self.spread, with_login) {
            (Some(_), _) => "SpreadSASLMemcachedCache",
            (None, true) => "SASLMemcachedCache",
            (None, false) => "MemcachedCache",
        };
        let server = |address: &Address| {
            let wire = MemcachedWire {
                address: address.clone(),
                #[cfg(feature = "memcached-sasl")]
                credentials: self.credentials.clone(),
                longest: self.max_value_size,
            };
            Server::new(wire, address.to_string(), self.deadlines, self.pool_size)
        };
        let servers = self.servers.iter().map(server).collect();
        Ok(MemcachedCache::new(name, servers, self.max_value_size - BESIDE, self.spread))
    }

    fn check(&self) -> Result<()> {
        let bad = |message: &str| Err(Error::new(ErrorKind::Config, message));
        if self.servers.is_empty() {
            return bad("a memcached cache needs the address of a server or more");
        }
        let mut sorted = self.servers.clone();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = "each memcached server is named once";
            return Err(Error::new(ErrorKind::Config, message).with_context("server", twice[0].to_string()));
        }
        if self.pool_size == 0 {
            return bad("pool_size is the most connections to a server: 1 or more");
        }
        if !(1024..=1 << 30).contains(&self.max_value_size) {
            return bad("max_value_size is from 1 KiB to 1 GiB, as the option -I of the servers");
        }
        #[cfg(feature = "memcached-sasl")]
        if let Some(Credentials { username, password }) = &self.credentials
            && (username.contains('\0') || password.contains('\0'))
        {
            return bad(
                "a user name and a password of SASL PLAIN have no NUL in them, which separates the two",
            );
        }
        let Some(spread) = self.spread else { return Ok(()) };
        if spread.chunk_size == 0 || spread.max_chunks == 0 {
            return bad("chunk_size and max_chunks are 1 or more");
        }
        if spread.chunk_size > self.max_value_size - BESIDE - 250 {
            return bad("a chunk and what stands beside it (350 bytes) must fit max_value_size");
        }
        Ok(())
    }
}

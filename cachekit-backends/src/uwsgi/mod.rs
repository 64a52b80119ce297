//! `UWSGICache`: the cache of a uWSGI server, over its own protocol.
//!
//! [`protocol`] is bytes only, [`wire`] moves them, [`entries`] knows what they stand for; [`store`] has the operations, and
//! [`clear`] what a store without a list of keys needs in order to forget a prefix.

mod clear;
mod entries;
mod protocol;
mod store;
mod wire;

use std::fmt;
use std::sync::Arc;

use self::wire::{LANES, UwsgiWire};
use crate::framed::{Frame, Known};
use crate::net::{Address, Deadlines, Server};
use crate::{Error, ErrorKind, Result};

/// uWSGI's `blocksize`, unless configured.
const BLOCKSIZE: usize = 65_536;
/// The longest record of what was cleared.
const REGISTRY: usize = 4096;

/// How a [`UwsgiCache`] is set up.
///
/// The server needs nothing but a cache: `uwsgi --socket 127.0.0.1:3031 --master --cache2
/// name=app,items=10000,lazy=1`. With `lazy=1` what is expired makes room at once. A full cache refuses what is new, and
/// what was cleared stays in its place until it expires or is stored again; with `purge_lru=1` instead of `lazy=1`, what
/// was not used for longest makes room (lifetimes hold there, too, because each entry has its own beside it). A server's
/// caches should have equal numbers of `items`, if others clear them remotely: uWSGI mistakes one for the other there.
/// cachekit does not do that. There is neither a password nor encryption in this protocol: it is for one machine or a private network.
///
/// ```no_run
/// use cachekit_backends::{Address, Backend, UwsgiConfig};
///
/// let cache = UwsgiConfig::new(Address::tcp("127.0.0.1", 3031)).cache("app").build()?;
/// cache.set_many(&[("user:7", b"Ada")], None)?;
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct UwsgiConfig {
    address: Address,
    cache: String,
    deadlines: Deadlines,
    max_value_size: usize,
}

impl UwsgiConfig {
    /// The first cache of the server at this address.
    pub fn new(address: Address) -> Self {
        let (cache, deadlines) = (String::new(), Deadlines::default());
        Self { address, cache, deadlines, max_value_size: BLOCKSIZE }
    }

    /// Sets which of the server's caches it is, by its name; empty for the first.
    pub fn cache(mut self, name: impl Into<String>) -> Self {
        self.cache = name.into();
        self
    }

    /// Sets how long the server is waited for.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets the largest value in bytes, which is the `blocksize` of the cache: 65,536 unless configured there. 29 bytes of
    /// it are taken by what stands before each value.
    pub fn max_value_size(mut self, bytes: usize) -> Self {
        self.max_value_size = bytes;
        self
    }

    /// Makes the store, which connects at first use.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if the name or the size is impossible.
    pub fn build(self) -> Result<UwsgiCache> {
        let Self { address, cache, deadlines, max_value_size } = self;
        if max_value_size <= Frame::HEADER {
            let message = format!(
                "the largest value is {max_value_size} bytes; it has to be more than {}",
                Frame::HEADER
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        if cache.len() > 255 || cache.contains(char::is_control) {
            return Err(Error::new(
                ErrorKind::Config,
                "the name of a uWSGI cache is up to 255 bytes of text",
            ));
        }
        let name = format!("uwsgi {address}");
        let wire = UwsgiWire::new(address, max_value_size.max(REGISTRY));
        let server = Server::new(wire, name, deadlines, LANES);
        Ok(UwsgiCache { inner: Arc::new(Inner { server, cache, max_value_size, known: Known::default() }) })
    }
}

/// A store in the cache of a uWSGI server, which its processes and others on the machine share.
///
/// Expiry is exact, whatever the server's clock ticks. Increments are not atomic, and there is no compare-and-set: uWSGI
/// offers neither to others than its own processes. Where it refuses a value (the cache is full, has another name, has
/// smaller blocks), the answer is `false` or an error of the kind [`NoSpace`](ErrorKind::NoSpace).
#[derive(Clone)]
pub struct UwsgiCache {
    inner: Arc<Inner>,
}

struct Inner {
    server: Arc<Server<UwsgiWire>>,
    /// Empty for the first one.
    cache: String,
    max_value_size: usize,
    known: Known,
}

impl fmt::Debug for UwsgiCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UwsgiCache")
            .field("server", &self.inner.server.name())
            .field("cache", &self.inner.cache)
            .finish_non_exhaustive()
    }
}

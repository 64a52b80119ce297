//! The store itself.

use std::fmt;
use std::sync::Arc;

use super::Spread;
use super::entry::Spot;
use super::servers::Servers;
use super::wire::MemcachedWire;
use crate::net::{Flavour, Server, now, operations};
use crate::{Backend, Capability, Result, ServerHealth};

/// Bytes on memcached servers: `MemcachedCache`, and with a login or spread values `SASLMemcachedCache` and
/// `SpreadSASLMemcachedCache`.
///
/// A key of 1 to 250 bytes from `!` to `~` that does not begin with `cachekit:` is called so on the server; any other is
/// called `cachekit:key:`, its SHA-256, and what of it can be read. Before each value stands a frame of 29 bytes, so other
/// clients can see the entries but not use them. Clearing a prefix makes what begins with it dead, wherever it is, without
/// touching what else is on the servers. A server that does not answer costs its own entries only; they are not moved to
/// others, where they would be stale when it is back.
///
/// An operation asks each server once for up to 1000 items or 4 MiB to store, or 2048 keys to read; beyond that it asks
/// again. Reading a spread value takes a second exchange for its parts.
///
/// Entries expire by the clocks of the clients, to the millisecond. Clocks that disagree make them disagree as much.
pub struct MemcachedCache {
    name: &'static str,
    pub(super) servers: Servers,
    /// The most bytes of a name and a value together.
    pub(super) room: usize,
    pub(super) spread: Option<Spread>,
}

impl MemcachedCache {
    pub(super) fn new(
        name: &'static str,
        servers: Vec<Arc<Server<MemcachedWire>>>,
        room: usize,
        spread: Option<Spread>,
    ) -> Self {
        Self { name, servers: Servers::new(servers), room, spread }
    }

    pub(super) fn spots<'a>(&self, keys: &[&'a str]) -> Vec<Spot<'a>> {
        keys.iter().map(|key| Spot::of(key, &self.servers)).collect()
    }

    /// Removes everything on all the servers (`flush_all`), of whichever program. [`clear`](Backend::clear) removes what
    /// begins with a prefix.
    ///
    /// # Errors
    ///
    /// When a server does not answer; the others are empty then.
    pub fn flush_servers(&self) -> Result<()> {
        now(self.servers.flush(Flavour::Blocking))
    }

    /// The async flavour of [`flush_servers`](Self::flush_servers).
    ///
    /// # Errors
    ///
    /// As [`flush_servers`](Self::flush_servers).
    pub async fn flush_servers_async(&self) -> Result<()> {
        self.servers.flush(Flavour::Async).await
    }

    async fn erase(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        self.servers.clear(flavour, prefix).await
    }
}

impl Backend for MemcachedCache {
    fn name(&self) -> &'static str {
        self.name
    }

    fn capability(&self) -> Capability {
        Capability {
            stores: true,
            shared: true,
            may_block: true,
            compare_and_set: true,
            atomic_increment: true,
            exact_expiry: true,
            ..Capability::NONE
        }
    }

    fn health(&self) -> Vec<ServerHealth> {
        self.servers.health()
    }

    operations!();
}

impl fmt::Debug for MemcachedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name)
            .field("servers", &self.servers)
            .field("spread", &self.spread)
            .finish_non_exhaustive()
    }
}

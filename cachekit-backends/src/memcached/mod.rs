//! The memcached stores: `MemcachedCache`, `SASLMemcachedCache` and `SpreadSASLMemcachedCache`.
//!
//! The client is our own and speaks the binary protocol, with every server alike: it is length-prefixed, so that no key
//! and no value can be taken for a command; every write can be conditional on the number (CAS) of what is there; requests
//! can be sent before the replies to others came; and it is all that a server with SASL (`-S`) speaks. The `memcache`
//! crate's client, version 0.21, does not do: over the text protocol it says that an `add` was stored which was not, and
//! runs commands that are in keys; it waits without limit for a server that fell silent; it asks for the version before
//! each operation; and it chooses servers by a hash that may change with the compiler.
//!
//! A server cannot list its keys, so a prefix is cleared by [`framed`](crate::framed) epochs. Entries expire to the
//! millisecond by the clocks of the clients, which are to agree.

mod cache;
mod chunks;
mod clear;
mod config;
mod count;
mod entry;
mod keys;
mod protocol;
mod put;
mod read;
mod remove;
mod rendezvous;
mod replies;
mod servers;
mod spread;
mod wire;
mod write;

pub use self::cache::MemcachedCache;
pub use self::config::{MemcachedConfig, Spread};

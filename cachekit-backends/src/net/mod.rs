//! What all network stores share: where a server is, how long to wait for it, and what to do when it does not answer.
//!
//! A store writes each operation once, as an `async fn` over a [`Flavour`]. What moves its bytes is a [`Server`] over
//! the store's [`Wire`]: in the blocking flavour it blocks and the future never waits, so that [`now`] takes the
//! result out of the first poll; in the async flavour the exchange runs on the I/O thread ([`runtime`]), whatever
//! executor the caller is on, and goes on to its end when the caller goes away. Nothing calls `block_on`.

#![cfg_attr(
    not(any(feature = "redis", feature = "memcached", feature = "uwsgi")),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        reason = "without a store, only the settings are there to be used"
    )
)]

mod address;
mod breaker;
mod deadline;
#[cfg(any(feature = "redis", feature = "memcached"))]
mod input;
#[cfg(any(feature = "redis", feature = "memcached"))]
mod line;
#[macro_use]
mod operations;
mod pool;
#[cfg(any(feature = "redis", feature = "memcached"))]
mod reply;
mod runtime;
mod server;
mod stream;
#[cfg(feature = "redis-tls")]
mod tls;
mod wire;

pub use self::address::Address;
pub use self::deadline::Deadlines;
#[cfg(feature = "redis-tls")]
pub use self::tls::Tls;

pub(crate) use self::deadline::Deadline;
#[cfg(feature = "redis")]
pub(crate) use self::deadline::late;
#[cfg(any(feature = "redis", feature = "memcached"))]
pub(crate) use self::input::Input;
#[cfg(any(feature = "redis", feature = "memcached"))]
pub(crate) use self::line::{Line, Protocol};
pub(crate) use self::operations::operations;
#[cfg(feature = "uwsgi")]
pub(crate) use self::operations::pause;
#[cfg(feature = "redis")]
pub(crate) use self::runtime::keep;
#[cfg(feature = "uwsgi")]
pub(crate) use self::runtime::run;
#[cfg(any(feature = "redis", feature = "uwsgi"))]
pub(crate) use self::runtime::side_by_side;
#[cfg(feature = "redis-cluster")]
pub(crate) use self::runtime::start;
pub(crate) use self::server::Server;
#[cfg(feature = "redis")]
pub(crate) use self::stream::{Duplex, within};
pub(crate) use self::stream::{Security, Stream, connect};
#[cfg(any(feature = "redis", feature = "memcached"))]
pub(crate) use self::wire::Exchange;
pub(crate) use self::wire::{Repeat, Verdict, Wire};
pub(crate) use crate::flavour::{Flavour, now};

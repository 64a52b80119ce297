//! The settings of the backends behind a network: what they share here, the rest by kind.

use std::time::Duration;

#[cfg(any(feature = "redis", feature = "memcached"))]
use cachekit_backends::Address;
use cachekit_backends::{Deadlines, Result};
#[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
use cachekit_backends::{Error, ErrorKind};

#[cfg(any(feature = "redis", feature = "memcached"))]
use self::secret::Secret;
use super::keys::{Key, Setting};
use super::{Config, duration};

/// A group of settings, each set or not; of two groups the later one wins, setting by setting.
macro_rules! group {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $t:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        pub(in crate::config) struct $name {
            $(pub(in crate::config) $field: Option<$t>,)*
        }

        impl $name {
            pub(in crate::config) fn merge_from(&mut self, later: Self) {
                $(if later.$field.is_some() {
                    self.$field = later.$field;
                })*
            }
        }

        impl std::fmt::Debug for $name {
            /// Shows what is set.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut debug = f.debug_struct(stringify!($name));
                $(if let Some(value) = &self.$field {
                    debug.field(stringify!($field), value);
                })*
                debug.finish()
            }
        }
    };
}

#[cfg(feature = "memcached")]
pub(super) mod memcached;
#[cfg(feature = "redis")]
pub(super) mod redis;
#[cfg(any(feature = "redis", feature = "memcached"))]
mod secret;
#[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
pub(super) mod urls;
#[cfg(feature = "uwsgi")]
pub(super) mod uwsgi;

group! {
    /// What all backends behind a network share.
    Network {
        connect_timeout: Duration,
        operation_timeout: Duration,
        pool_size: usize,
        check_connection: bool,
    }
}

pub(super) const KEYS: &[Key] = &[
    ("CACHE_CHECK_CONNECTION", |config, setting| {
        config.network.check_connection = Some(setting.boolean()?);
        Ok(())
    }),
    ("CACHE_CONNECT_TIMEOUT", |config, setting| {
        config.network.connect_timeout = Some(patience(setting)?);
        Ok(())
    }),
    ("CACHE_OPERATION_TIMEOUT", |config, setting| {
        config.network.operation_timeout = Some(patience(setting)?);
        Ok(())
    }),
    ("CACHE_POOL_SIZE", |config, setting| {
        config.network.pool_size = Some(positive(setting, "a number of connections, 1 or more")?);
        Ok(())
    }),
];

/// The most connections of blocking callers to one server, unless set.
const POOL_SIZE: usize = 16;

impl Config {
    /// Sets how long a connection to a server may take to be made, 250 ms by default: `CACHE_CONNECT_TIMEOUT`.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.network.connect_timeout = Some(timeout);
        self
    }

    /// Sets how long a request to a server and its answer may take, 100 ms by default: `CACHE_OPERATION_TIMEOUT`.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.network.operation_timeout = Some(timeout);
        self
    }

    /// Sets the most connections of blocking callers to one Redis or Memcached server, 16 by default: `CACHE_POOL_SIZE`.
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.network.pool_size = Some(connections);
        self
    }

    /// Sets whether a server that cannot be reached is an error when the cache is built, off by default:
    /// `CACHE_CHECK_CONNECTION`.
    pub fn check_connection(mut self, on: bool) -> Self {
        self.network.check_connection = Some(on);
        self
    }

    /// How long servers are waited for.
    pub fn get_deadlines(&self) -> Deadlines {
        let mut deadlines = Deadlines::default();
        deadlines.connect = self.network.connect_timeout.unwrap_or(deadlines.connect);
        deadlines.operation = self.network.operation_timeout.unwrap_or(deadlines.operation);
        deadlines
    }

    /// The most connections of blocking callers to one server.
    pub fn get_pool_size(&self) -> usize {
        self.network.pool_size.unwrap_or(POOL_SIZE)
    }

    /// Whether a server that cannot be reached is an error when the cache is built.
    pub fn get_check_connection(&self) -> bool {
        self.network.check_connection.unwrap_or_default()
    }
}

/// Says of a first contact with a server what it was for.
#[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
fn contacted<T>(outcome: Result<T>) -> Result<()> {
    outcome.map(drop).map_err(|error| {
        let message = "could not connect, and CACHE_CHECK_CONNECTION wants to know";
        Error::new(error.kind(), message).with_source(error)
    })
}

fn patience(setting: &Setting<'_>) -> Result<Duration> {
    let timeout = duration::parse(setting.text).filter(|timeout| !timeout.is_zero());
    timeout.ok_or_else(|| setting.bad("a time above zero, such as 250ms or 1s"))
}

fn positive(setting: &Setting<'_>, expected: &str) -> Result<usize> {
    setting.number().filter(|number| *number > 0).ok_or_else(|| setting.bad(expected))
}

/// Reads addresses that commas separate.
#[cfg(any(feature = "redis", feature = "memcached"))]
pub(super) fn addresses(text: &str, default_port: u16) -> Result<Vec<Address>> {
    text.split(',').map(|one| Address::parse(one.trim(), default_port)).collect()
}

/// The addresses of a setting, one at least.
#[cfg(any(feature = "redis", feature = "memcached"))]
fn servers(setting: &Setting<'_>, default_port: u16) -> Result<Vec<Address>> {
    addresses(setting.text, default_port)
        .map_err(|_| setting.bad("addresses with commas between them: host:port,host:port"))
}

#[cfg(any(feature = "redis", feature = "memcached", feature = "uwsgi"))]
fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

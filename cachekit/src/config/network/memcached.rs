//! `MemcachedCache`, `SASLMemcachedCache`, `SpreadSASLMemcachedCache`: the `CACHE_MEMCACHED_*` keys.

use std::sync::Arc;

use cachekit_backends::{Address, Backend, MemcachedConfig, Result};

use super::{Secret, contacted, positive, servers};
use crate::config::Config;
use crate::config::keys::Key;

pub(in crate::config) const PORT: u16 = 11211;

group! {
    /// Where Memcached is, and who asks it.
    Memcached {
        servers: Vec<Address>,
        username: Secret,
        password: Secret,
        chunk_size: usize,
        max_chunks: usize,
        max_value_size: usize,
    }
}

pub(in crate::config) const KEYS: &[Key] = &[
    ("CACHE_MEMCACHED_CHUNK_SIZE", |config, setting| {
        config.memcached.chunk_size = Some(positive(setting, "a number of bytes, 1 or more")?);
        Ok(())
    }),
    ("CACHE_MEMCACHED_MAX_CHUNKS", |config, setting| {
        config.memcached.max_chunks = Some(positive(setting, "a number of chunks, 1 or more")?);
        Ok(())
    }),
    ("CACHE_MEMCACHED_MAX_VALUE_SIZE", |config, setting| {
        config.memcached.max_value_size = Some(positive(setting, "a number of bytes, 1 or more")?);
        Ok(())
    }),
    ("CACHE_MEMCACHED_PASSWORD", |config, setting| {
        config.memcached.password = Some(Secret::new(setting.text));
        Ok(())
    }),
    ("CACHE_MEMCACHED_SERVERS", |config, setting| {
        config.memcached.servers = Some(servers(setting, PORT)?);
        Ok(())
    }),
    ("CACHE_MEMCACHED_USERNAME", |config, setting| {
        config.memcached.username = Some(Secret::new(setting.text));
        Ok(())
    }),
];

impl Config {
    /// Sets the servers, `127.0.0.1:11211` by default: `CACHE_MEMCACHED_SERVERS`.
    pub fn memcached_servers(mut self, servers: impl IntoIterator<Item = Address>) -> Self {
        self.memcached.servers = Some(servers.into_iter().collect());
        self
    }

    /// Sets the user and the password: `CACHE_MEMCACHED_USERNAME`, `CACHE_MEMCACHED_PASSWORD`. `MemcachedCache` does not
    /// use them.
    pub fn memcached_credentials(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.memcached.username = Some(Secret::new(username));
        self.memcached.password = Some(Secret::new(password));
        self
    }

    /// Sets how large values are spread, over 32 chunks of 1,000,000 bytes at most by default:
    /// `CACHE_MEMCACHED_CHUNK_SIZE`, `CACHE_MEMCACHED_MAX_CHUNKS`. Only `SpreadSASLMemcachedCache` spreads them.
    pub fn memcached_spread(mut self, chunk_size: usize, max_chunks: usize) -> Self {
        self.memcached.chunk_size = Some(chunk_size);
        self.memcached.max_chunks = Some(max_chunks);
        self
    }

    /// Sets how large an item may be, 1 MiB by default as on the server (its option `-I`):
    /// `CACHE_MEMCACHED_MAX_VALUE_SIZE`.
    pub fn memcached_max_value_size(mut self, bytes: usize) -> Self {
        self.memcached.max_value_size = Some(bytes);
        self
    }
}

/// Without a user.
pub(in crate::config) fn plain(config: &Config) -> Result<Arc<dyn Backend>> {
    finish(config, Ok)
}

/// With a user.
#[cfg(feature = "memcached-sasl")]
pub(in crate::config) fn sasl(config: &Config) -> Result<Arc<dyn Backend>> {
    let Some((username, password)) = credentials(config)? else {
        let message = "SASLMemcachedCache needs CACHE_MEMCACHED_USERNAME and CACHE_MEMCACHED_PASSWORD";
        return Err(super::bad(message));
    };
    finish(config, |store| Ok(store.credentials(username, password)))
}

/// With or without a user; large values over several keys.
#[cfg(feature = "memcached-sasl")]
pub(in crate::config) fn spread(config: &Config) -> Result<Arc<dyn Backend>> {
    let mut spread = cachekit_backends::Spread::default();
    spread.chunk_size = config.memcached.chunk_size.unwrap_or(spread.chunk_size);
    spread.max_chunks = config.memcached.max_chunks.unwrap_or(spread.max_chunks);
    finish(config, |store| {
        let store = store.spread(spread);
        Ok(match credentials(config)? {
            Some((username, password)) => store.credentials(username, password),
            None => store,
        })
    })
}

/// What all three have in common.
fn finish(
    config: &Config,
    complete: impl Fn(MemcachedConfig) -> Result<MemcachedConfig>,
) -> Result<Arc<dyn Backend>> {
    let on = |servers: Vec<Address>| {
        let mut store = complete(MemcachedConfig::new(servers))?;
        if let Some(bytes) = config.memcached.max_value_size {
            store = store.max_value_size(bytes);
        }
        store.deadlines(config.get_deadlines()).pool_size(config.get_pool_size()).build()
    };
    let servers = config.memcached.servers.clone().unwrap_or_else(|| vec![Address::tcp("127.0.0.1", PORT)]);
    if config.get_check_connection() {
        // Each server has a part of the keys only.
        for server in &servers {
            contacted(on(vec![server.clone()])?.get_many(&["cachekit"]))?;
        }
    }
    Ok(Arc::new(on(servers)?))
}

/// User and password; both or none.
#[cfg(feature = "memcached-sasl")]
fn credentials(config: &Config) -> Result<Option<(&str, &str)>> {
    let username = config.memcached.username.as_ref().and_then(Secret::get);
    match (username, config.memcached.password.as_ref().and_then(Secret::get)) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some((username, password))),
        _ => Err(super::bad("CACHE_MEMCACHED_USERNAME and CACHE_MEMCACHED_PASSWORD go together")),
    }
}

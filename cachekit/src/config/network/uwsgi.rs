//! `UWSGICache`: the `CACHE_UWSGI_*` keys.

use std::sync::Arc;

use cachekit_backends::{Address, Backend, Result, UwsgiConfig};

use super::{bad, contacted, positive};
use crate::config::Config;
use crate::config::keys::Key;

group! {
    /// Which cache of which server.
    Uwsgi {
        place: Place,
        max_value_size: usize,
    }
}

/// A cache of a server.
#[derive(Clone, Debug)]
pub(in crate::config) struct Place {
    /// Empty for the first one.
    pub(in crate::config) cache: String,
    pub(in crate::config) address: Address,
}

pub(in crate::config) const KEYS: &[Key] = &[
    ("CACHE_UWSGI_MAX_VALUE_SIZE", |config, setting| {
        config.uwsgi.max_value_size = Some(positive(setting, "a number of bytes, 1 or more")?);
        Ok(())
    }),
    ("CACHE_UWSGI_NAME", |config, setting| {
        let place = setting.text.rsplit_once('@').and_then(|(cache, address)| {
            // What has these is a URL.
            if cache.contains([':', '/', '@']) {
                return None;
            }
            Some(Place { cache: cache.to_owned(), address: address.parse().ok()? })
        });
        let expected = "name@host:port, the name of a cache and where its server listens (@host:port for its first cache)";
        config.uwsgi.place = Some(place.ok_or_else(|| setting.bad(expected))?);
        Ok(())
    }),
];

impl Config {
    /// Sets the cache and where its server listens: `CACHE_UWSGI_NAME`. An empty name is the server's first cache.
    pub fn uwsgi(mut self, cache: impl Into<String>, address: Address) -> Self {
        self.uwsgi.place = Some(Place { cache: cache.into(), address });
        self
    }

    /// Sets how large a value may be, 65,536 bytes by default as on the server (its `blocksize`):
    /// `CACHE_UWSGI_MAX_VALUE_SIZE`.
    pub fn uwsgi_max_value_size(mut self, bytes: usize) -> Self {
        self.uwsgi.max_value_size = Some(bytes);
        self
    }
}

/// The cache of a uWSGI server.
pub(in crate::config) fn build(config: &Config) -> Result<Arc<dyn Backend>> {
    let Some(Place { cache, address }) = config.uwsgi.place.clone() else {
        return Err(bad("UWSGICache needs CACHE_UWSGI_NAME, written name@host:port"));
    };
    let mut store = UwsgiConfig::new(address).cache(cache).deadlines(config.get_deadlines());
    if let Some(bytes) = config.uwsgi.max_value_size {
        store = store.max_value_size(bytes);
    }
    let store = store.build()?;
    if config.get_check_connection() {
        contacted(store.get_many(&["cachekit"]))?;
    }
    Ok(Arc::new(store))
}

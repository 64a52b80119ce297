//! `RedisCache`, `RedisSentinelCache`, `RedisClusterCache`: the `CACHE_REDIS_*` keys.

use std::path::PathBuf;
use std::sync::Arc;

use cachekit_backends::{Address, Backend, RedisConfig, Result};

use super::{Secret, bad, contacted, servers};
use crate::config::keys::{Key, Setting};
use crate::config::{Config, url};

pub(in crate::config) const PORT: u16 = 6379;
pub(in crate::config) const SENTINEL_PORT: u16 = 26379;
pub(in crate::config) const MASTER: &str = "mymaster";

group! {
    /// Where Redis is, and who asks it.
    Redis {
        url: Place,
        host: Host,
        port: u16,
        username: Secret,
        password: Secret,
        database: i64,
        sentinels: Vec<Address>,
        sentinel_master: String,
        sentinel_username: Secret,
        sentinel_password: Secret,
        cluster: Vec<Address>,
        ssl: bool,
        ca_certs: PathBuf,
        certfile: PathBuf,
        keyfile: PathBuf,
    }
}

/// What stands in `CACHE_REDIS_HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum Host {
    /// A name or an IP address; the port is a setting of its own.
    Name(String),
    /// The path of a unix socket.
    Socket(PathBuf),
}

impl Host {
    /// The host, and the port, if there is one, of an address.
    pub(in crate::config) fn of(address: Address) -> Option<(Self, Option<u16>)> {
        match address {
            Address::Tcp { host, port } => Some((Self::Name(host), Some(port))),
            Address::Unix(path) => Some((Self::Socket(path), None)),
            _ => None,
        }
    }
}

/// What `CACHE_REDIS_URL` says: it wins over the keys of host, port, user and database.
#[derive(Clone, Debug)]
pub(in crate::config) struct Place {
    pub(in crate::config) address: Address,
    pub(in crate::config) username: Secret,
    pub(in crate::config) password: Secret,
    pub(in crate::config) database: Option<i64>,
    pub(in crate::config) ssl: bool,
}

pub(in crate::config) const KEYS: &[Key] = &[
    ("CACHE_REDIS_CLUSTER", |config, setting| {
        config.redis.cluster = Some(servers(setting, PORT)?);
        Ok(())
    }),
    ("CACHE_REDIS_DB", |config, setting| {
        let database = database(setting.text);
        config.redis.database =
            Some(database.ok_or_else(|| setting.bad("the number of a database, 0 or more"))?);
        Ok(())
    }),
    ("CACHE_REDIS_HOST", |config, setting| {
        let host = host(setting.text);
        let expected = "a host name or IP address without a port, which goes to CACHE_REDIS_PORT, or the absolute path \
                        of a unix socket";
        config.redis.host = Some(host.ok_or_else(|| setting.bad(expected))?);
        Ok(())
    }),
    ("CACHE_REDIS_PASSWORD", |config, setting| {
        config.redis.password = Some(Secret::new(setting.text));
        Ok(())
    }),
    ("CACHE_REDIS_PORT", |config, setting| {
        let port = setting.text.parse().ok().filter(|port| *port > 0);
        config.redis.port = Some(port.ok_or_else(|| setting.bad("a port from 1 to 65535"))?);
        Ok(())
    }),
    ("CACHE_REDIS_SENTINELS", |config, setting| {
        config.redis.sentinels = Some(servers(setting, SENTINEL_PORT)?);
        Ok(())
    }),
    ("CACHE_REDIS_SENTINEL_MASTER", |config, setting| {
        config.redis.sentinel_master =
            Some(filled(setting, "the name under which the sentinels know the master")?);
        Ok(())
    }),
    ("CACHE_REDIS_SENTINEL_PASSWORD", |config, setting| {
        config.redis.sentinel_password = Some(Secret::new(setting.text));
        Ok(())
    }),
    ("CACHE_REDIS_SENTINEL_USERNAME", |config, setting| {
        config.redis.sentinel_username = Some(Secret::new(setting.text));
        Ok(())
    }),
    ("CACHE_REDIS_SSL", |config, setting| {
        config.redis.ssl = Some(setting.boolean()?);
        Ok(())
    }),
    ("CACHE_REDIS_SSL_CA_CERTS", |config, setting| {
        config.redis.ca_certs = Some(filled(setting, FILE)?.into());
        Ok(())
    }),
    ("CACHE_REDIS_SSL_CERTFILE", |config, setting| {
        config.redis.certfile = Some(filled(setting, FILE)?.into());
        Ok(())
    }),
    ("CACHE_REDIS_SSL_KEYFILE", |config, setting| {
        config.redis.keyfile = Some(filled(setting, FILE)?.into());
        Ok(())
    }),
    ("CACHE_REDIS_URL", |config, setting| {
        config.redis.url =
            Some(url::redis_place(setting.text).map_err(|e| e.with_context("key", setting.key))?);
        Ok(())
    }),
    ("CACHE_REDIS_USERNAME", |config, setting| {
        config.redis.username = Some(Secret::new(setting.text));
        Ok(())
    }),
];

const FILE: &str = "the path of a PEM file";

fn filled(setting: &Setting<'_>, expected: &str) -> Result<String> {
    if setting.text.is_empty() { Err(setting.bad(expected)) } else { Ok(setting.text.to_owned()) }
}

/// Reads the number of a database.
pub(in crate::config) fn database(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= 0)
}

fn host(text: &str) -> Option<Host> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let text = if bare.contains(':') {
        // The only colons without a port are those of an IPv6 address.
        bare.parse::<std::net::Ipv6Addr>().ok()?;
        format!("[{bare}]")
    } else {
        text.to_owned()
    };
    Host::of(Address::parse(&text, PORT).ok()?).map(|(host, _)| host)
}

impl Config {
    /// Sets where Redis is, `localhost:6379` by default: `CACHE_REDIS_HOST`, `CACHE_REDIS_PORT`.
    pub fn redis_address(mut self, address: Address) -> Self {
        if let Some((host, port)) = Host::of(address) {
            self.redis.host = Some(host);
            self.redis.port = port.or(self.redis.port);
        }
        self.redis.url = None;
        self
    }

    /// Sets the user of Redis and the password: `CACHE_REDIS_USERNAME`, `CACHE_REDIS_PASSWORD`. The user may be empty, or both.
    pub fn redis_credentials(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.redis.spell_out();
        self.redis.username = Some(Secret::new(username));
        self.redis.password = Some(Secret::new(password));
        self
    }

    /// Sets the number of the database, 0 by default: `CACHE_REDIS_DB`. A cluster has no other.
    pub fn redis_database(mut self, number: i64) -> Self {
        self.redis.spell_out();
        self.redis.database = Some(number);
        self
    }

    /// Sets where the sentinels are, `127.0.0.1:26379` by default: `CACHE_REDIS_SENTINELS`.
    pub fn redis_sentinels(mut self, sentinels: impl IntoIterator<Item = Address>) -> Self {
        self.redis.sentinels = Some(sentinels.into_iter().collect());
        self
    }

    /// Sets under which name the sentinels know the master, `mymaster` by default: `CACHE_REDIS_SENTINEL_MASTER`.
    pub fn redis_sentinel_master(mut self, name: impl Into<String>) -> Self {
        self.redis.sentinel_master = Some(name.into());
        self
    }

    /// Sets the user of the sentinels themselves and the password: `CACHE_REDIS_SENTINEL_USERNAME`,
    /// `CACHE_REDIS_SENTINEL_PASSWORD`. The user may be empty, or both.
    pub fn redis_sentinel_credentials(
        mut self,
        username: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.redis.sentinel_username = Some(Secret::new(username));
        self.redis.sentinel_password = Some(Secret::new(password));
        self
    }

    /// Sets some nodes of the cluster, which know the others: `CACHE_REDIS_CLUSTER`.
    pub fn redis_cluster(mut self, nodes: impl IntoIterator<Item = Address>) -> Self {
        self.redis.spell_out();
        self.redis.cluster = Some(nodes.into_iter().collect());
        self
    }

    /// Sets whether connections to Redis are protected by TLS, off by default: `CACHE_REDIS_SSL`.
    pub fn redis_ssl(mut self, on: bool) -> Self {
        self.redis.spell_out();
        self.redis.ssl = Some(on);
        self
    }

    /// Sets the PEM file of the certificates to trust, those of the system by default: `CACHE_REDIS_SSL_CA_CERTS`.
    pub fn redis_ssl_ca_certs(mut self, file: impl Into<PathBuf>) -> Self {
        self.redis.ca_certs = Some(file.into());
        self
    }

    /// Sets the PEM files of the certificate that is shown to Redis and of its key: `CACHE_REDIS_SSL_CERTFILE`,
    /// `CACHE_REDIS_SSL_KEYFILE`.
    pub fn redis_ssl_identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.redis.certfile = Some(certificate.into());
        self.redis.keyfile = Some(key.into());
        self
    }
}

/// One server.
pub(in crate::config) fn single(config: &Config) -> Result<Arc<dyn Backend>> {
    let redis = &config.redis;
    let (address, database) = match &redis.url {
        Some(place) => (place.address.clone(), place.database.or(redis.database)),
        None => (redis.address(), redis.database),
    };
    let mut store = RedisConfig::new(address);
    if let Some(database) = database {
        store = store.database(database);
    }
    finish(config, store)
}

/// The master that sentinels name.
#[cfg(feature = "redis-sentinel")]
pub(in crate::config) fn sentinel(config: &Config) -> Result<Arc<dyn Backend>> {
    let redis = &config.redis;
    let sentinels = redis.sentinels.clone().unwrap_or_else(|| vec![Address::tcp("127.0.0.1", SENTINEL_PORT)]);
    let mut store = RedisConfig::sentinel(sentinels, redis.sentinel_master.as_deref().unwrap_or(MASTER));
    if let Some(username) = redis.sentinel_username.as_ref().and_then(Secret::get) {
        store = store.sentinel_username(username);
    }
    if let Some(password) = redis.sentinel_password.as_ref().and_then(Secret::get) {
        store = store.sentinel_password(password);
    }
    if let Some(database) = redis.database {
        store = store.database(database);
    }
    finish(config, store)
}

/// A cluster.
#[cfg(feature = "redis-cluster")]
pub(in crate::config) fn cluster(config: &Config) -> Result<Arc<dyn Backend>> {
    let redis = &config.redis;
    let nodes = match (&redis.url, &redis.cluster) {
        (Some(place), _) => vec![place.address.clone()],
        (None, Some(nodes)) => nodes.clone(),
        (None, None) => {
            return Err(bad(
                "RedisClusterCache needs CACHE_REDIS_CLUSTER, host:port,host:port of some nodes",
            ));
        }
    };
    finish(config, RedisConfig::cluster(nodes))
}

/// What all three have in common.
fn finish(config: &Config, mut store: RedisConfig) -> Result<Arc<dyn Backend>> {
    let redis = &config.redis;
    let place = redis.url.as_ref();
    let username = place.map_or(redis.username.as_ref(), |place| Some(&place.username));
    if let Some(username) = username.and_then(Secret::get) {
        store = store.username(username);
    }
    let password = place.map_or(redis.password.as_ref(), |place| Some(&place.password));
    if let Some(password) = password.and_then(Secret::get) {
        store = store.password(password);
    }
    let ssl = redis.ssl.unwrap_or_default();
    if ssl && place.is_some_and(|place| !place.ssl) {
        return Err(bad(
            "CACHE_REDIS_SSL is true, but CACHE_REDIS_URL is without TLS; write rediss:// there",
        ));
    }
    store = protect(redis, place.map_or(ssl, |place| place.ssl), store)?;
    let store = store.deadlines(config.get_deadlines()).pool_size(config.get_pool_size()).build()?;
    if config.get_check_connection() {
        contacted(store.check())?;
    }
    Ok(Arc::new(store))
}

impl Redis {
    /// Takes in later settings, which win over an earlier URL, too.
    pub(in crate::config) fn overrule(&mut self, later: Self) {
        if later.host.is_some() || later.cluster.is_some() {
            // The port, the user and the rest are those of another place.
            self.url = None;
        } else if later.url.is_none() {
            self.spell_out();
        }
        self.merge_from(later);
    }

    /// Puts what the URL says under the keys over which it wins.
    fn spell_out(&mut self) {
        let Some(Place { address, username, password, database, ssl }) = self.url.take() else { return };
        (self.username, self.password, self.ssl) = (Some(username), Some(password), Some(ssl));
        self.database = database.or(self.database);
        self.cluster = Some(vec![address.clone()]);
        if let Some((host, port)) = Host::of(address) {
            (self.host, self.port) = (Some(host), port);
        }
    }

    fn address(&self) -> Address {
        match &self.host {
            Some(Host::Socket(path)) => Address::Unix(path.clone()),
            Some(Host::Name(host)) => Address::tcp(host, self.port.unwrap_or(PORT)),
            None => Address::tcp("localhost", self.port.unwrap_or(PORT)),
        }
    }
}

/// Sets up TLS. Files that are named but not used are an error: somebody believes the connection to be protected.
fn protect(redis: &Redis, on: bool, store: RedisConfig) -> Result<RedisConfig> {
    let Redis { ca_certs, certfile, keyfile, .. } = redis;
    if !on {
        if ca_certs.is_some() || certfile.is_some() || keyfile.is_some() {
            return Err(bad(
                "certificates are set for Redis, but no TLS; set CACHE_REDIS_SSL=true or write rediss://",
            ));
        }
        return Ok(store);
    }
    #[cfg(not(feature = "redis-tls"))]
    {
        let _ = store;
        Err(bad("TLS for Redis (rediss://, CACHE_REDIS_SSL) needs the feature `redis-tls` of cachekit"))
    }
    #[cfg(feature = "redis-tls")]
    {
        use cachekit_backends::Tls;
        let tls = ca_certs.as_ref().map_or_else(Tls::trusting_system, Tls::trusting)?;
        let tls = match (certfile, keyfile) {
            (Some(certificate), Some(key)) => tls.identity(certificate, key)?,
            (None, None) => tls,
            _ => return Err(bad("CACHE_REDIS_SSL_CERTFILE and CACHE_REDIS_SSL_KEYFILE go together")),
        };
        Ok(store.tls(tls))
    }
}

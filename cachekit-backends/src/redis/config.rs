//! How a [`RedisCache`] is set up.

use std::fmt;
use std::sync::Arc;

use redis::RedisResult;

use super::RedisCache;
#[cfg(feature = "redis-cluster")]
use super::cluster::Cluster;
use super::given::{Borrowed, Client, Connections};
use super::login::Login;
use super::route::Route;
#[cfg(feature = "redis-sentinel")]
use super::sentinel::Sentinels;
use super::wire::{Node, Source};
#[cfg(feature = "redis-tls")]
use crate::Tls;
use crate::net::Server;
use crate::{Address, Deadlines, Error, ErrorKind, Result};

/// The most connections of blocking callers to one server, unless set.
const POOL_SIZE: usize = 16;

/// Builds a [`RedisCache`]. Nothing is connected to before the cache is used, unless asked for.
///
/// ```
/// use cachekit_backends::{Address, Backend, RedisConfig};
///
/// let cache = RedisConfig::new(Address::tcp("localhost", 6379)).password("secret").database(2).build()?;
/// assert_eq!(cache.name(), "RedisCache");
/// assert!(!format!("{cache:?}").contains("secret"));
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RedisConfig {
    target: Target,
    login: Login,
    #[cfg(feature = "redis-sentinel")]
    sentinel_login: Login,
    deadlines: Deadlines,
    pool_size: usize,
}

#[derive(Clone)]
enum Target {
    One(Address),
    #[cfg(feature = "redis-sentinel")]
    Sentinels(Vec<Address>, String),
    #[cfg(feature = "redis-cluster")]
    Cluster(Vec<Address>),
    Client(redis::Client),
    Connections(Arc<dyn Fn() -> RedisResult<Borrowed> + Send + Sync>),
}

impl RedisConfig {
    /// One server.
    pub fn new(address: Address) -> Self {
        Self::of(Target::One(address))
    }

    /// The master of a service that sentinels watch, whichever it is at the time. Replicas are never asked: what was
    /// invalidated may still be there.
    ///
    /// ```
    /// use cachekit_backends::{Address, RedisConfig};
    ///
    /// let sentinels = ["10.0.0.1:26379".parse::<Address>()?, "10.0.0.2:26379".parse()?];
    /// let cache = RedisConfig::sentinel(sentinels, "mymaster").password("secret").build()?;
    /// # Ok::<(), cachekit_backends::Error>(())
    /// ```
    #[cfg(feature = "redis-sentinel")]
    pub fn sentinel(sentinels: impl IntoIterator<Item = Address>, master: impl Into<String>) -> Self {
        Self::of(Target::Sentinels(sentinels.into_iter().collect(), master.into()))
    }

    /// A cluster, of which some nodes are named; the others are found.
    ///
    /// ```
    /// use cachekit_backends::{Address, RedisConfig};
    ///
    /// let cache = RedisConfig::cluster(["10.0.0.1:7000".parse::<Address>()?]).build()?;
    /// # Ok::<(), cachekit_backends::Error>(())
    /// ```
    #[cfg(feature = "redis-cluster")]
    pub fn cluster(nodes: impl IntoIterator<Item = Address>) -> Self {
        Self::of(Target::Cluster(nodes.into_iter().collect()))
    }

    /// The server that a client of the `redis` crate leads to, which logs in and protects its connections as the client
    /// says. The [deadlines](Self::deadlines) hold, but a blocking caller may wait longer than that where looking up a
    /// name takes long, or where a reply comes in pieces: each piece has the deadline of a whole exchange.
    ///
    /// ```
    /// use cachekit_backends::RedisConfig;
    ///
    /// let client = redis::Client::open("redis://localhost/2")?;
    /// let cache = RedisConfig::from_client(client).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_client(client: redis::Client) -> Self {
        Self::of(Target::Client(client))
    }

    /// Connections from elsewhere, such as a pool of the user's. The function is called for every exchange, and what it
    /// gives is dropped after it. How long such an exchange takes is up to the connections: set timeouts on them. An
    /// async caller waits no longer than the [deadlines](Self::deadlines), while a thread goes on with the exchange;
    /// there are at most as many of these as the [size of the pool](Self::pool_size).
    ///
    /// A pool must not give out a connection again whose exchange failed, unless it is in step, as those of the `redis`
    /// crate are.
    ///
    /// ```
    /// use cachekit_backends::RedisConfig;
    ///
    /// let client = redis::Client::open("redis://localhost")?;
    /// let config = RedisConfig::from_connections(move || {
    ///     let connection = client.get_connection()?;
    ///     connection.set_read_timeout(Some(std::time::Duration::from_millis(100)))?;
    ///     Ok(Box::new(connection))
    /// });
    /// # Ok::<(), redis::RedisError>(())
    /// ```
    pub fn from_connections(
        take: impl Fn() -> RedisResult<Box<dyn redis::ConnectionLike + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Target::Connections(Arc::new(take)))
    }

    fn of(target: Target) -> Self {
        Self {
            target,
            login: Login::default(),
            #[cfg(feature = "redis-sentinel")]
            sentinel_login: Login::default(),
            deadlines: Deadlines::default(),
            pool_size: POOL_SIZE,
        }
    }

    /// The user to log in as. Without one, the password is that of the server.
    #[must_use]
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.login.username = Some(username.into());
        self
    }

    /// The password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.login.password = Some(password.into());
        self
    }

    /// The number of the database; 0 unless set. A cluster has no other.
    #[must_use]
    pub fn database(mut self, database: i64) -> Self {
        self.login.database = database;
        self
    }

    /// The user to log in to the sentinels as.
    #[cfg(feature = "redis-sentinel")]
    #[must_use]
    pub fn sentinel_username(mut self, username: impl Into<String>) -> Self {
        self.sentinel_login.username = Some(username.into());
        self
    }

    /// The password of the sentinels, where they have one of their own.
    #[cfg(feature = "redis-sentinel")]
    #[must_use]
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_login.password = Some(password.into());
        self
    }

    /// Protects all connections, also those to sentinels.
    #[cfg(feature = "redis-tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.login.security = crate::net::Security::Tls(tls);
        self
    }

    /// How long to wait for a server.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// The most connections of blocking callers to one server; 16 unless set. Async callers share one.
    #[must_use]
    pub fn pool_size(mut self, connections: usize) -> Self {
        self.pool_size = connections;
        self
    }

    /// Checks right now, as a blocking caller, that the server can be used with what was set so far.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`RedisCache::check`].
    pub fn check_connection(self) -> Result<Self> {
        self.clone().build()?.check()?;
        Ok(self)
    }

    /// Builds the cache.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if settings are missing or do not fit together.
    pub fn build(self) -> Result<RedisCache> {
        self.check_settings()?;
        let (deadlines, pool) = (self.deadlines, self.pool_size);
        let one = |source, login, name: String| {
            Route::One(Server::new(Node { source, login }, name, deadlines, pool))
        };
        let (name, route) = match self.target {
            Target::One(address) => {
                let name = address.to_string();
                ("RedisCache", one(Source::Address(address), self.login, name))
            }
            #[cfg(feature = "redis-sentinel")]
            Target::Sentinels(addresses, service) => {
                let name = format!("master of {service}");
                let login = Login { security: self.login.security.clone(), ..self.sentinel_login };
                let sentinels = Sentinels::new(addresses, service, login, deadlines.connect);
                ("RedisSentinelCache", one(Source::Sentinels(sentinels), self.login, name))
            }
            #[cfg(feature = "redis-cluster")]
            Target::Cluster(nodes) => {
                ("RedisClusterCache", Route::Cluster(Cluster::new(nodes, self.login, deadlines, pool)))
            }
            Target::Client(client) => {
                let name = client.get_connection_info().addr().to_string();
                ("RedisCache", one(Source::Client(Client(client)), self.login, name))
            }
            Target::Connections(take) => {
                let connections = Connections::new(take, pool);
                let name = "connections that were handed in".to_owned();
                ("RedisCache", one(Source::Connections(connections), self.login, name))
            }
        };
        Ok(RedisCache::new(name, route))
    }

    /// What cannot be meant.
    fn check_settings(&self) -> Result<()> {
        let nobody = Login::default();
        let is_of_login = self.login.username.is_some() || self.login.password.is_some();
        let is_protected = !matches!(self.login.security, crate::net::Security::Plain);
        let is_set = is_of_login || is_protected || self.login.database != nobody.database;
        let problem = match &self.target {
            Target::Client(_) | Target::Connections(_) if is_set => {
                Some("user name, password, database and TLS belong to the client that was handed in")
            }
            #[cfg(feature = "redis-sentinel")]
            Target::Sentinels(addresses, _) if addresses.is_empty() => Some("expected at least one sentinel"),
            #[cfg(feature = "redis-sentinel")]
            Target::Sentinels(_, service) if service.is_empty() => {
                Some("expected the name of the service that the sentinels watch")
            }
            #[cfg(feature = "redis-cluster")]
            Target::Cluster(nodes) if nodes.is_empty() => Some("expected at least one node of the cluster"),
            #[cfg(feature = "redis-cluster")]
            Target::Cluster(_) if self.login.database != 0 => Some("a cluster has no database but 0"),
            Target::One(Address::Unix(_)) if is_protected => Some("TLS needs a host, not a unix socket"),
            _ if self.login.database < 0 => Some("a database has a number of 0 or more"),
            _ if self.login.username.is_some() && self.login.password.is_none() => {
                Some("a user name needs a password")
            }
            _ if self.pool_size == 0 => Some("a pool has room for one connection at least"),
            _ if self.deadlines.connect.is_zero() || self.deadlines.operation.is_zero() => {
                Some("a deadline of zero leaves no time for anything")
            }
            _ => self.sentinel_problem(),
        };
        problem.map_or(Ok(()), |problem| Err(Error::new(ErrorKind::Config, problem)))
    }

    #[cfg(feature = "redis-sentinel")]
    fn sentinel_problem(&self) -> Option<&'static str> {
        let Login { username, password, .. } = &self.sentinel_login;
        if username.is_none() && password.is_none() {
            return None;
        }
        match self.target {
            Target::Sentinels(..) if password.is_none() => {
                Some("the user name of the sentinels needs a password")
            }
            Target::Sentinels(..) => None,
            _ => Some("a user name or password of sentinels is set, but there are none"),
        }
    }

    #[cfg(not(feature = "redis-sentinel"))]
    #[allow(clippy::unused_self, reason = "with sentinels there is something to look at")]
    fn sentinel_problem(&self) -> Option<&'static str> {
        None
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => f.debug_tuple("One").field(address).finish(),
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinels(addresses, service) => {
                f.debug_tuple("Sentinels").field(addresses).field(service).finish()
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(nodes) => f.debug_tuple("Cluster").field(nodes).finish(),
            // The client knows a password.
            Self::Client(client) => {
                f.debug_tuple("Client").field(&client.get_connection_info().addr().to_string()).finish()
            }
            Self::Connections(_) => f.write_str("Connections"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Backend as _;

    fn server() -> RedisConfig {
        RedisConfig::new(Address::tcp("localhost", 6379))
    }

    #[test]
    fn case_263_what_cannot_be_reached_can_be_built() {
        let cache = RedisConfig::new(Address::tcp("localhost", 1)).build().expect("nothing is connected to");
        assert_eq!(cache.name(), "RedisCache");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let client = || redis::Client::open("redis://localhost").expect("a client");
        for config in [
            server().database(-1),
            server().username("u"),
            server().pool_size(0),
            server().deadlines(Deadlines { operation: Duration::ZERO, ..Deadlines::default() }),
            RedisConfig::from_client(client()).password("p"),
            RedisConfig::from_client(client()).database(1),
            #[cfg(feature = "redis-sentinel")]
            server().sentinel_password("p"),
            #[cfg(feature = "redis-sentinel")]
            RedisConfig::sentinel([], "mymaster"),
            #[cfg(feature = "redis-sentinel")]
            RedisConfig::sentinel([Address::tcp("h", 1)], ""),
            #[cfg(feature = "redis-cluster")]
            RedisConfig::cluster([]),
            #[cfg(feature = "redis-cluster")]
            RedisConfig::cluster([Address::tcp("h", 1)]).database(1),
        ] {
            let text = format!("{config:?}");
            let kind = config.build().err().map(|error| error.kind());
            assert_eq!(kind, Some(ErrorKind::Config), "{text}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let client = redis::Client::open("redis://user:s3cret@localhost").expect("a client");
        let configs = [
            server().username("user").password("s3cret"),
            RedisConfig::from_client(client),
            #[cfg(feature = "redis-sentinel")]
            RedisConfig::sentinel([Address::tcp("h", 1)], "m").password("s3cret").sentinel_password("s3cret"),
            #[cfg(feature = "redis-cluster")]
            RedisConfig::cluster([Address::tcp("h", 1)]).password("s3cret"),
        ];
        for config in configs {
            let text = format!("{config:?} {:?}", config.clone().build());
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

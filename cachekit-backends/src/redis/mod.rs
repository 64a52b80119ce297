//! Redis: one server, the master that sentinels name, or a cluster.
//!
//! What is asked ([`commands`]) and what the answers mean ([`reply`]) is the same for all of them, and for blocking and
//! async callers. A [`route`] decides who is asked; a [`wire`] moves the bytes.

#[cfg(feature = "redis-cluster")]
mod cluster;
mod commands;
mod config;
mod given;
mod login;
mod reply;
mod request;
mod resp;
mod route;
#[cfg(feature = "redis-sentinel")]
mod sentinel;
mod sweep;
mod tracking;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ServerErrorKind, Value};

use self::commands::Command;
pub use self::config::RedisConfig;
use self::request::Request;
use self::route::{Group, Route};
use crate::backend::each;
use crate::net::{Flavour, Repeat, now, operations};
use crate::{Backend, Capability, Error, ErrorKind, Listener, Read, Result, Seen, ServerHealth, Swap, Watch};

/// Bytes in Redis: one server (`RedisCache`), the master that sentinels name (`RedisSentinelCache`), or a cluster
/// (`RedisClusterCache`). See [`RedisConfig`].
///
/// Sources: the caches of these names of Flask-Caching. Unlike them, what is added has its lifetime from the start, keys
/// of several slots can be read at once, a prefix is no pattern, clearing reaches every node of a cluster, and replicas
/// are never read.
///
/// [Watched](Backend::watch), a server tells what changes by `CLIENT TRACKING` (Redis 6 or later) on a connection of its
/// own, in broadcast mode: it tells of every write to a key with the prefix. One that dies without a sign is noticed within
/// two seconds. Over clients and connections that were handed in, nothing is told.
///
/// Async callers need no runtime of their own. A memoized hit is one exchange; on a cluster one with each node that has
/// some of the keys, side by side.
pub struct RedisCache {
    name: &'static str,
    route: Route,
}

impl RedisCache {
    fn new(name: &'static str, route: Route) -> Self {
        Self { name, route }
    }

    /// Whether the server can be used; on a cluster, every master.
    ///
    /// # Errors
    ///
    /// When it cannot be connected to, or refuses the login.
    pub fn check(&self) -> Result<()> {
        now(self.greet(Flavour::Blocking))
    }

    /// The async flavour of [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn check_async(&self) -> Result<()> {
        self.greet(Flavour::Async).await
    }

    /// Removes everything from the database, whoever stored it; on a cluster, from every node. To remove only what is
    /// of one cache, [`clear`](Backend::clear) its prefix.
    ///
    /// # Errors
    ///
    /// When the server fails; some nodes of a cluster may be empty then.
    pub fn flush_database(&self) -> Result<()> {
        now(self.tell_all(Flavour::Blocking, commands::flush_database))
    }

    /// The async flavour of [`flush_database`](Self::flush_database).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn flush_database_async(&self) -> Result<()> {
        self.tell_all(Flavour::Async, commands::flush_database).await
    }

    async fn greet(&self, flavour: Flavour) -> Result<()> {
        self.tell_all(flavour, commands::ping)
            .await
            .map_err(|error| Error::new(ErrorKind::Backend, "could not connect to Redis").with_source(error))
    }

    async fn read(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<Option<Read>>> {
        let Some(server) = self.route.only(keys) else {
            // Boxed, for few reads await it: all have its room else.
            return Box::pin(self.read_after(flavour, Vec::new(), keys)).await;
        };
        let request = Request::one(commands::values(0, keys.iter().copied()));
        let reply = server.call(flavour, request, Repeat::Yes).await?.pop();
        let values = reply::values(reply.ok_or_else(reply::unexpected)?)?;
        Ok(values.into_iter().map(|value| value.map(Read::new)).collect())
    }

    async fn read_adding(
        &self,
        flavour: Flavour,
        new: &[(&str, &[u8], Option<Duration>)],
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        let slot = |key: &str| self.route.slot(key.as_bytes());
        let add = |&(key, value, lifetime): &_| commands::add(slot(key), key, value, lifetime);
        self.read_after(flavour, new.iter().map(add).collect(), keys).await
    }

    /// Reads once some commands were carried out, whose replies only say that they were.
    async fn read_after(
        &self,
        flavour: Flavour,
        mut first: Vec<Command>,
        keys: &[&str],
    ) -> Result<Vec<Option<Read>>> {
        let mut found: Vec<Option<Read>> = keys.iter().map(|_| None).collect();
        let mut groups = self.route.groups(keys);
        while !(first.is_empty() && groups.is_empty()) {
            let done = first.len();
            let mut commands = std::mem::take(&mut first);
            commands.extend(groups.iter().map(|Group { slot, places }| {
                commands::values(*slot, places.iter().map(|place| keys[*place]))
            }));
            let mut replies = self.route.run(flavour, commands, Repeat::Yes).await.all()?.into_iter();
            for reply in replies.by_ref().take(done) {
                reply::granted(reply)?;
            }
            let mut again = Vec::new();
            for (Group { slot, places }, reply) in groups.into_iter().zip(replies) {
                if places.len() > 1 && is_split(&reply) {
                    again.extend(places.into_iter().map(|place| Group { slot, places: vec![place] }));
                    continue;
                }
                for (place, value) in places.into_iter().zip(reply::values(reply)?) {
                    found[place] = value.map(Read::new);
                }
            }
            groups = again;
        }
        Ok(found)
    }

    async fn write(
        &self,
        flavour: Flavour,
        items: &[(&str, &[u8])],
        lifetime: Option<Duration>,
    ) -> Result<Vec<bool>> {
        let slot = |key: &str| self.route.slot(key.as_bytes());
        let set = |&(key, value): &_| commands::set(slot(key), key, value, lifetime);
        let replies = self.route.run(flavour, items.iter().map(set).collect(), Repeat::Yes).await;
        let mut failure = replies.failure;
        let mut store = |reply: Option<Value>| match reply.map(reply::granted) {
            Some(Ok(_)) => true,
            Some(Err(refusal)) => {
                failure.get_or_insert(refusal);
                false
            }
            None => false,
        };
        let stored: Vec<bool> = replies.values.into_iter().map(&mut store).collect();
        match failure {
            Some(failure) if !stored.contains(&true) => Err(failure),
            Some(failure) => {
                log::debug!("some of {} items could not be stored: {failure:#}", items.len());
                Ok(stored)
            }
            None => Ok(stored),
        }
    }

    async fn insert(
        &self,
        flavour: Flavour,
        key: &str,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let add = commands::add(self.route.slot(key.as_bytes()), key, value, lifetime);
        reply::stored(self.route.run_one(flavour, add, Repeat::No).await?)
    }

    async fn replace(
        &self,
        flavour: Flavour,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let Some(seen) = seen else { return self.insert(flavour, key, value, lifetime).await };
        let slot = self.route.slot(key.as_bytes());
        let replace = commands::compare_and_set(slot, key, seen.head, value, lifetime);
        reply::did(self.route.run_one(flavour, replace, Repeat::No).await?)
    }

    /// All in one exchange with each server: where nothing was seen by a `SET NX`, otherwise by a script, key by key.
    async fn replace_each(&self, flavour: Flavour, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        let command = |swap: &Swap<'_>| {
            let slot = self.route.slot(swap.key.as_bytes());
            match swap.seen {
                None => commands::add(slot, swap.key, swap.value, swap.lifetime),
                Some(seen) => commands::compare_and_set(slot, swap.key, seen.head, swap.value, swap.lifetime),
            }
        };
        let replies = self.route.run(flavour, swaps.iter().map(command).collect(), Repeat::No).await;
        let mut failure = replies.failure;
        let outcome = |(swap, reply): (&Swap<'_>, Option<Value>)| match reply {
            Some(reply) if swap.seen.is_some() => reply::did(reply),
            Some(reply) => reply::stored(reply),
            None => Err(failure.take().unwrap_or_else(reply::unexpected)),
        };
        each(swaps.iter().zip(replies.values).map(outcome).collect())
    }

    async fn remove(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let remove = |key: &&str| commands::remove(self.route.slot(key.as_bytes()), key.as_bytes());
        self.ask_each(flavour, keys.iter().map(remove).collect()).await
    }

    async fn contains(&self, flavour: Flavour, keys: &[&str]) -> Result<Vec<bool>> {
        let contains = |key: &&str| commands::contains(self.route.slot(key.as_bytes()), key);
        self.ask_each(flavour, keys.iter().map(contains).collect()).await
    }

    async fn ask_each(&self, flavour: Flavour, commands: Vec<Command>) -> Result<Vec<bool>> {
        let replies = self.route.run(flavour, commands, Repeat::Yes).await.all()?;
        replies.into_iter().map(reply::did).collect()
    }

    async fn count(
        &self,
        flavour: Flavour,
        key: &str,
        delta: i64,
        lifetime: Option<Duration>,
    ) -> Result<i64> {
        let count = commands::count(self.route.slot(key.as_bytes()), key, delta, lifetime);
        match reply::integer(self.route.run_one(flavour, count, Repeat::No).await?) {
            Err(error) if error.kind() == ErrorKind::Type => Err(crate::simple::not_an_integer(key)),
            sum => sum,
        }
    }
}

/// Whether some of the keys of a command have moved to another node already, and others have not.
fn is_split(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(refusal) if refusal.kind() == Some(ServerErrorKind::TryAgain))
}

impl Backend for RedisCache {
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
            in_order: self.route.is_one(),
            exact_expiry: true,
            watches: self.route.tells(),
            ..Capability::NONE
        }
    }

    fn health(&self) -> Vec<ServerHealth> {
        self.route.health()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        tracking::watch(&self.route, prefix, listener)
    }

    operations!();
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.name).field(&self.route).finish()
    }
}

//! What stands between `://` and `?` in the URL of a server: who asks, where it is, and what is wanted there.

use cachekit_backends::Result;

use super::bad;
#[cfg(any(feature = "redis", feature = "memcached"))]
use super::{Secret, addresses};
use crate::config::Config;
use crate::config::url::decode;

/// The parts of `user:password@host:port,host:port/path`.
struct Parts<'a> {
    username: String,
    password: String,
    hosts: &'a str,
    path: &'a str,
}

/// Takes a place apart. Nothing of it is ever shown.
fn split(place: &str) -> Result<Parts<'_>> {
    let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
    if path.contains('@') {
        return Err(bad(
            "in a URL, the user name and the password are written with %2F for `/` and %40 for `@`",
        ));
    }
    // The last one: an earlier one belongs to a password that should have been encoded.
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (username, password) = user.split_once(':').unwrap_or((user, ""));
    Ok(Parts { username: decode(username)?, password: decode(password)?, hosts, path })
}

/// Reads the place of a URL whose scheme is that of a backend behind a network.
pub(in crate::config) fn locate(config: &mut Config, scheme: &str, place: &str) -> Result<()> {
    let parts = split(place)?;
    match scheme {
        #[cfg(feature = "redis")]
        _ if scheme.starts_with("redis") => redis::locate(config, scheme, &parts),
        #[cfg(feature = "memcached")]
        _ if scheme.starts_with("memcached") => memcached(config, scheme, &parts),
        #[cfg(feature = "uwsgi")]
        "uwsgi" => uwsgi(config, parts),
        // What is not compiled in was refused before.
        _ => Err(bad("this is no URL of a backend that is compiled in")),
    }
}

#[cfg(feature = "redis")]
pub(in crate::config) mod redis {
    //! `redis://`, `redis+unix://`, `redis+sentinel://`, `redis+cluster://`, and the same with `rediss`.

    use cachekit_backends::Address;

    use super::super::redis::{Host, MASTER, PORT, Place, SENTINEL_PORT, database};
    use super::{Config, Parts, Result, Secret, addresses, bad, decode, split};

    pub(super) fn locate(config: &mut Config, scheme: &str, parts: &Parts<'_>) -> Result<()> {
        let redis = &mut config.redis;
        redis.ssl = Some(scheme.starts_with("rediss"));
        if !parts.username.is_empty() || !parts.password.is_empty() {
            redis.username = Some(Secret::new(&parts.username));
            redis.password = Some(Secret::new(&parts.password));
        }
        match scheme.split_once('+').map_or("", |(_, kind)| kind) {
            "sentinel" => {
                let (master, number) = split_master(parts.path);
                redis.sentinels = Some(hosts(parts, "127.0.0.1", SENTINEL_PORT)?);
                redis.sentinel_master =
                    Some(if master.is_empty() { MASTER.to_owned() } else { decode(master)? });
                redis.database = in_path(number)?.or(redis.database);
            }
            "cluster" => {
                if !matches!(parts.path, "" | "/" | "/0") {
                    return Err(bad("a Redis cluster has no databases: nothing follows its nodes"));
                }
                if parts.hosts.is_empty() {
                    return Err(bad(
                        "a Redis cluster needs some of its nodes: redis+cluster://host:port,host:port",
                    ));
                }
                redis.cluster = Some(hosts(parts, "", PORT)?);
            }
            kind => {
                let (address, number) = one(kind, parts)?;
                let (host, port) = Host::of(address).ok_or_else(|| bad("there is no such address"))?;
                redis.host = Some(host);
                redis.port = port.or(redis.port);
                redis.database = number.or(redis.database);
            }
        }
        Ok(())
    }

    /// Reads what stands under `CACHE_REDIS_URL`.
    pub(in crate::config) fn place(text: &str) -> Result<Place> {
        const EXPECTED: &str = "expected redis://, rediss:// or unix:///path, which CACHE_TYPE says the kind of; \
                                others belong to CACHE_URL";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| bad(EXPECTED))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let kind = match scheme {
            "redis" | "rediss" => "",
            "unix" | "redis+unix" => "unix",
            _ => return Err(bad(EXPECTED)),
        };
        let parts = split(place)?;
        let (address, in_path) = one(kind, &parts)?;
        let in_query = match query.strip_prefix("db=") {
            Some(number) => Some(database(number).ok_or_else(not_a_database)?),
            None if query.is_empty() => None,
            None => {
                return Err(bad(
                    "the only parameter of CACHE_REDIS_URL is db; the others have keys of their own",
                ));
            }
        };
        Ok(Place {
            address,
            username: Secret::new(parts.username),
            password: Secret::new(parts.password),
            database: in_path.or(in_query),
            ssl: scheme == "rediss",
        })
    }

    /// One server, and the number of the database if there is one.
    fn one(kind: &str, parts: &Parts<'_>) -> Result<(Address, Option<i64>)> {
        if kind == "unix" {
            if !parts.hosts.is_empty() || parts.path.len() < 2 {
                return Err(bad(
                    "redis+unix:// is followed by the absolute path of a socket: redis+unix:///path?db=1",
                ));
            }
            return Ok((Address::Unix(decode(parts.path)?.into()), None));
        }
        let mut hosts = hosts(parts, "localhost", PORT)?;
        match (hosts.pop(), hosts.is_empty()) {
            (Some(address), true) => Ok((address, in_path(parts.path)?)),
            _ => Err(bad("redis:// is one server; several are redis+sentinel:// or redis+cluster://")),
        }
    }

    fn hosts(parts: &Parts<'_>, default: &str, port: u16) -> Result<Vec<Address>> {
        addresses(if parts.hosts.is_empty() { default } else { parts.hosts }, port)
    }

    /// `/name/2` is a master and the path of a database.
    fn split_master(path: &str) -> (&str, &str) {
        let path = path.strip_prefix('/').unwrap_or(path);
        path.split_at(path.find('/').unwrap_or(path.len()))
    }

    fn in_path(path: &str) -> Result<Option<i64>> {
        match path.strip_prefix('/').unwrap_or(path) {
            "" => Ok(None),
            number => database(number).map(Some).ok_or_else(not_a_database),
        }
    }

    fn not_a_database() -> cachekit_backends::Error {
        bad("in the URL of Redis, the number of a database follows the host: redis://host:port/0")
    }
}

#[cfg(feature = "memcached")]
fn memcached(config: &mut Config, scheme: &str, parts: &Parts<'_>) -> Result<()> {
    if !matches!(parts.path, "" | "/") {
        return Err(bad(format!("in {scheme}://, nothing follows the servers but parameters")));
    }
    let has_user = !parts.username.is_empty() || !parts.password.is_empty();
    if has_user && scheme == "memcached" {
        return Err(bad("memcached:// has no user; write memcached+sasl:// or memcached+spread://"));
    }
    let hosts = if parts.hosts.is_empty() { "127.0.0.1" } else { parts.hosts };
    config.memcached.servers = Some(addresses(hosts, super::memcached::PORT)?);
    if has_user {
        config.memcached.username = Some(Secret::new(&parts.username));
        config.memcached.password = Some(Secret::new(&parts.password));
    }
    Ok(())
}

#[cfg(feature = "uwsgi")]
fn uwsgi(config: &mut Config, parts: Parts<'_>) -> Result<()> {
    use cachekit_backends::Address;
    let expected =
        "uwsgi:// is followed by the name of a cache and where its server listens: uwsgi://name@host:port";
    let is_socket = parts.hosts.is_empty() && parts.path.len() > 1;
    if !parts.password.is_empty() || (!is_socket && !matches!(parts.path, "" | "/")) {
        return Err(bad(expected));
    }
    let address = if is_socket { Ok(Address::Unix(decode(parts.path)?.into())) } else { parts.hosts.parse() };
    let address = address.map_err(|_| bad(expected))?;
    config.uwsgi.place = Some(super::uwsgi::Place { cache: parts.username, address });
    Ok(())
}

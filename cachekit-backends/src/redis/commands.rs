//! The commands of every operation: what is sent, the same for one server, sentinels and a cluster, blocking and async.

use std::time::Duration;

use redis::{Cmd, cmd};

use super::reply::Shape;

/// The longest lifetime that is sent, in milliseconds: a thousand years. Servers refuse what does not fit their clock.
const LONGEST: u128 = 1000 * 365 * 86_400_000;

/// How many keys a step of a scan looks at.
const PAGE: usize = 1000;

/// Stores only if the value begins with what was seen; an entry of another type was not seen by anybody.
const COMPARE_AND_SET: &str = "\
if redis.call('TYPE', KEYS[1])['ok'] ~= 'string' then return 0 end
if #ARGV[1] > 0 and redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('SET', KEYS[1], ARGV[2]) end
return 1";

/// Counts; a counter that this makes has its lifetime from the start, whatever happens to the connection.
const COUNT: &str = "\
redis.call('SET', KEYS[1], '0', 'PX', ARGV[2], 'NX')
return redis.call('INCRBY', KEYS[1], ARGV[1])";

/// One command, on keys of one slot.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) cmd: Cmd,
    pub(super) shape: Shape,
    #[cfg_attr(not(feature = "redis-cluster"), allow(dead_code, reason = "only a cluster has slots"))]
    pub(super) slot: u16,
    /// How much of an exchange it takes: one for each key, and one for each KiB of a value.
    pub(super) weight: usize,
}

fn command(slot: u16, shape: Shape, name: &str) -> Command {
    Command { cmd: cmd(name), shape, slot, weight: 1 }
}

impl Command {
    fn arg(mut self, arg: impl redis::ToRedisArgs) -> Self {
        self.cmd.arg(arg);
        self
    }

    /// `PX` and the lifetime, where there is one.
    fn lifetime(self, lifetime: Option<Duration>) -> Self {
        match lifetime {
            Some(lifetime) => self.arg("PX").arg(milliseconds(lifetime)),
            None => self,
        }
    }
}

/// At least one: zero is refused. A part of a millisecond counts as one, so that nothing lives shorter than it should.
fn milliseconds(lifetime: Duration) -> u64 {
    let whole = lifetime.as_nanos().div_ceil(1_000_000).clamp(1, LONGEST);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

pub(super) fn values<'a>(slot: u16, keys: impl ExactSizeIterator<Item = &'a str>) -> Command {
    let count = keys.len();
    let get = command(slot, Shape::Values(count), "MGET");
    Command { weight: count, ..keys.fold(get, Command::arg) }
}

pub(super) fn set(slot: u16, key: &str, value: &[u8], lifetime: Option<Duration>) -> Command {
    let set = command(slot, Shape::Status, "SET").arg(key).arg(value).lifetime(lifetime);
    Command { weight: 1 + value.len() / 1024, ..set }
}

pub(super) fn add(slot: u16, key: &str, value: &[u8], lifetime: Option<Duration>) -> Command {
    command(slot, Shape::Stored, "SET").arg(key).arg(value).arg("NX").lifetime(lifetime)
}

pub(super) fn compare_and_set(
    slot: u16,
    key: &str,
    head: &[u8],
    value: &[u8],
    lifetime: Option<Duration>,
) -> Command {
    let script = script(slot, COMPARE_AND_SET, key).arg(head).arg(value);
    match lifetime {
        Some(lifetime) => script.arg(milliseconds(lifetime)),
        None => script,
    }
}

pub(super) fn count(slot: u16, key: &str, delta: i64, lifetime: Option<Duration>) -> Command {
    match lifetime {
        Some(lifetime) => script(slot, COUNT, key).arg(delta).arg(milliseconds(lifetime)),
        None => command(slot, Shape::Integer, "INCRBY").arg(key).arg(delta),
    }
}

/// A script on one key that answers with an integer.
fn script(slot: u16, text: &str, key: &str) -> Command {
    command(slot, Shape::Integer, "EVAL").arg(text).arg(1).arg(key)
}

pub(super) fn remove(slot: u16, key: &[u8]) -> Command {
    command(slot, Shape::Integer, "UNLINK").arg(key)
}

pub(super) fn contains(slot: u16, key: &str) -> Command {
    command(slot, Shape::Integer, "EXISTS").arg(key)
}

/// One step through the keys that begin with a prefix.
pub(super) fn scan(cursor: &[u8], prefix: &str) -> Command {
    let scan = command(0, Shape::Page, "SCAN").arg(cursor);
    let scan = if prefix.is_empty() { scan } else { scan.arg("MATCH").arg(pattern(prefix)) };
    scan.arg("COUNT").arg(PAGE)
}

/// A pattern that matches what begins with a text, in which nothing but the last star means more than itself.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if "*?[]^-\\".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

pub(super) fn ping() -> Command {
    command(0, Shape::Status, "PING")
}

/// What the server says again.
pub(super) fn echo(text: u64) -> Cmd {
    let mut echo = cmd("ECHO");
    echo.arg(text);
    echo
}

pub(super) fn flush_database() -> Command {
    command(0, Shape::Status, "FLUSHDB")
}

pub(super) fn authenticate(username: Option<&str>, password: &str) -> Command {
    let command = command(0, Shape::Status, "AUTH");
    match username {
        Some(username) => command.arg(username).arg(password),
        None => command.arg(password),
    }
}

pub(super) fn select(database: i64) -> Command {
    command(0, Shape::Status, "SELECT").arg(database)
}

pub(super) fn role() -> Command {
    command(0, Shape::Role, "ROLE")
}

#[cfg(feature = "redis-sentinel")]
pub(super) fn master_of(service: &str) -> Command {
    command(0, Shape::Master, "SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(service)
}

#[cfg(feature = "redis-cluster")]
pub(super) fn cluster_slots() -> Command {
    command(0, Shape::List, "CLUSTER").arg("SLOTS")
}

/// What goes before a command that another node was asked for and does not have any more.
#[cfg(feature = "redis-cluster")]
pub(super) fn asking() -> Command {
    command(0, Shape::Status, "ASKING")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(command: &Command) -> String {
        let words = command.cmd.args_iter().map(|arg| match arg {
            redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => "?".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lifetimes_are_milliseconds_that_every_server_takes() {
        for (lifetime, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_micros(1001), 2),
            (Duration::from_secs(3), 3000),
            (Duration::MAX, 31_536_000_000_000),
        ] {
            assert_eq!(milliseconds(lifetime), expected, "{lifetime:?}");
        }
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        for (prefix, expected) in
            [("app:", "app:*"), ("a?", "a\\?*"), ("[a-z]^\\*", "\\[a\\-z\\]\\^\\\\\\**"), ("é\n", "é\n*")]
        {
            assert_eq!(pattern(prefix), expected);
        }
        assert_eq!(sent(&scan(b"0", "")), "SCAN 0 COUNT 1000");
        assert_eq!(sent(&scan(b"17", "a*")), "SCAN 17 MATCH a\\** COUNT 1000");
    }

    #[test]
    fn case_329_what_is_added_has_its_lifetime_in_the_same_command() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(sent(&add(0, "k", b"v", second)), "SET k v NX PX 1000");
        assert_eq!(sent(&add(0, "k", b"v", None)), "SET k v NX");
        assert_eq!(sent(&set(0, "k", b"v", second)), "SET k v PX 1000");
        assert_eq!(sent(&count(0, "k", -3, None)), "INCRBY k -3");
        assert!(sent(&count(0, "k", -3, second)).ends_with(" 1 k -3 1000"));
        assert!(sent(&compare_and_set(0, "k", b"h", b"v", second)).ends_with(" 1 k h v 1000"));
        assert!(sent(&compare_and_set(0, "k", b"h", b"v", None)).ends_with(" 1 k h v"));
    }

    #[test]
    fn empty_and_binary_arguments_are_arguments() {
        let packed = set(0, "k", b"", None).cmd.get_packed_command();
        assert_eq!(packed, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
        let packed = values(0, ["a\r\nFLUSHALL\r\n", "b"].into_iter()).cmd.get_packed_command();
        assert_eq!(packed, b"*3\r\n$4\r\nMGET\r\n$13\r\na\r\nFLUSHALL\r\n\r\n$1\r\nb\r\n");
    }
}

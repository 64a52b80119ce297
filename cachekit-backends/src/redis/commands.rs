//! The commands of every operation: what is sent, the same for one server, sentinels and a cluster, blocking and async.

use std::time::Duration;

use super::reply::Shape;

/// The longest lifetime that is sent, in milliseconds: a thousand years. Servers refuse what does not fit their clock.
const LONGEST: u128 = 1000 * 365 * 86_400_000;

/// How many keys a step of a scan looks at.
const PAGE: &str = "1000";

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
    /// As it is sent.
    pub(super) packed: Vec<u8>,
    pub(super) shape: Shape,
    #[cfg_attr(not(feature = "redis-cluster"), allow(dead_code, reason = "only a cluster has slots"))]
    pub(super) slot: u16,
    /// How much of an exchange it takes: one for each key, and one for each KiB of a value.
    pub(super) weight: usize,
}

/// Begins a command that has so many words, its name included.
fn command(slot: u16, shape: Shape, name: &str, words: usize) -> Command {
    command_of(slot, shape, name, words, 64)
}

/// The same, with room for so many bytes of words.
fn command_of(slot: u16, shape: Shape, name: &str, words: usize, room: usize) -> Command {
    let mut packed = Vec::with_capacity(32 + room);
    push_length(&mut packed, b'*', words);
    Command { packed, shape, slot, weight: 1 }.arg(name)
}

impl Command {
    fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        push_word(&mut self.packed, arg.as_ref());
        self
    }

    /// `PX` and the lifetime, where there is one.
    fn lifetime(self, lifetime: Option<Duration>) -> Self {
        match lifetime {
            Some(lifetime) => self.arg("PX").arg(milliseconds(lifetime).to_string()),
            None => self,
        }
    }
}

/// Words that [`Command::lifetime`] adds.
fn words_of(lifetime: Option<Duration>) -> usize {
    if lifetime.is_some() { 2 } else { 0 }
}

/// What stands before and after a word that is not very long.
const BESIDE_WORD: usize = 10;

fn push_word(packed: &mut Vec<u8>, word: &[u8]) {
    push_length(packed, b'$', word.len());
    packed.extend_from_slice(word);
    packed.extend_from_slice(b"\r\n");
}

fn push_length(packed: &mut Vec<u8>, kind: u8, length: usize) {
    packed.push(kind);
    let (mut digits, mut left) = ([0; 20], length);
    let mut first = digits.len();
    while first == digits.len() || left > 0 {
        first -= 1;
        // A digit.
        digits[first] = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
    packed.extend_from_slice(&digits[first..]);
    packed.extend_from_slice(b"\r\n");
}

/// The words of packed commands, command by command.
pub(super) fn words(mut packed: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut commands = Vec::new();
    while let Some(count) = take_length(&mut packed) {
        let mut words = Vec::with_capacity(count.min(packed.len()));
        for _ in 0..count {
            let word = take_length(&mut packed).and_then(|length| packed.split_at_checked(length));
            let Some((word, rest)) = word else { return commands };
            words.push(word);
            packed = rest.get(2..).unwrap_or_default();
        }
        commands.push(words);
    }
    commands
}

/// The length in the line that some bytes begin with, which is taken from them.
fn take_length(packed: &mut &[u8]) -> Option<usize> {
    let end = packed.iter().position(|byte| *byte == b'\r')?;
    let length = std::str::from_utf8(packed.get(1..end)?).ok()?.parse().ok()?;
    *packed = packed.get(end + 2..)?;
    Some(length)
}

/// At least one: zero is refused. A part of a millisecond counts as one, so that nothing lives shorter than it should.
fn milliseconds(lifetime: Duration) -> u64 {
    let whole = lifetime.as_nanos().div_ceil(1_000_000).clamp(1, LONGEST);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

pub(super) fn values<'a>(slot: u16, keys: impl ExactSizeIterator<Item = &'a str> + Clone) -> Command {
    let count = keys.len();
    let room = keys.clone().map(|key| key.len() + BESIDE_WORD).sum();
    let get = command_of(slot, Shape::Values(count), "MGET", 1 + count, room);
    Command { weight: count, ..keys.fold(get, Command::arg) }
}

pub(super) fn set(slot: u16, key: &str, value: &[u8], lifetime: Option<Duration>) -> Command {
    let set = command(slot, Shape::Status, "SET", 3 + words_of(lifetime));
    let set = set.arg(key).arg(value).lifetime(lifetime);
    Command { weight: 1 + value.len() / 1024, ..set }
}

pub(super) fn add(slot: u16, key: &str, value: &[u8], lifetime: Option<Duration>) -> Command {
    let set = command(slot, Shape::Stored, "SET", 4 + words_of(lifetime));
    let set = set.arg(key).arg(value).arg("NX").lifetime(lifetime);
    Command { weight: 1 + value.len() / 1024, ..set }
}

pub(super) fn compare_and_set(
    slot: u16,
    key: &str,
    head: &[u8],
    value: &[u8],
    lifetime: Option<Duration>,
) -> Command {
    let arguments = 2 + usize::from(lifetime.is_some());
    let script = script(slot, COMPARE_AND_SET, key, arguments).arg(head).arg(value);
    let script = Command { weight: 1 + value.len() / 1024, ..script };
    match lifetime {
        Some(lifetime) => script.arg(milliseconds(lifetime).to_string()),
        None => script,
    }
}

pub(super) fn count(slot: u16, key: &str, delta: i64, lifetime: Option<Duration>) -> Command {
    match lifetime {
        Some(lifetime) => {
            script(slot, COUNT, key, 2).arg(delta.to_string()).arg(milliseconds(lifetime).to_string())
        }
        None => command(slot, Shape::Integer, "INCRBY", 3).arg(key).arg(delta.to_string()),
    }
}

/// A script on one key, with so many arguments, that answers with an integer.
fn script(slot: u16, text: &str, key: &str, arguments: usize) -> Command {
    command(slot, Shape::Integer, "EVAL", 4 + arguments).arg(text).arg("1").arg(key)
}

pub(super) fn remove(slot: u16, key: &[u8]) -> Command {
    command(slot, Shape::Integer, "UNLINK", 2).arg(key)
}

pub(super) fn contains(slot: u16, key: &str) -> Command {
    command(slot, Shape::Integer, "EXISTS", 2).arg(key)
}

/// One step through the keys that begin with a prefix.
pub(super) fn scan(cursor: &[u8], prefix: &str) -> Command {
    let words = if prefix.is_empty() { 4 } else { 6 };
    let scan = command(0, Shape::Page, "SCAN", words).arg(cursor);
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
    command(0, Shape::Status, "PING", 1)
}

/// What the server says again.
pub(super) fn echo(packed: &mut Vec<u8>, text: &str) {
    push_length(packed, b'*', 2);
    push_word(packed, b"ECHO");
    push_word(packed, text.as_bytes());
}

pub(super) fn flush_database() -> Command {
    command(0, Shape::Status, "FLUSHDB", 1)
}

pub(super) fn authenticate(username: Option<&str>, password: &str) -> Command {
    let command = command(0, Shape::Status, "AUTH", 2 + usize::from(username.is_some()));
    match username {
        Some(username) => command.arg(username).arg(password),
        None => command.arg(password),
    }
}

pub(super) fn select(database: i64) -> Command {
    command(0, Shape::Status, "SELECT", 2).arg(database.to_string())
}

pub(super) fn role() -> Command {
    command(0, Shape::Role, "ROLE", 1)
}

/// Speaks the third version of the protocol from now on. The name is for those who look at the server's clients.
pub(super) fn hello() -> Command {
    command(0, Shape::List, "HELLO", 4).arg("3").arg("SETNAME").arg("cachekit-near")
}

/// Tells of every key that begins with a prefix and is changed by anybody.
pub(super) fn track(prefix: &str) -> Command {
    let words = if prefix.is_empty() { 4 } else { 6 };
    let track = command(0, Shape::Status, "CLIENT", words).arg("TRACKING").arg("ON").arg("BCAST");
    if prefix.is_empty() { track } else { track.arg("PREFIX").arg(prefix) }
}

#[cfg(feature = "redis-sentinel")]
pub(super) fn master_of(service: &str) -> Command {
    command(0, Shape::Master, "SENTINEL", 3).arg("GET-MASTER-ADDR-BY-NAME").arg(service)
}

#[cfg(feature = "redis-cluster")]
pub(super) fn cluster_slots() -> Command {
    command(0, Shape::List, "CLUSTER", 2).arg("SLOTS")
}

/// What goes before a command that another node was asked for and does not have any more.
#[cfg(feature = "redis-cluster")]
pub(super) fn asking() -> Command {
    command(0, Shape::Status, "ASKING", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(command: &Command) -> String {
        let commands = words(&command.packed);
        assert_eq!(commands.len(), 1, "as many words as it said");
        commands[0].iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_command_has_the_words_that_it_says() {
        let mut commands = vec![
            values(0, ["a", "b"].into_iter()),
            remove(0, b"k"),
            contains(0, "k"),
            ping(),
            flush_database(),
            authenticate(None, "p"),
            authenticate(Some("u"), "p"),
            select(1),
            role(),
            hello(),
            track(""),
            track("app:"),
        ];
        #[cfg(feature = "redis-sentinel")]
        commands.push(master_of("s"));
        #[cfg(feature = "redis-cluster")]
        commands.extend([cluster_slots(), asking()]);
        for command in &commands {
            assert!(!sent(command).is_empty());
            assert!(words(&command.packed[..command.packed.len() - 3]).is_empty(), "and no more");
        }
        let mut packed = commands.iter().flat_map(|command| command.packed.clone()).collect();
        echo(&mut packed, "17");
        assert_eq!(words(&packed).len(), commands.len() + 1);
        assert_eq!(words(&packed).last(), Some(&vec![&b"ECHO"[..], b"17"]));
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
        let packed = set(0, "k", b"", None).packed;
        assert_eq!(packed, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
        let packed = values(0, ["a\r\nFLUSHALL\r\n", "b"].into_iter()).packed;
        assert_eq!(packed, b"*3\r\n$4\r\nMGET\r\n$13\r\na\r\nFLUSHALL\r\n\r\n$1\r\nb\r\n");
    }
}

//! Every kind that is one process: it answers, is killed, restarted empty, paused, and gone.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use cachekit_tests::servers::{Memcached, MemcachedSasl, Node, Redis, RedisTls, Uwsgi};
use redis::{RedisResult, cmd};

/// What the faults need to know of a kind.
struct Kind {
    /// Writes something that `holds` finds.
    write: fn(&Node),
    holds: fn(&Node) -> bool,
    /// Sends something that is answered, but does not wait.
    ask: fn(&mut TcpStream),
}

impl Kind {
    /// Does everything that can be done to a node; what is left is a server that runs.
    fn suffers(&self, node: &Node) {
        let pid = node.pid().expect("a process");
        (self.write)(node);
        assert!((self.holds)(node));

        let mut stream = node.connect();
        node.pause();
        (self.ask)(&mut stream);
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        assert!(stream.read(&mut [0]).is_err(), "nobody answers while it is paused");
        node.resume();
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        stream.read_exact(&mut [0]).expect("an answer after the pause");
        assert!((self.holds)(node), "a pause loses nothing");

        node.kill();
        assert_eq!(node.pid(), None);
        assert!(!is_alive(pid));
        assert!(TcpStream::connect(node.address()).is_err(), "nobody listens when it is dead");
        node.kill();

        let port = node.port();
        node.restart();
        assert_eq!(node.port(), port);
        assert!(!(self.holds)(node), "it is empty after a restart");
        let pid = node.pid().expect("a process");
        node.restart();
        assert!(!is_alive(pid), "a restart kills the one before");
    }
}

/// Whether there is such a process, other than one that is dead and only not yet waited for.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| !status.contains("\nState:\tZ"))
}

/// Drops the server, and sees that nothing is left of it.
fn leaves_nothing<T: std::ops::Deref<Target = Node>>(server: T) {
    let (pid, folder, address) =
        (server.pid().expect("a process"), server.folder().to_owned(), server.address());
    assert!(is_alive(pid) && folder.exists());
    drop(server);
    assert!(!is_alive(pid) && !folder.exists());
    assert!(TcpStream::connect(address).is_err());
}

fn command(stream: &mut TcpStream, words: &str) -> String {
    stream.write_all(words.as_bytes()).expect("a command");
    let mut answer = [0; 100];
    let length = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn redis_suffers() {
    let Some(redis) = Redis::start() else { return };
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    let kind = Kind {
        write: |node| assert_eq!(command(&mut node.connect(), "SET k v\r\n"), "+OK\r\n"),
        holds: |node| command(&mut node.connect(), "EXISTS k\r\n") == ":1\r\n",
        ask: |stream| stream.write_all(b"PING\r\n").expect("a command"),
    };
    kind.suffers(&redis);
    leaves_nothing(redis);
}

#[test]
fn redis_has_passwords_users_and_a_socket() {
    let builder = Redis::builder().password("se:cret").unix_socket().config("maxmemory", "50mb");
    let Some(redis) = builder.user("cache", "cachepw", "~flask_* &* +@all").start() else { return };
    assert_eq!(redis.url(), format!("redis://:se%3Acret@{}", redis.address()));
    assert_eq!(redis.url_as("a@b", "c"), format!("redis://a%40b:c@{}", redis.address()));
    assert!(command(&mut redis.connect(), "PING\r\n").starts_with("-NOAUTH"));
    let memory: Vec<String> =
        cmd("CONFIG").arg(&["GET", "maxmemory"]).query(&mut redis.connection()).expect("a setting");
    assert_eq!(memory[1], (50 * 1024 * 1024).to_string());

    let client = redis::Client::open(redis.url_as("cache", "cachepw")).expect("a client");
    let mut connection = client.get_connection().expect("a connection of the user");
    let mut set = |key: &str| -> RedisResult<()> { cmd("SET").arg(key).arg("v").query(&mut connection) };
    set("flask_k").expect("the user's own key");
    assert_eq!(set("k").expect_err("another's key").code(), Some("NOPERM"));

    let socket = redis.socket().expect("a socket");
    assert_eq!(redis.unix_url(), Some(format!("redis+unix://{}", socket.display())));
    let mut stream = UnixStream::connect(socket).expect("the socket");
    stream.write_all(b"AUTH se:cret\r\n").expect("a command");
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"+OK\r\n");
}

#[test]
fn redis_runs_without_privileges() {
    let Some(redis) = Redis::start() else { return };
    let status =
        fs::read_to_string(format!("/proc/{}/status", redis.pid().expect("a process"))).expect("a status");
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("its user");
    assert!(!users.split_whitespace().any(|user| user == "0"), "{users}");
}

#[test]
fn redis_with_tls_answers_whom_it_trusts() {
    let Some(redis) = RedisTls::builder().password("secret").start() else { return };
    assert_eq!(redis.url(), format!("rediss://:secret@{}", redis.address()));
    assert_eq!(redis.cli(&["SET", "k", "v"]), "OK");
    redis.restart();
    assert_eq!(redis.cli(&["EXISTS", "k"]), "0");
    assert_ne!(fs::read(redis.ca()).expect("an authority"), fs::read(redis.other_ca()).expect("another"));

    let Some(strict) = RedisTls::builder().require_client_certificate().start() else { return };
    assert_eq!(strict.cli(&["PING"]), "PONG");
    // Another authority's client, so to speak.
    for name in ["client.crt", "client.key"] {
        let theirs = fs::read(redis.folder().join(name)).expect("a file");
        fs::write(strict.folder().join(name), theirs).expect("a file in its place");
    }
    assert_ne!(strict.cli(&["PING"]), "PONG");
    leaves_nothing(strict);
}

#[test]
fn memcached_suffers() {
    let Some(servers) = Memcached::builder().instances(2).memory_mb(32).max_item("4m").start() else {
        return;
    };
    let [first, second] = servers.nodes() else { panic!("two servers") };
    assert_eq!(servers.url(), format!("memcached://{},{}", first.address(), second.address()));
    assert_eq!(command(&mut second.connect(), "set other 0 0 1\r\nv\r\n"), "STORED\r\n");
    let kind = Kind {
        write: |node| assert_eq!(command(&mut node.connect(), "set k 0 0 1\r\nv\r\n"), "STORED\r\n"),
        holds: |node| command(&mut node.connect(), "get k\r\n").starts_with("VALUE"),
        ask: |stream| stream.write_all(b"version\r\n").expect("a command"),
    };
    kind.suffers(first);
    assert!(command(&mut second.connect(), "get other\r\n").starts_with("VALUE"), "the other is left alone");
    let large = 3 * 1024 * 1024;
    let value = "v".repeat(large);
    assert_eq!(command(&mut first.connect(), &format!("set l 0 0 {large}\r\n{value}\r\n")), "STORED\r\n");
    assert_eq!(servers.stats(0)["curr_items"], "1");
    assert_eq!(servers.stats(0)["limit_maxbytes"], large.next_multiple_of(32 * 1024 * 1024).to_string());
    servers.flush();
    assert_eq!(command(&mut second.connect(), "get other\r\n"), "END\r\n");
}

#[test]
fn memcached_with_sasl_lets_its_users_in() {
    let Some(server) = MemcachedSasl::start() else { return };
    assert_eq!(server.url(), format!("memcached+sasl://alice:secret@{}", server.address()));
    assert_eq!(server.spread_url(), format!("memcached+spread://alice:secret@{}", server.address()));
    let bob = server.url_as("bob@cachekit", "secret2");
    assert_eq!(bob, format!("memcached+sasl://bob%40cachekit:secret2@{}", server.address()));
    let lets_in = || {
        assert!(server.lets_in("alice", "secret") && server.lets_in("bob@cachekit", "secret2"));
        assert!(!server.lets_in("alice", "secret2") && !server.lets_in("bob", "secret2"));
    };
    lets_in();
    server.restart();
    lets_in();
    leaves_nothing(server);
}

#[test]
fn uwsgi_suffers() {
    let builder = Uwsgi::builder().items(100).blocksize(64).cache("other", "items=100,blocksize=1024");
    let Some(uwsgi) = builder.start() else { return };
    assert_eq!(uwsgi.url(), format!("uwsgi://mycache@{}", uwsgi.address()));
    assert_eq!(uwsgi.url_of("other"), format!("uwsgi://other@{}", uwsgi.address()));
    let update = |cache, value: &[u8]| {
        let size = value.len().to_string();
        let variables = [("cmd", "update"), ("key", "k"), ("size", &size[..]), ("cache", cache)];
        !uwsgi.exchange(&variables, value).is_empty()
    };
    assert!(update("mycache", b"value") && update("other", &[b'v'; 1000]));
    assert!(!update("mycache", &[b'v'; 1000]), "the size of a block is the most");
    assert!(uwsgi.exchange(&[("cmd", "get"), ("key", "k"), ("cache", "mycache")], b"").ends_with(b"value"));

    let kind = Kind {
        write: |node| assert!(succeeds(node, &[("cmd", "update"), ("key", "k"), ("size", "1")], b"v")),
        holds: |node| succeeds(node, &[("cmd", "exists"), ("key", "k")], b""),
        ask: |stream| stream.write_all(&request(&[("cmd", "exists"), ("key", "k")], b"")).expect("a request"),
    };
    kind.suffers(&uwsgi);
    let workers = uwsgi.log().lines().filter(|line| line.starts_with("spawned uWSGI worker")).count();
    assert!(workers >= 4, "{}", uwsgi.log());
    leaves_nothing(uwsgi);
}

/// Whether uWSGI answers anything.
fn succeeds(node: &Node, variables: &[(&str, &str)], value: &[u8]) -> bool {
    let mut stream = node.connect();
    stream.write_all(&request(variables, value)).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    !answer.is_empty()
}

fn request(variables: &[(&str, &str)], value: &[u8]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).expect("short").to_le_bytes();
    let sized = |text: &str| [&short(text.len())[..], text.as_bytes()].concat();
    let block: Vec<u8> =
        variables.iter().flat_map(|(name, value)| [sized(name), sized(value)].concat()).collect();
    let length = short(block.len());
    [&[0x6f, length[0], length[1], 0x11], &block[..], value].concat()
}

//! A Redis server.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use ::redis::{Client, Connection, RedisResult};

use super::node::{Launch, Node};
use super::url::credentials;
use super::{Port, available, files, programs};

/// One `redis-server` that keeps everything in memory.
#[derive(Debug)]
pub struct Redis {
    node: Node,
    password: String,
    socket: Option<PathBuf>,
}

/// How a [`Redis`] is to be started.
#[derive(Debug, Default)]
pub struct RedisBuilder {
    password: String,
    socket: bool,
    options: Vec<String>,
}

impl Redis {
    /// Starts one without a password; `None` where the program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().start()
    }

    /// Starts one with options.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// `redis://127.0.0.1:P`, with the password if it has one.
    pub fn url(&self) -> String {
        self.url_as("", &self.password)
    }

    /// The same for that user and password.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{}{}", credentials(user, password), self.address())
    }

    /// `redis+unix:///folder/redis.sock`, where it has a socket.
    pub fn unix_url(&self) -> Option<String> {
        self.socket().map(|socket| format!("redis+unix://{}", socket.display()))
    }

    /// Its unix socket, where it was asked for.
    pub fn socket(&self) -> Option<&PathBuf> {
        self.socket.as_ref()
    }

    /// A connection of the `redis` crate, which gives up after 5 s.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    pub fn connection(&self) -> Connection {
        connection(&self.node, &self.password)
    }
}

impl Deref for Redis {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl RedisBuilder {
    /// What the default user has to give.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self.option("requirepass", [password])
    }

    /// A user, with the password and the ACL rules, such as `~flask_* &* +@all`.
    #[must_use]
    pub fn user(self, name: &str, password: &str, rules: &str) -> Self {
        let password = format!(">{password}");
        self.option("user", [name, "on", &password].into_iter().chain(rules.split_whitespace()))
    }

    /// Listens on a unix socket, too.
    #[must_use]
    pub fn unix_socket(mut self) -> Self {
        self.socket = true;
        self
    }

    /// Any directive of `redis.conf`.
    #[must_use]
    pub fn config(self, name: &str, value: &str) -> Self {
        self.option(name, [value])
    }

    /// Starts it; `None` where the program is missing.
    pub fn start(self) -> Option<Redis> {
        available(&["redis-server"])?;
        let (folder, port) = (files::folder(), Port::free());
        let socket = self.socket.then(|| folder.path().join("redis.sock"));
        let mut words = data_node(&folder.path().to_string_lossy());
        words.extend(option("port", [port.number().to_string()]));
        words.extend(socket.iter().flat_map(|path| option("unixsocket", [path.display().to_string()])));
        words.extend(self.options);
        let launch = Launch { words, variables: Vec::new() };
        let node = Node::start("redis", folder, port, &launch, answers);
        Some(Redis { node, password: self.password, socket })
    }

    fn option(mut self, name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.options.extend(option(name, values));
        self
    }
}

/// The words that start a Redis server in that folder, but for its port.
pub(super) fn data_node(folder: &str) -> Vec<String> {
    let server = programs::find("redis-server").unwrap_or_else(|| "redis-server".into());
    let options = [
        ("dir", folder),
        ("bind", "127.0.0.1"),
        ("daemonize", "no"),
        // Empty after a restart.
        ("save", ""),
        ("appendonly", "no"),
        // Replicas are in sync at once.
        ("repl-diskless-sync", "yes"),
        ("repl-diskless-sync-delay", "0"),
    ];
    let options = options.into_iter().flat_map(|(name, value)| option(name, [value]));
    [server.to_string_lossy().into_owned()].into_iter().chain(options).collect()
}

/// A directive of `redis.conf` as words of a command.
pub(super) fn option(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    [format!("--{name}")].into_iter().chain(values.into_iter().map(Into::into)).collect()
}

/// Whether a server answers, be it that a password is wanted.
pub(super) fn answers(node: &Node) -> bool {
    // Not through `connection`, which needs the password.
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    let ask = || {
        let mut stream = TcpStream::connect(node.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| [*b"+PONG", *b"-NOAU"].contains(&answer))
}

/// A connection to a node, or why there is none; for asking again and again.
pub(super) fn try_connection(node: &Node, password: &str) -> RedisResult<Connection> {
    connection_within(Duration::from_secs(1), node, password)
}

/// A connection to a node.
pub(super) fn connection(node: &Node, password: &str) -> Connection {
    connection_within(Duration::from_secs(5), node, password)
        .unwrap_or_else(|error| panic!("{node:?} cannot be reached: {error}"))
}

fn connection_within(limit: Duration, node: &Node, password: &str) -> RedisResult<Connection> {
    let url = format!("redis://{}{}", credentials("", password), node.address());
    let connection = Client::open(url)?.get_connection_with_timeout(limit)?;
    connection.set_read_timeout(Some(limit))?;
    connection.set_write_timeout(Some(limit))?;
    Ok(connection)
}

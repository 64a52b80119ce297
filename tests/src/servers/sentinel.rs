//! A Redis master with two replicas, watched by three sentinels.

use std::collections::HashMap;
use std::net::SocketAddr;

use ::redis::{Connection, FromRedisValue, RedisResult, cmd};

use super::node::{Launch, Node};
use super::redis::{answers, connection, data_node, option, try_connection};
use super::url::{credentials, hosts};
use super::waiting::{PATIENCE, until};
use super::{Port, available, files, programs};

/// One master, two replicas, three sentinels that agree by two.
#[derive(Debug)]
pub struct Sentinel {
    data: Vec<Node>,
    sentinels: Vec<Node>,
    password: String,
    password_of_sentinels: String,
}

/// How a [`Sentinel`] is to be started.
#[derive(Debug, Default)]
pub struct SentinelBuilder {
    password: String,
    password_of_sentinels: String,
}

impl Sentinel {
    /// The name that the sentinels know the master by.
    pub const SERVICE: &'static str = "mymaster";

    /// Starts them without passwords; `None` where a program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().start()
    }

    /// Starts them with options.
    pub fn builder() -> SentinelBuilder {
        SentinelBuilder::default()
    }

    /// `redis+sentinel://h:p,h:p,h:p/mymaster` with the sentinels' addresses, and the data nodes' password if they have
    /// one.
    pub fn url(&self) -> String {
        let credentials = credentials("", &self.password);
        format!("redis+sentinel://{credentials}{}/{}", hosts(self.sentinel_addresses()), Self::SERVICE)
    }

    /// Where the sentinels are.
    pub fn sentinel_addresses(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(Node::address).collect()
    }

    /// One of the three servers with data; the first is the master at the start.
    pub fn data(&self, index: usize) -> &Node {
        &self.data[index]
    }

    /// One of the three sentinels.
    pub fn sentinel(&self, index: usize) -> &Node {
        &self.sentinels[index]
    }

    /// The master: waits until the sentinels that are up name the same, and it says that it is one.
    ///
    /// # Panics
    ///
    /// If they do not get there.
    pub fn master(&self) -> &Node {
        until(PATIENCE, || self.agreed_master()).unwrap_or_else(|| panic!("there is no master in {self:?}"))
    }

    /// The other servers with data, running or not.
    pub fn replicas(&self) -> Vec<&Node> {
        let master = self.master().port();
        self.data.iter().filter(|node| node.port() != master).collect()
    }

    /// Waits until all six are up, the sentinels know each other, and both replicas follow the master.
    ///
    /// # Panics
    ///
    /// If they do not get there.
    pub fn wait_until_settled(&self) {
        let settled = until(PATIENCE, || self.is_settled().then_some(()));
        assert!(
            settled.is_some(),
            "{self:?} does not settle; a sentinel printed:\n{}",
            self.sentinels[0].log()
        );
    }

    /// A connection to one of its nodes, with the password of its kind.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    pub fn connection(&self, node: &Node) -> Connection {
        connection(node, self.password_of(node))
    }

    fn password_of(&self, node: &Node) -> &str {
        let is_sentinel = self.sentinels.iter().any(|sentinel| sentinel.port() == node.port());
        if is_sentinel { &self.password_of_sentinels } else { &self.password }
    }

    fn is_settled(&self) -> bool {
        let Some(master) = self.agreed_master() else { return false };
        let knows_all = |sentinel| {
            self.described_by(sentinel).is_ok_and(|about| {
                about["flags"] == "master"
                    && about["num-slaves"] == "2"
                    && about["num-other-sentinels"] == "2"
            })
        };
        // Both replicas are `online` at the master, and know it.
        let info: String = self.ask(master, &["INFO", "replication"]).unwrap_or_default();
        info.contains("connected_slaves:2")
            && info.matches("state=online").count() == 2
            && self.sentinels.iter().all(knows_all)
    }

    fn agreed_master(&self) -> Option<&Node> {
        let mut named: Vec<String> = self
            .sentinels
            .iter()
            .filter_map(|sentinel| Some(self.described_by(sentinel).ok()?.remove("port")?.clone()))
            .collect();
        named.dedup();
        let [port] = &named[..] else { return None };
        let master = self.data.iter().find(|node| node.port().to_string() == *port)?;
        let info: String = self.ask(master, &["INFO", "replication"]).ok()?;
        info.contains("role:master").then_some(master)
    }

    fn described_by(&self, sentinel: &Node) -> RedisResult<HashMap<String, String>> {
        self.ask(sentinel, &["SENTINEL", "MASTER", Self::SERVICE])
    }

    fn ask<T: FromRedisValue>(&self, node: &Node, words: &[&str]) -> RedisResult<T> {
        let mut connection = try_connection(node, self.password_of(node))?;
        cmd(words[0]).arg(&words[1..]).query(&mut connection)
    }
}

impl SentinelBuilder {
    /// The password of the servers with data.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The password of the sentinels themselves.
    #[must_use]
    pub fn sentinel_password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password_of_sentinels);
        self
    }

    /// Starts them and waits until they have settled; `None` where a program is missing.
    pub fn start(self) -> Option<Sentinel> {
        available(&["redis-server", "redis-sentinel"])?;
        let master = self.data_node(None);
        let port = master.port();
        let replicas = [(); 2].map(|()| self.data_node(Some(port)));
        let sentinels = [(); 3].map(|()| self.sentinel(port)).into();
        let data = [master].into_iter().chain(replicas).collect();
        let Self { password, password_of_sentinels } = self;
        let sentinel = Sentinel { data, sentinels, password, password_of_sentinels };
        sentinel.wait_until_settled();
        Some(sentinel)
    }

    fn data_node(&self, master: Option<u16>) -> Node {
        let (folder, port) = (files::folder(), Port::free());
        let mut words = data_node(&folder.path().to_string_lossy());
        words.extend(option("port", [port.number().to_string()]));
        if !self.password.is_empty() {
            // Each may come to follow another.
            words.extend(["requirepass", "masterauth"].map(|name| option(name, [&self.password])).concat());
        }
        words.extend(
            master
                .into_iter()
                .flat_map(|port| option("replicaof", ["127.0.0.1".to_owned(), port.to_string()])),
        );
        Node::start("redis", folder, port, &Launch { words, variables: Vec::new() }, answers)
    }

    fn sentinel(&self, master: u16) -> Node {
        let (folder, port) = (files::folder(), Port::free());
        let service = Sentinel::SERVICE;
        let mut lines = vec![
            format!("port {}", port.number()),
            "bind 127.0.0.1".to_owned(),
            format!("dir {}", folder.path().display()),
            format!("sentinel monitor {service} 127.0.0.1 {master} 2"),
            format!("sentinel down-after-milliseconds {service} 1000"),
            format!("sentinel failover-timeout {service} 3000"),
            format!("sentinel parallel-syncs {service} 2"),
        ];
        if !self.password.is_empty() {
            lines.push(format!("sentinel auth-pass {service} {}", self.password));
        }
        if !self.password_of_sentinels.is_empty() {
            lines.push(format!("requirepass {}", self.password_of_sentinels));
        }
        // A sentinel writes what it learns into its own file.
        let path = folder.path().join("sentinel.conf");
        files::write(&path, &(lines.join("\n") + "\n"));
        let program = programs::find("redis-sentinel").unwrap_or_else(|| "redis-sentinel".into());
        let words = [program, path].map(|path| path.to_string_lossy().into_owned()).into();
        Node::start("sentinel", folder, port, &Launch { words, variables: Vec::new() }, answers)
    }
}

//! A Redis cluster.

use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use ::redis::{Connection, FromRedisValue, RedisResult, Value, cmd, from_redis_value};

use super::node::{Launch, Node};
use super::ports::BUS;
use super::redis::{answers, connection, data_node, option, try_connection};
use super::url::{credentials, hosts};
use super::waiting::{PATIENCE, until};
use super::{Port, available, files};
use crate::proxy::Proxy;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// Three masters, and as many replicas of each as asked for.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    proxies: Vec<Proxy>,
    password: String,
}

/// How a [`Cluster`] is to be started.
#[derive(Debug, Default)]
pub struct ClusterBuilder {
    replicas: usize,
    password: String,
    proxies: bool,
}

impl Cluster {
    /// Starts three masters without replicas; `None` where the program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().start()
    }

    /// Starts one with options.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// `redis+cluster://h:p,h:p,h:p` with the addresses of the first masters, or of the proxies before them.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = if self.proxies.is_empty() {
            self.nodes.iter().take(MASTERS).map(Node::address).collect()
        } else {
            self.proxies.iter().take(MASTERS).map(Proxy::address).collect()
        };
        format!("redis+cluster://{}{}", credentials("", &self.password), hosts(addresses))
    }

    /// A node: first the three that are masters at the start, then the replicas, of the first master and so on around.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The proxy before a node, where they were asked for.
    pub fn proxy(&self, index: usize) -> &Proxy {
        &self.proxies[index]
    }

    /// The master that has a key's slot now, running or not, as the first node says that answers.
    ///
    /// # Panics
    ///
    /// If none answers, or nobody has the slot.
    pub fn owner(&self, key: &[u8]) -> &Node {
        let owner = self.nodes.iter().find_map(|node| {
            let mut connection = try_connection(node, &self.password).ok()?;
            let slot: usize = cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut connection).ok()?;
            let shares = shares(&mut connection).ok()?;
            shares.into_iter().find(|(slots, _)| slots.contains(&slot)).map(|(_, ports)| ports[0])
        });
        let is_it = |port| move |index: &usize| self.announced(*index) == port;
        let index = owner.and_then(|port| (0..self.nodes.len()).find(is_it(port)));
        &self.nodes[index.unwrap_or_else(|| panic!("nobody has the slot of {key:?} in {self:?}"))]
    }

    /// Waits until every node is up and says that all is well, and that each master has the replicas it was given.
    ///
    /// # Panics
    ///
    /// If they do not get there.
    pub fn wait_until_ok(&self) {
        let ok = until(PATIENCE, || self.nodes.iter().all(|node| self.is_ok(node)).then_some(()));
        assert!(ok.is_some(), "{self:?} does not get well; a node printed:\n{}", self.nodes[0].log());
    }

    /// A connection to one node, which answers `MOVED` for what another has.
    ///
    /// # Panics
    ///
    /// If there is none to be had.
    pub fn connection(&self, index: usize) -> Connection {
        connection(&self.nodes[index], &self.password)
    }

    /// Moves the slot of a key from one of three masters to another, as `redis-cli --cluster reshard` does it; gives how
    /// many keys went with it.
    ///
    /// # Panics
    ///
    /// If a node refuses.
    pub fn move_slot(&self, key: &str, from: usize, to: usize) -> usize {
        let (mut source, mut target) = (self.connection(from), self.connection(to));
        let id = |connection: &mut Connection| -> String {
            cmd("CLUSTER").arg("MYID").query(connection).expect("a node has an id")
        };
        let (source_id, target_id) = (id(&mut source), id(&mut target));
        let slot: u16 = cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut source).expect("a key has a slot");
        let set = |connection: &mut Connection, what: &str, id: &str| {
            let mut set = cmd("CLUSTER");
            set.arg("SETSLOT").arg(slot).arg(what).arg(id).exec(connection).expect("a node that is told");
        };
        set(&mut target, "IMPORTING", &source_id);
        set(&mut source, "MIGRATING", &target_id);
        let mut moved = 0;
        loop {
            let mut list = cmd("CLUSTER");
            let keys: Vec<String> =
                list.arg("GETKEYSINSLOT").arg(slot).arg(10).query(&mut source).expect("a list of keys");
            if keys.is_empty() {
                break;
            }
            moved += keys.len();
            let address = self.nodes[to].address();
            let mut migrate = cmd("MIGRATE");
            migrate.arg(address.ip().to_string()).arg(address.port()).arg("").arg(0).arg(5000);
            migrate.arg("KEYS").arg(keys).exec(&mut source).expect("keys that move");
            thread::sleep(Duration::from_millis(2));
        }
        set(&mut target, "NODE", &target_id);
        set(&mut source, "NODE", &target_id);
        let other = (0..MASTERS).find(|node| ![from, to].contains(node)).expect("a third master");
        set(&mut self.connection(other), "NODE", &target_id);
        moved
    }

    /// The port that a node tells clients.
    fn announced(&self, index: usize) -> u16 {
        self.proxies.get(index).map_or_else(|| self.nodes[index].port(), Proxy::port)
    }

    fn is_ok(&self, node: &Node) -> bool {
        let info: String = self.ask(node, &["INFO"]).unwrap_or_default();
        let state: String = self.ask(node, &["CLUSTER", "INFO"]).unwrap_or_default();
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        let shares = try_connection(node, &self.password).and_then(|mut connection| shares(&mut connection));
        let replicas = self.nodes.len() / MASTERS - 1;
        let is_whole = |shares: Vec<Share>| {
            shares.iter().map(|(slots, _)| slots.clone().count()).sum::<usize>() == SLOTS
                && shares.iter().all(|(_, ports)| ports.len() == 1 + replicas)
        };
        let lines: Vec<&str> = state.lines().collect();
        ["cluster_state:ok", "cluster_slots_ok:16384", &known].iter().all(|line| lines.contains(line))
            && shares.is_ok_and(is_whole)
            && !info.contains("master_link_status:down")
    }

    /// Gives each master its slots, makes all known to each other, and gives each master its replicas.
    fn join(&self) {
        let must = |index: usize, words: &[&str]| {
            let answer: RedisResult<String> = self.ask(&self.nodes[index], words);
            answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
        };
        let share = |index: usize| (SLOTS * index / MASTERS).to_string();
        for index in 0..self.nodes.len() {
            // Of different epochs they need not find out who is right.
            must(index, &["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]);
            if index < MASTERS {
                let last = SLOTS * (index + 1) / MASTERS - 1;
                must(index, &["CLUSTER", "ADDSLOTSRANGE", &share(index), &last.to_string()]);
            }
            if index > 0 {
                let port = self.nodes[index].port();
                let (port, bus) = (port.to_string(), (port + BUS).to_string());
                must(0, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        for index in MASTERS..self.nodes.len() {
            let master = must(index % MASTERS, &["CLUSTER", "MYID"]);
            let words = ["CLUSTER", "REPLICATE", &master];
            let follows = || self.ask::<String>(&self.nodes[index], &words).ok();
            assert!(
                until(PATIENCE, follows).is_some(),
                "{:?} does not get to know its master",
                self.nodes[index]
            );
        }
    }

    fn ask<T: FromRedisValue>(&self, node: &Node, words: &[&str]) -> RedisResult<T> {
        cmd(words[0]).arg(&words[1..]).query(&mut try_connection(node, &self.password)?)
    }
}

impl ClusterBuilder {
    /// As many replicas of each master.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// The password of all nodes.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// A [`Proxy`] before each node, whose port the node tells clients, so that what they are sent on to is a proxy, too.
    #[must_use]
    pub fn behind_proxies(mut self) -> Self {
        self.proxies = true;
        self
    }

    /// Starts it and waits until all is well; `None` where the program is missing.
    pub fn start(self) -> Option<Cluster> {
        available(&["redis-server"])?;
        let (nodes, proxies) = (0..MASTERS * (1 + self.replicas)).map(|_| self.node()).unzip();
        let proxies: Vec<Option<Proxy>> = proxies;
        let cluster =
            Cluster { nodes, proxies: proxies.into_iter().flatten().collect(), password: self.password };
        cluster.join();
        cluster.wait_until_ok();
        Some(cluster)
    }

    fn node(&self) -> (Node, Option<Proxy>) {
        let (folder, port) = (files::folder(), Port::free());
        let proxy = self.proxies.then(|| Proxy::new(port.address()));
        let mut words = data_node(&folder.path().to_string_lossy());
        for (name, value) in [
            ("port", port.number().to_string()),
            ("cluster-enabled", "yes".to_owned()),
            ("cluster-node-timeout", "2000".to_owned()),
            ("cluster-announce-ip", "127.0.0.1".to_owned()),
        ] {
            words.extend(option(name, [value]));
        }
        if let Some(proxy) = &proxy {
            words.extend(option("cluster-announce-port", [proxy.port().to_string()]));
            words.extend(option("cluster-announce-bus-port", [(port.number() + BUS).to_string()]));
        }
        if !self.password.is_empty() {
            words.extend(["requirepass", "masterauth"].map(|name| option(name, [&self.password])).concat());
        }
        let launch = Launch { words, variables: Vec::new() };
        (Node::start("redis of a cluster", folder, port, &launch, answers), proxy)
    }
}

/// Some slots, and the announced ports of the nodes that have them, the master's first.
type Share = (RangeInclusive<usize>, Vec<u16>);

/// What a node says who has which slots: for each share the first, the last, and then each node's address, port, id.
fn shares(connection: &mut Connection) -> RedisResult<Vec<Share>> {
    let port = |node: Value| Ok(from_redis_value::<(Value, u16, Value, Value)>(node)?.1);
    let share = |parts: Vec<Value>| {
        let mut parts = parts.into_iter();
        let mut slot = || from_redis_value::<usize>(parts.next().unwrap_or(Value::Nil));
        let slots = slot()?..=slot()?;
        Ok((slots, parts.map(port).collect::<RedisResult<_>>()?))
    };
    let answer: Vec<Vec<Value>> = cmd("CLUSTER").arg("SLOTS").query(connection)?;
    answer.into_iter().map(share).collect()
}

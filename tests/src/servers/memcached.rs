//! Memcached servers.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::node::{Launch, Node};
use super::url::hosts;
use super::{Port, available, files, programs};

/// Some `memcached` servers that know nothing of each other.
#[derive(Debug)]
pub struct Memcached {
    nodes: Vec<Node>,
}

/// How [`Memcached`] servers are to be started.
#[derive(Debug)]
pub struct MemcachedBuilder {
    instances: usize,
    options: Vec<String>,
}

impl Memcached {
    /// Starts so many; `None` where the program is missing.
    pub fn start(instances: usize) -> Option<Self> {
        Self::builder().instances(instances).start()
    }

    /// Starts some with options; one, if nothing else is said.
    pub fn builder() -> MemcachedBuilder {
        MemcachedBuilder { instances: 1, options: Vec::new() }
    }

    /// `memcached://h:p,h:p`.
    pub fn url(&self) -> String {
        format!("memcached://{}", hosts(self.nodes.iter().map(Node::address)))
    }

    /// One of them.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// All of them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What `stats` says, by name.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub fn stats(&self, index: usize) -> BTreeMap<String, String> {
        let lines = ask(&self.nodes[index], "stats", "END").expect("what `stats` says");
        let entry = |line: &String| {
            let mut words = line.splitn(3, ' ').skip(1).map(str::to_owned);
            words.next().zip(words.next())
        };
        lines.iter().filter_map(entry).collect()
    }

    /// Forgets everything, on every server.
    ///
    /// # Panics
    ///
    /// If one does not answer.
    pub fn flush(&self) {
        for node in &self.nodes {
            ask(node, "flush_all", "OK").expect("a flush");
        }
    }
}

impl MemcachedBuilder {
    /// So many servers.
    #[must_use]
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances;
        self
    }

    /// Memory for values, in MiB.
    #[must_use]
    pub fn memory_mb(self, megabytes: u32) -> Self {
        self.option("-m", &megabytes.to_string())
    }

    /// The largest item, as `-I` takes it: `4m`.
    #[must_use]
    pub fn max_item(self, size: &str) -> Self {
        self.option("-I", size)
    }

    /// Any other option.
    #[must_use]
    pub fn option(mut self, name: &str, value: &str) -> Self {
        self.options.extend([name.to_owned(), value.to_owned()]);
        self
    }

    /// Starts them; `None` where the program is missing.
    pub fn start(self) -> Option<Memcached> {
        available(&["memcached"])?;
        let node = |_| {
            let (folder, port) = (files::folder(), Port::free());
            let words = words(port.number(), &self.options);
            Node::start("memcached", folder, port, &Launch { words, variables: Vec::new() }, answers)
        };
        Some(Memcached { nodes: (0..self.instances).map(node).collect() })
    }
}

/// The words that start a server.
pub(super) fn words(port: u16, options: &[String]) -> Vec<String> {
    let program = programs::find("memcached").unwrap_or_else(|| "memcached".into());
    let own = ["-l", "127.0.0.1", "-U", "0", "-c", "4096", "-p"].map(str::to_owned);
    let program = [program.to_string_lossy().into_owned()].into_iter();
    program.chain(own).chain([port.to_string()]).chain(options.iter().cloned()).collect()
}

fn answers(node: &Node) -> bool {
    ask(node, "version", "VERSION").is_ok()
}

/// The lines that answer a command, up to one that begins so.
fn ask(node: &Node, command: &str, last: &str) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(node.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut lines = Vec::new();
    for line in BufReader::new(stream).lines() {
        lines.push(line?);
        if lines.last().is_some_and(|line| line.starts_with(last)) {
            return Ok(lines);
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

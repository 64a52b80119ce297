//! A Memcached server that wants a user name and a password.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::node::{Launch, Node};
use super::url::credentials;
use super::{Port, available, files, memcached, programs};

/// One `memcached -S` with users of its own; it speaks the binary protocol only.
#[derive(Debug)]
pub struct MemcachedSasl {
    node: Node,
    users: Vec<(String, String)>,
}

/// How a [`MemcachedSasl`] is to be started.
#[derive(Debug, Default)]
pub struct MemcachedSaslBuilder {
    users: Vec<(String, String)>,
    options: Vec<String>,
}

impl MemcachedSasl {
    /// Starts one with the users `alice` (`secret`) and `bob@cachekit` (`secret2`); `None` where a program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().user("alice", "secret").user("bob@cachekit", "secret2").start()
    }

    /// Starts one with other users and options.
    pub fn builder() -> MemcachedSaslBuilder {
        MemcachedSaslBuilder::default()
    }

    /// `memcached+sasl://user:password@h:p` for the first user.
    pub fn url(&self) -> String {
        let (user, password) = &self.users[0];
        self.url_as(user, password)
    }

    /// The same for that user and password, percent-encoded.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("memcached+sasl://{}{}", credentials(user, password), self.address())
    }

    /// `memcached+spread://user:password@h:p` for the first user.
    pub fn spread_url(&self) -> String {
        let (user, password) = &self.users[0];
        self.spread_url_as(user, password)
    }

    /// The same for that user and password, percent-encoded.
    pub fn spread_url_as(&self, user: &str, password: &str) -> String {
        format!("memcached+spread://{}{}", credentials(user, password), self.address())
    }

    /// Whether the server lets in that user with that password.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn lets_in(&self, user: &str, password: &str) -> bool {
        lets_in(&self.node, user, password).expect("an answer from memcached")
    }
}

impl Deref for MemcachedSasl {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl MemcachedSaslBuilder {
    /// A user; one without a realm (`user@realm`) gets that of this host, and logs in without it.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
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

    /// Starts it; `None` where a program is missing.
    ///
    /// # Panics
    ///
    /// Without a user, or if the first cannot log in.
    pub fn start(self) -> Option<MemcachedSasl> {
        available(&["memcached", "saslpasswd2"])?;
        let (folder, port) = (files::folder(), Port::free());
        let database = folder.path().join("sasldb2");
        for (name, password) in &self.users {
            add_user(&database, name, password);
        }
        files::give_away(&database);
        let settings = format!(
            "mech_list: plain\npwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\n",
            database.display()
        );
        files::write(&folder.path().join("memcached.conf"), &settings);
        // The folder that holds memcached.conf.
        let variables = vec![("SASL_CONF_PATH", folder.path().display().to_string())];
        let mut words = memcached::words(port.number(), &self.options);
        words.push("-S".to_owned());
        let node = Node::start("memcached with SASL", folder, port, &Launch { words, variables }, |node| {
            lets_in(node, "nobody", "nothing").is_ok()
        });
        let server = MemcachedSasl { node, users: self.users };
        let (user, password) = server.users.first().expect("a user");
        assert!(server.lets_in(user, password), "{user} cannot log in; is libsasl2-modules installed?");
        Some(server)
    }
}

fn add_user(database: &Path, name: &str, password: &str) {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "localhost".to_owned());
    let (user, realm) = name.rsplit_once('@').unwrap_or((name, host.trim()));
    let mut program = programs::command("saslpasswd2")
        .args(["-p", "-c", "-a", "memcached", "-u", realm, "-f"])
        .args([database.as_os_str(), user.as_ref()])
        .stdin(Stdio::piped())
        .spawn()
        .expect("saslpasswd2 can be run");
    let mut input = program.stdin.take().expect("its input is piped");
    input.write_all(password.as_bytes()).expect("a password for saslpasswd2");
    drop(input);
    let status = program.wait().expect("saslpasswd2 ends");
    assert!(status.success(), "saslpasswd2 failed for {name} ({status})");
}

/// Logs in by the binary protocol, mechanism PLAIN.
fn lets_in(node: &Node, user: &str, password: &str) -> io::Result<bool> {
    let (mechanism, value) = (b"PLAIN", format!("\0{user}\0{password}"));
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut request = vec![0x80, 0x21, 0, 5, 0, 0, 0, 0];
    request.extend(length(mechanism.len() + value.len()));
    request.extend([0; 12]);
    request.extend(mechanism);
    request.extend(value.as_bytes());
    let mut stream = TcpStream::connect(node.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(&request)?;
    let mut header = [0; 24];
    stream.read_exact(&mut header)?;
    Ok(header[6..8] == [0, 0])
}

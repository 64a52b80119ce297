//! A Redis server that speaks TLS only.

use std::net::TcpStream;
use std::ops::Deref;
use std::path::PathBuf;

use super::certificates::Certificates;
use super::node::{Launch, Node};
use super::redis::{data_node, option};
use super::url::credentials;
use super::{Port, available, files, programs};

/// One `redis-server` with a certificate for `localhost` and `127.0.0.1`, signed by an authority made for it.
#[derive(Debug)]
pub struct RedisTls {
    node: Node,
    password: String,
    certificates: Certificates,
}

/// How a [`RedisTls`] is to be started.
#[derive(Debug, Default)]
pub struct RedisTlsBuilder {
    password: String,
    client_certificate: bool,
}

impl RedisTls {
    /// Starts one that asks for no certificate of the client; `None` where a program is missing.
    pub fn start() -> Option<Self> {
        Self::builder().start()
    }

    /// Starts one with options.
    pub fn builder() -> RedisTlsBuilder {
        RedisTlsBuilder::default()
    }

    /// `rediss://127.0.0.1:P`, with the password if it has one.
    pub fn url(&self) -> String {
        format!("rediss://{}{}", credentials("", &self.password), self.address())
    }

    /// The certificate of the authority, PEM.
    pub fn ca(&self) -> PathBuf {
        self.certificates.path("ca.crt")
    }

    /// The certificate of an authority that signed nothing here, PEM.
    pub fn other_ca(&self) -> PathBuf {
        self.certificates.path("other-ca.crt")
    }

    /// A certificate for a client, PEM.
    pub fn client_certificate(&self) -> PathBuf {
        self.certificates.path("client.crt")
    }

    /// Its private key, PEM.
    pub fn client_key(&self) -> PathBuf {
        self.certificates.path("client.key")
    }

    /// What `redis-cli` prints for these words, with the client's certificate, but for the end of the line.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn cli(&self, words: &[&str]) -> String {
        let mut command = programs::command("redis-cli");
        command.args(["-p", &self.port().to_string(), "--tls"]);
        let files =
            [("--cacert", self.ca()), ("--cert", self.client_certificate()), ("--key", self.client_key())];
        for (name, path) in files {
            command.arg(name).arg(path);
        }
        if !self.password.is_empty() {
            command.env("REDISCLI_AUTH", &self.password);
        }
        let output = command.args(words).output().expect("redis-cli can be run");
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&printed).trim_end().to_owned()
    }
}

impl Deref for RedisTls {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl RedisTlsBuilder {
    /// What the default user has to give.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Refuses clients without a certificate of its authority.
    #[must_use]
    pub fn require_client_certificate(mut self) -> Self {
        self.client_certificate = true;
        self
    }

    /// Starts it; `None` where a program is missing.
    pub fn start(self) -> Option<RedisTls> {
        available(&["redis-server", "redis-cli", "openssl"])?;
        let (folder, port) = (files::folder(), Port::free());
        let certificates = Certificates::new(folder.path());
        let file = |name| certificates.path(name).display().to_string();
        let mut words = data_node(&folder.path().to_string_lossy());
        for (name, value) in [
            ("port", "0".to_owned()),
            ("tls-port", port.number().to_string()),
            ("tls-cert-file", file("server.crt")),
            ("tls-key-file", file("server.key")),
            ("tls-ca-cert-file", file("ca.crt")),
            ("tls-auth-clients", if self.client_certificate { "yes" } else { "optional" }.to_owned()),
        ] {
            words.extend(option(name, [value]));
        }
        if !self.password.is_empty() {
            words.extend(option("requirepass", [&self.password]));
        }
        let launch = Launch { words, variables: Vec::new() };
        let listens = |node: &Node| TcpStream::connect(node.address()).is_ok();
        let node = Node::start("redis with TLS", folder, port, &launch, listens);
        Some(RedisTls { node, password: self.password, certificates })
    }
}

//! A certificate authority of our own, by the `openssl` program.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{files, programs};

/// Sections for an authority and for those it vouches for; without them it depends on the machine what is written.
const SETTINGS: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// An authority, what it has signed for a server and for a client, and another authority.
#[derive(Debug)]
pub(super) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them in that folder, readable by a server.
    pub(super) fn new(folder: &Path) -> Self {
        let own = Self { folder: folder.to_owned() };
        files::write(&own.path("settings"), SETTINGS);
        for authority in ["ca", "other-ca"] {
            own.openssl(&format!(
                "req -x509 -config settings -extensions authority -days 30 -subj /CN={authority} \
                 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {authority}.key -out {authority}.crt"
            ));
        }
        for leaf in ["server", "client"] {
            own.openssl(&format!(
                "req -config settings -subj /CN={leaf} -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                 -keyout {leaf}.key -out {leaf}.csr"
            ));
            own.openssl(&format!(
                "x509 -req -in {leaf}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 \
                 -extfile settings -extensions leaf -out {leaf}.crt"
            ));
            files::give_away(&own.path(&format!("{leaf}.key")));
        }
        own
    }

    /// The path of one of them: `ca.crt`, `other-ca.crt`, `server.crt`, `server.key`, `client.crt`, `client.key`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn openssl(&self, words: &str) {
        let mut command = programs::command("openssl");
        command.args(words.split_whitespace()).current_dir(&self.folder).stdin(Stdio::null());
        let output = command.output().expect("openssl can be run");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words} failed:\n{complaint}");
    }
}

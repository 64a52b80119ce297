//! Where a server listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// Where a server listens: `host:port`, `[v6]:port`, or the absolute path of a unix socket.
///
/// ```
/// use cachekit_backends::Address;
///
/// let address: Address = "[::1]:6379".parse()?;
/// assert_eq!(address, Address::tcp("::1", 6379));
/// assert_eq!(address.to_string(), "[::1]:6379");
/// assert_eq!("/run/redis.sock".parse::<Address>()?, Address::Unix("/run/redis.sock".into()));
/// # Ok::<(), cachekit_backends::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Address {
    /// A name or an IP address (without brackets), and a port.
    Tcp {
        /// The name or IP address.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The address of a TCP port.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::Tcp { host: host.into(), port }
    }

    /// Reads `host`, `host:port`, `[v6]` or `[v6]:port`, or an absolute path.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if it is none of these. The error does not repeat the text: it may hold a secret
    /// in the wrong place.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, Error> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or_else(bad)?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or_else(bad)?) };
            (host, port)
        } else {
            match text.rsplit_once(':') {
                // More than one colon is an IPv6 address without brackets, whose port nobody can tell.
                Some((host, _)) if host.contains(':') => return Err(bad()),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(bad());
        }
        let port = port.map_or(Ok(default_port), |port| port.parse().map_err(|_| bad()))?;
        if port == 0 {
            return Err(bad());
        }
        Ok(Self::tcp(host, port))
    }
}

fn bad() -> Error {
    let message =
        "an address is host:port (a port from 1 to 65535), [v6]:port or the absolute path of a unix socket";
    Error::new(ErrorKind::Config, message)
}

impl FromStr for Address {
    type Err = Error;

    /// Reads an address that names its port.
    fn from_str(text: &str) -> Result<Self, Error> {
        // Port 0 is none, so what does not name one is refused.
        Self::parse(text, 0)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_may_have_a_default() {
        assert_eq!(Address::parse("db.example", 6379).ok(), Some(Address::tcp("db.example", 6379)));
        assert_eq!(Address::parse("[::1]", 6379).ok(), Some(Address::tcp("::1", 6379)));
        assert_eq!(Address::parse("db:7", 6379).ok(), Some(Address::tcp("db", 7)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:65536",
            ":1",
            "::1:80",
            "[::1",
            "[::1]x",
            "a b:1",
            "a\r\n:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}

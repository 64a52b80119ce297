//! The pieces of cachekit's URLs.

use std::fmt::Write as _;
use std::net::SocketAddr;

/// `user:password@`, percent-encoded; nothing where there is neither.
pub(super) fn credentials(user: &str, password: &str) -> String {
    match (user, password) {
        ("", "") => String::new(),
        _ => format!("{}:{}@", encoded(user), encoded(password)),
    }
}

/// `host:port,host:port`.
pub(super) fn hosts(addresses: impl IntoIterator<Item = SocketAddr>) -> String {
    addresses.into_iter().map(|address| address.to_string()).collect::<Vec<_>>().join(",")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(byte.into()),
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
        encoded
    })
}

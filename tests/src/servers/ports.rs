//! Free loopback ports that stay free for who took them.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

/// Where ports are looked for: below those that the system gives to outgoing connections, so that a server that was
/// killed finds its port free again.
const FIRST: u16 = 11_000;
const COUNT: u16 = 10_000;

/// A node of a Redis cluster also listens that much higher.
pub(super) const BUS: u16 = 10_000;

/// A port on 127.0.0.1, nobody else's of this harness as long as this lives, in whatever process.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    /// The servers speak TCP, so the UDP port of the same number is a sign for others.
    _claim: UdpSocket,
}

impl Port {
    /// Takes a free one.
    pub(crate) fn free() -> Self {
        let start = u16::try_from(RandomState::new().hash_one(0) % u64::from(COUNT)).unwrap_or(0);
        let mut candidates = (0..COUNT).map(|step| FIRST + (start + step) % COUNT);
        candidates.find_map(Self::claim).expect("a free loopback port")
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn address(&self) -> SocketAddr {
        local(self.number)
    }

    fn claim(number: u16) -> Option<Self> {
        let claim = UdpSocket::bind(local(number)).ok()?;
        let free = [number, number + BUS].iter().all(|number| TcpListener::bind(local(*number)).is_ok());
        free.then_some(Self { number, _claim: claim })
    }
}

fn local(number: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, number).into()
}

//! Asking sentinels who the master is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::Value;

use super::commands;
use super::login::Login;
use super::reply::{granted, unexpected};
use super::request::Request;
use super::tracking::Alarms;
use super::wire::{Own, ask, open_line};
use crate::net::{Address, Deadline, within};
use crate::sync::{Mutex, MutexExt as _};
use crate::{Error, ErrorKind, Result};

/// The sentinels that watch a service. They are asked anew for every connection, so that one which is lost, or turns
/// out to lead to a replica, leads to the new master next.
#[derive(Debug)]
pub(super) struct Sentinels {
    addresses: Vec<Address>,
    service: String,
    login: Login,
    /// How long each may take to answer: they and the master share the time for connecting.
    share: Duration,
    /// The one that answered last is asked first.
    last: AtomicUsize,
    /// Who was the master when they were asked last.
    master: Mutex<Option<Address>>,
    /// What is raised when it is another one.
    pub(super) alarms: Alarms,
}

impl Sentinels {
    /// Sentinels; connecting to the master through them takes at most so long.
    pub(super) fn new(addresses: Vec<Address>, service: String, login: Login, connect: Duration) -> Self {
        let parties = u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
        Self {
            addresses,
            service,
            login,
            share: connect / parties,
            last: AtomicUsize::new(0),
            master: Mutex::default(),
            alarms: Alarms::default(),
        }
    }

    /// The address of the master.
    ///
    /// # Errors
    ///
    /// When no sentinel knows.
    pub(super) fn master(&self, deadline: Deadline) -> Result<Address> {
        let mut failures = Vec::new();
        for place in self.order() {
            let share = self.share.min(deadline.left()?);
            match self.ask(&self.addresses[place], Deadline::after(share)) {
                Ok(master) => return Ok(self.found(place, master)),
                Err(error) => failures.push((place, error)),
            }
        }
        Err(self.nobody_knows(failures))
    }

    /// The async flavour of [`master`](Self::master).
    ///
    /// # Errors
    ///
    /// As there.
    pub(super) async fn master_async(&self) -> Result<Address> {
        let mut failures = Vec::new();
        for place in self.order() {
            match within(self.share, self.ask_async(&self.addresses[place])).await {
                Ok(master) => return Ok(self.found(place, master)),
                Err(error) => failures.push((place, error)),
            }
        }
        Err(self.nobody_knows(failures))
    }

    fn ask(&self, sentinel: &Address, deadline: Deadline) -> Result<Address> {
        let mut connection = Own::open(sentinel, &self.login, false, deadline)?;
        let request = self.question();
        connection.send(&request, deadline)?;
        self.answer(&request, connection.receive(&request, deadline)?)
    }

    async fn ask_async(&self, sentinel: &Address) -> Result<Address> {
        let line = open_line(sentinel, &self.login, false).await?;
        let request = self.question();
        let replies = ask(&line, &request).await?;
        self.answer(&request, replies)
    }

    fn question(&self) -> Request {
        Request::one(commands::master_of(&self.service))
    }

    fn answer(&self, request: &Request, mut replies: Vec<Value>) -> Result<Address> {
        if !request.fits(&replies) {
            return Err(unexpected());
        }
        if let Some(Value::Array(parts)) = replies.pop().map(granted).transpose()? {
            return address(&parts).ok_or_else(unexpected);
        }
        let message = "the sentinel does not know the service";
        Err(Error::new(ErrorKind::Backend, message).with_context("service", &self.service))
    }

    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.last.load(Ordering::Relaxed), self.addresses.len());
        (0..count).map(move |place| (first + place) % count)
    }

    fn found(&self, place: usize, master: Address) -> Address {
        self.last.store(place, Ordering::Relaxed);
        let before = self.master.locked().replace(master.clone());
        if before.is_some_and(|before| before != master) {
            self.alarms.raise();
        }
        master
    }

    fn nobody_knows(&self, failures: Vec<(usize, Error)>) -> Error {
        let message = "no sentinel says who the master is";
        let error = Error::new(ErrorKind::Backend, message).with_context("service", &self.service);
        match failures.into_iter().next_back() {
            Some((place, failure)) => {
                error.with_context("sentinel", self.addresses[place].to_string()).with_source(failure)
            }
            None => error,
        }
    }
}

/// A host and a port, as sentinels give them.
fn address(parts: &[Value]) -> Option<Address> {
    let [Value::BulkString(host), Value::BulkString(port)] = parts else { return None };
    let host = std::str::from_utf8(host).ok().filter(|host| !host.is_empty())?;
    let port = std::str::from_utf8(port).ok()?.parse().ok().filter(|port| *port != 0)?;
    Some(Address::tcp(host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let bulk = |text: &str| Value::BulkString(text.into());
        assert_eq!(address(&[bulk("::1"), bulk("6379")]), Some(Address::tcp("::1", 6379)));
        for parts in [["", "6379"], ["h", "0"], ["h", "65536"], ["h", "x"]] {
            assert_eq!(address(&parts.map(bulk)), None, "{parts:?}");
        }
    }
}

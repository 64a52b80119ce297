//! Forgetting a prefix: a change of the registry, which one process at a time may make.
//!
//! uWSGI's own `clear` knows no prefix, and goes wrong where a server has caches of different sizes. It has no
//! compare-and-set either; but `set` stores only where nothing is, and that makes a lock.

use std::time::{Duration, Instant};

use super::Inner;
use super::entries::REGISTRY;
use super::protocol::{Command, Reply};

use crate::framed::Registry;
use crate::net::{Flavour, pause};
use crate::{Error, ErrorKind, Result};

const LOCK: &str = "\u{1}cachekit:lock";
/// A lock that is held for longer was left behind.
const LEASE: Duration = Duration::from_secs(2);
/// How long others are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);

impl Inner {
    /// Makes everything dead whose key begins with the prefix.
    pub(super) async fn clear(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        let since = self.lock(flavour).await?;
        let outcome = self.begin_epoch(flavour, prefix).await;
        if since.is_some_and(|since| since.elapsed() < LEASE / 2) {
            let release = self.request(Command::Delete, LOCK, b"", None)?;
            // It expires by itself.
            let _ = self.ask(flavour, vec![release]).await;
        }
        outcome
    }

    async fn begin_epoch(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        for _ in 0..3 {
            let before = self.establish(flavour).await?;
            let mut after = Registry::clone(&before);
            after.clear(prefix);
            let update = self.request(Command::Update, REGISTRY, &after.to_bytes(), None)?;
            if self.ask(flavour, vec![update]).await? != [Reply::Done] {
                return Err(self.refused());
            }
            // Whoever held up this process for longer than the lock lasts may have let another one in.
            if self.establish(flavour).await?.kills(prefix, before.epoch()) {
                return Ok(());
            }
        }
        Err(Error::new(ErrorKind::Backend, "others clear at the same time, again and again"))
    }

    /// Waits until nobody else changes the registry, and gives the time since when; `None` where the cache has no room for
    /// a lock: what is to be forgotten is more important.
    async fn lock(&self, flavour: Flavour) -> Result<Option<Instant>> {
        let start = Instant::now();
        let token = Registry::fresh().epoch().id.to_be_bytes();
        let (mut holder, mut refusals) = ((Vec::new(), start), 0);
        while start.elapsed() < PATIENCE {
            let since = Instant::now();
            let set = self.request(Command::Set, LOCK, &token, Some(LEASE.as_secs() + 1))?;
            if self.ask(flavour, vec![set]).await? == [Reply::Done] {
                return Ok(Some(since));
            }
            let get = self.request(Command::Get, LOCK, b"", None)?;
            match self.ask(flavour, vec![get]).await?.pop() {
                Some(Reply::Value(other)) if other == holder.0 => {
                    if holder.1.elapsed() > LEASE {
                        let release = self.request(Command::Delete, LOCK, b"", None)?;
                        self.ask(flavour, vec![release]).await?;
                    }
                }
                Some(Reply::Value(other)) => holder = (other, Instant::now()),
                // It was released just now. Again and again that is hardly so.
                _ if refusals < 100 => refusals += 1,
                _ => return Ok(None),
            }
            pause(flavour, PAUSE).await?;
        }
        Err(Error::new(ErrorKind::TimedOut, "others clear the same cache all the time"))
    }
}

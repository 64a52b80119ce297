//! Clearing a prefix, and flushing the servers.

use super::protocol::Exchange;
use super::replies::Status;
use super::servers::{ATTEMPTS, Found, Servers, contended, propose, refusal};
use crate::Result;
use crate::framed::Registry;
use crate::net::{Flavour, Repeat};

impl Servers {
    /// Begins an epoch on every server, in which what began with the prefix is dead. Where there was no registry it is
    /// enough to make one: everything before it is dead.
    ///
    /// # Errors
    ///
    /// When a server does not answer; all were tried then.
    pub(super) async fn clear(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        let missing = |node| (node, Found { registry: None, cas: 0 });
        // What is tried first makes a registry, or finds the one that is there.
        let mut open: Vec<(usize, Found)> = (0..self.count()).map(missing).collect();
        let mut failure = None;
        // All who clear want the same entry, and one that gets its turn late must not give up.
        for _ in 0..16 * ATTEMPTS {
            let exchanges = open.iter().map(|(node, found)| {
                let next = found.registry.as_deref().map_or_else(Registry::fresh, |registry| {
                    let mut next = registry.clone();
                    next.clear(prefix);
                    next
                });
                let mut exchange = Exchange::default();
                propose(&mut exchange, &next, found.cas);
                (*node, exchange)
            });
            let exchanges: Vec<_> = exchanges.collect();
            // Clearing twice is clearing.
            let replies = self.exchange(flavour, Repeat::Yes, exchanges).await;
            let mut still_open = Vec::new();
            for ((node, _), reply) in open.into_iter().zip(replies) {
                let outcome =
                    reply.map(|(answers, found)| (answers.first().map(|answer| answer.status), found));
                match outcome {
                    Ok((Some(Status::Done), _)) => {}
                    Ok((Some(Status::Present | Status::Absent) | None, found)) => {
                        still_open.push((node, found));
                    }
                    Ok((Some(refused), _)) => failure = failure.or(Some(refusal(refused))),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            open = still_open;
            if open.is_empty() {
                return failure.map_or(Ok(()), Err);
            }
        }
        Err(failure.unwrap_or_else(contended))
    }

    /// Removes everything on every server.
    pub(super) async fn flush(&self, flavour: Flavour) -> Result<()> {
        let exchanges = (0..self.count()).map(|node| {
            let mut exchange = Exchange::default();
            exchange.flush();
            (node, exchange)
        });
        let mut failure = None;
        for reply in self.exchange(flavour, Repeat::Yes, exchanges.collect()).await {
            let outcome = reply.and_then(|(answers, _)| match answers.first().map(|answer| answer.status) {
                Some(Status::Done) | None => Ok(()),
                Some(status) => Err(refusal(status)),
            });
            if let Err(error) = outcome {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

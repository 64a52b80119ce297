//! What goes to every server that keeps keys: clearing, and other commands without a key.

use std::sync::Arc;

use redis::Value;

use super::commands::{self, Command};
use super::request::Request;
use super::wire::Node;
use super::{RedisCache, reply};
use crate::net::{Flavour, Repeat, Server};
use crate::{Error, ErrorKind, Result};

/// A walk through the keys of one server.
struct Walk {
    server: Arc<Server<Node>>,
    /// Where to go on; `None` when everything was seen.
    cursor: Option<Vec<u8>>,
    /// What was found, and is to be removed.
    found: Vec<Vec<u8>>,
    /// How many connections to the server had been lost when it began.
    losses: u64,
    /// How often it began.
    attempts: u32,
}

/// A walk begins at most so often.
const ATTEMPTS: u32 = 16;

impl Walk {
    fn new(server: Arc<Server<Node>>) -> Self {
        let losses = server.losses();
        Self { server, cursor: Some(b"0".to_vec()), found: Vec::new(), losses, attempts: 1 }
    }

    /// Takes notice of a lost connection: the next one may lead to another server, or to one that was started anew,
    /// where the cursor means something else. Whoever goes on with it passes keys over, so the walk begins again.
    fn begin_again(&mut self) -> Result<()> {
        if self.attempts == ATTEMPTS {
            let message = "the connection was lost again and again while looking for the keys to remove";
            return Err(Error::new(ErrorKind::Backend, message));
        }
        let attempts = self.attempts + 1;
        *self = Self { attempts, ..Self::new(Arc::clone(&self.server)) };
        Ok(())
    }

    fn is_lost(&self) -> bool {
        self.server.losses() != self.losses
    }

    fn is_over(&self) -> bool {
        self.cursor.is_none() && self.found.is_empty()
    }

    /// Removes what was found, and looks for more.
    fn step(&self, prefix: &str) -> Request {
        let mut commands: Vec<Command> = self.found.iter().map(|key| commands::remove(0, key)).collect();
        commands.extend(self.cursor.iter().map(|cursor| commands::scan(cursor, prefix)));
        // A cursor means something only to the server that gave it.
        Request::new(&commands).bound(self.cursor.as_deref() != Some(b"0"))
    }

    /// Keeps what the step came to; gives the keys that another node has now.
    fn stepped(&mut self, replies: Vec<Value>, prefix: &str) -> Result<Vec<Vec<u8>>> {
        let mut replies = replies.into_iter();
        let mut strays = Vec::new();
        for (key, reply) in std::mem::take(&mut self.found).into_iter().zip(replies.by_ref()) {
            if is_elsewhere(&reply) {
                strays.push(key);
            } else {
                reply::granted(reply)?;
            }
        }
        if let Some(reply) = replies.next() {
            let (cursor, keys) = reply::page(reply)?;
            self.found = keys.into_iter().filter(|key| key.starts_with(prefix.as_bytes())).collect();
            self.cursor = (cursor != b"0").then_some(cursor);
        }
        Ok(strays)
    }
}

fn is_elsewhere(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(refusal) if matches!(refusal.code(), "MOVED" | "ASK"))
}

impl RedisCache {
    /// Removes what begins with a prefix from every server, side by side. A server that fails does not spare the others.
    pub(super) async fn erase(&self, flavour: Flavour, prefix: &str) -> Result<()> {
        let mut walks: Vec<Walk> = self.route.masters(flavour).await?.into_iter().map(Walk::new).collect();
        let mut strays = Vec::new();
        let mut failure: Option<Error> = None;
        // A walk that began can go on only where it began.
        let mut repeat = Repeat::Yes;
        while !walks.is_empty() {
            let calls = walks.iter().map(|walk| (Arc::clone(&walk.server), walk.step(prefix))).collect();
            let outcomes = Server::call_all(calls, flavour, repeat).await;
            repeat = Repeat::No;
            let step = |(mut walk, outcome): (Walk, Result<Vec<Value>>)| {
                let stepped = match outcome.and_then(|replies| walk.stepped(replies, prefix)) {
                    // A server that does not answer is not waited for again.
                    Err(error) if error.kind() == ErrorKind::TimedOut || !walk.is_lost() => Err(error),
                    Err(_) => walk.begin_again(),
                    Ok(found) => {
                        strays.extend(found);
                        if walk.is_lost() { walk.begin_again() } else { Ok(()) }
                    }
                };
                if let Err(error) = stepped {
                    failure.get_or_insert(error);
                    return None;
                }
                (!walk.is_over()).then_some(walk)
            };
            walks = walks.into_iter().zip(outcomes).filter_map(step).collect();
        }
        let commands = strays.iter().map(|key| commands::remove(self.route.slot(key), key)).collect();
        for reply in self.route.run(flavour, commands, Repeat::Yes).await.all()? {
            reply::granted(reply)?;
        }
        failure.map_or(Ok(()), Err)
    }

    /// Gives every server the same command, whose reply only says that it was carried out.
    pub(super) async fn tell_all(&self, flavour: Flavour, command: fn() -> Command) -> Result<()> {
        let servers = self.route.masters(flavour).await?;
        let calls = servers.into_iter().map(|server| (server, Request::one(command()))).collect();
        let mut failure = None;
        for outcome in Server::call_all(calls, flavour, Repeat::Yes).await {
            let told =
                outcome.and_then(|replies| replies.into_iter().try_for_each(|r| reply::granted(r).map(drop)));
            if let Err(error) = told {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }
}

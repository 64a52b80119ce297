//! A connection on which a server tells what changes.

use std::io;

use redis::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::message::{self, Message};
use super::{PATIENCE, PAUSE};
use crate::net::{self, Duplex, Input, late, within};
use crate::redis::commands::{self, Command};
use crate::redis::login::is_master;
use crate::redis::reply::{refused, unexpected};
use crate::redis::wire::{Node, Source, lost};
use crate::{Error, ErrorKind, Listener, Result};

pub(super) struct Connection {
    socket: Box<dyn Duplex>,
    input: Input,
    must_lead: bool,
}

impl Connection {
    /// Connects, logs in, and has the server tell what changes under a prefix. To be called within a deadline.
    ///
    /// # Errors
    ///
    /// When the server cannot be connected to, or does not do it.
    pub(super) async fn open(node: &Node, must_lead: bool, prefix: &str) -> Result<Self> {
        let address = match &node.source {
            Source::Address(address) => address.clone(),
            #[cfg(feature = "redis-sentinel")]
            Source::Sentinels(sentinels) => sentinels.master_async().await?,
            Source::Client(_) | Source::Connections(_) => return Err(unexpected()),
        };
        let socket = net::connect(&address, &node.login.security).await?;
        let mut connection = Self { socket, input: Input::default(), must_lead };
        if let Some(request) = node.login.request(must_lead) {
            connection.send(request.packed()).await?;
            let mut replies = Vec::with_capacity(request.replies());
            while replies.len() < request.replies() {
                replies.push(connection.reply().await?);
            }
            node.login.check(&request, &replies, must_lead)?;
        }
        for command in [commands::hello(), commands::track(prefix)] {
            connection.send(&command.packed).await?;
            if let Value::ServerError(refusal) = connection.reply().await? {
                let message = "the server does not tell what changes; it takes Redis 6 or later, and leave to use HELLO \
                               and CLIENT TRACKING";
                return Err(Error::new(ErrorKind::Unsupported, message).with_source(refused(&refusal)));
            }
        }
        Ok(connection)
    }

    /// Tells the listener what the server tells, until the connection is lost; gives how.
    pub(super) async fn listen(mut self, listener: &dyn Listener) -> Error {
        let Err(error) = self.pass_on(listener).await;
        error
    }

    async fn pass_on(&mut self, listener: &dyn Listener) -> Result<std::convert::Infallible> {
        let mut ask_at = Instant::now() + PAUSE;
        let mut answer_by: Option<Instant> = None;
        loop {
            while let Some(message) = message::read(&mut self.input)? {
                match message {
                    Message::Changed(keys) => {
                        // What is no text is no key of ours.
                        keys.iter()
                            .filter_map(|key| std::str::from_utf8(key).ok())
                            .for_each(|key| listener.changed(key));
                    }
                    Message::AllChanged => {
                        listener.ended();
                        listener.began();
                    }
                    Message::Reply(reply) => {
                        self.check(&reply)?;
                        answer_by = None;
                    }
                    Message::Other => {}
                }
            }
            let now = Instant::now();
            let until = match answer_by {
                // What it told before is worth as little, if it comes so late.
                Some(by) if by <= now => return Err(late()),
                Some(by) => by,
                None if ask_at <= now => {
                    let question = self.question();
                    within(PATIENCE, self.send(&question.packed)).await?;
                    ask_at = now + PAUSE;
                    *answer_by.insert(now + PATIENCE)
                }
                None => ask_at,
            };
            // Whatever the time is then, the loop sees.
            if let Ok(read) = timeout_at(until, self.socket.read(self.input.room())).await {
                self.arrived(read?)?;
            }
        }
    }

    /// What shows that the server is there, and still the one to ask.
    fn question(&self) -> Command {
        if self.must_lead { commands::role() } else { commands::ping() }
    }

    fn check(&self, reply: &Value) -> Result<()> {
        match reply {
            // Who may not ask for the role is answered all the same.
            Value::ServerError(refusal) if self.must_lead && refusal.code() == "NOPERM" => Ok(()),
            Value::ServerError(refusal) => Err(refused(refusal)),
            Value::Array(role) if self.must_lead && !is_master(role) => {
                Err(Error::new(ErrorKind::Backend, "the server is a replica now"))
            }
            _ => Ok(()),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.socket.write_all(bytes).await?;
        Ok(self.socket.flush().await?)
    }

    /// The next reply. What is told before that concerns nobody yet.
    async fn reply(&mut self) -> Result<Value> {
        loop {
            if let Some(message) = message::read(&mut self.input)? {
                if let Message::Reply(reply) = message {
                    return Ok(reply);
                }
                continue;
            }
            let read = self.socket.read(self.input.room()).await?;
            self.arrived(read)?;
        }
    }

    fn arrived(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            return Err(lost().with_source(io::Error::from(io::ErrorKind::UnexpectedEof)));
        }
        self.input.arrived(count);
        Ok(())
    }
}

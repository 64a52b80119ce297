//! Which server is asked: the only one, or the node of the cluster that has the key.

use std::sync::Arc;

use redis::Value;

#[cfg(feature = "redis-cluster")]
use super::cluster::{Cluster, slot_of};
use super::commands::Command;
use super::request::Request;
use super::wire::Node;
use crate::net::{Flavour, Repeat, Server};
use crate::{Error, Result, ServerHealth};

/// The most that an exchange is meant to carry: so many keys, or KiB of values.
const HEAVIEST: usize = 4096;

/// The way to the servers.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// One server: a fixed one, or whichever the sentinels call master.
    One(Arc<Server<Node>>),
    /// The nodes of a cluster.
    #[cfg(feature = "redis-cluster")]
    Cluster(Arc<Cluster>),
}

/// Keys that one command can name: their slot, and where they are among the keys of the operation.
pub(super) struct Group {
    pub(super) slot: u16,
    pub(super) places: Vec<usize>,
}

impl Group {
    /// The keys by as many as one command is to name.
    fn parts(&self) -> impl Iterator<Item = Self> {
        self.places.chunks(HEAVIEST).map(|places| Self { slot: self.slot, places: places.to_vec() })
    }
}

/// What came back for several commands, in their order.
pub(super) struct Replies {
    /// `None` where the server could not be asked.
    pub(super) values: Vec<Option<Value>>,
    /// Why, if that is so for any.
    pub(super) failure: Option<Error>,
}

impl Replies {
    /// All replies, or why some are missing.
    pub(super) fn all(self) -> Result<Vec<Value>> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.values.into_iter().flatten().collect()),
        }
    }
}

impl Route {
    /// The server, where there is only one, and keys that one command can name: nothing is to be sorted then.
    pub(super) fn only(&self, keys: &[&str]) -> Option<&Arc<Server<Node>>> {
        match self {
            Self::One(server) => (1..=HEAVIEST).contains(&keys.len()).then_some(server),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => None,
        }
    }

    /// Whether the servers can be connected to in order to be told what changes.
    pub(super) fn tells(&self) -> bool {
        match self {
            Self::One(server) => server.wire().source.is_an_address(),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => true,
        }
    }

    /// Whether all keys are on one server, which does what it is told one after the other.
    pub(super) fn is_one(&self) -> bool {
        matches!(self, Self::One(_))
    }

    /// How the servers do.
    pub(super) fn health(&self) -> Vec<ServerHealth> {
        match self {
            Self::One(server) => vec![server.health()],
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => cluster.health(),
        }
    }

    /// Whether a server must be the master all the time: another one may take its place.
    pub(super) fn must_lead(&self, server: &Server<Node>) -> bool {
        match self {
            Self::One(_) => server.wire().source.follows_a_master(),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => true,
        }
    }

    /// The slot of a key; always 0 where there are no slots.
    #[cfg_attr(not(feature = "redis-cluster"), allow(unused_variables, reason = "only a cluster has slots"))]
    pub(super) fn slot(&self, key: &[u8]) -> u16 {
        match self {
            Self::One(_) => 0,
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => slot_of(key),
        }
    }

    /// The keys by slot, in the order in which slots first occur.
    pub(super) fn groups(&self, keys: &[&str]) -> Vec<Group> {
        match self {
            Self::One(_) if keys.is_empty() => Vec::new(),
            Self::One(_) => Group { slot: 0, places: (0..keys.len()).collect() }.parts().collect(),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => by_slot(keys).iter().flat_map(Group::parts).collect(),
        }
    }

    /// Carries out commands: in one exchange with each server, and in their order where they are for one slot. Many, or
    /// large ones, take several exchanges one after the other: each has a deadline, and others come in between.
    pub(super) async fn run(&self, flavour: Flavour, commands: Vec<Command>, repeat: Repeat) -> Replies {
        if commands.iter().map(|command| command.weight).sum::<usize>() <= HEAVIEST {
            return self.exchange(flavour, commands, repeat).await;
        }
        let mut replies = Replies { values: Vec::with_capacity(commands.len()), failure: None };
        for commands in parts(commands) {
            let Replies { values, failure } = self.exchange(flavour, commands, repeat).await;
            replies.values.extend(values);
            replies.failure = replies.failure.or(failure);
        }
        replies
    }

    async fn exchange(&self, flavour: Flavour, commands: Vec<Command>, repeat: Repeat) -> Replies {
        if commands.is_empty() {
            return Replies { values: Vec::new(), failure: None };
        }
        match self {
            Self::One(server) => {
                let count = commands.len();
                match server.call(flavour, Request::new(&commands), repeat).await {
                    Ok(values) => Replies { values: values.into_iter().map(Some).collect(), failure: None },
                    Err(failure) => Replies { values: vec![None; count], failure: Some(failure) },
                }
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => cluster.run(flavour, commands, repeat).await,
        }
    }

    /// Carries out one command, and gives its reply.
    pub(super) async fn run_one(&self, flavour: Flavour, command: Command, repeat: Repeat) -> Result<Value> {
        let mut replies = self.run(flavour, vec![command], repeat).await.all()?;
        replies.pop().ok_or_else(super::reply::unexpected)
    }

    /// The servers that keep keys.
    #[cfg_attr(
        not(feature = "redis-cluster"),
        allow(unused_variables, clippy::unused_async, reason = "only a cluster has to be asked")
    )]
    pub(super) async fn masters(&self, flavour: Flavour) -> Result<Vec<Arc<Server<Node>>>> {
        match self {
            Self::One(server) => Ok(vec![Arc::clone(server)]),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(cluster) => cluster.masters(flavour).await,
        }
    }
}

/// Commands in parts that are not too heavy, unless a single one is.
fn parts(commands: Vec<Command>) -> Vec<Vec<Command>> {
    let (mut parts, mut part, mut weight) = (Vec::new(), Vec::new(), 0);
    for command in commands {
        weight += command.weight;
        if weight > HEAVIEST {
            weight = command.weight;
            parts.push(std::mem::take(&mut part));
        }
        part.push(command);
    }
    parts.push(part);
    parts
}

#[cfg(feature = "redis-cluster")]
fn by_slot(keys: &[&str]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for (place, key) in keys.iter().enumerate() {
        let slot = slot_of(key.as_bytes());
        let group = *known.entry(slot).or_insert_with(|| {
            groups.push(Group { slot, places: Vec::new() });
            groups.len() - 1
        });
        groups[group].places.push(place);
    }
    groups
}

//! Which server has an entry, and exchanges with all of them side by side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::keys::REGISTRY;
use super::protocol::{Exchange, Item};
use super::rendezvous::{chosen, fnv1a};
use super::replies::{Answer, Status};
use super::wire::MemcachedWire;
use crate::framed::{Epoch, Known, Registry};
use crate::net::{Flavour, Repeat, Server};
use crate::{Error, ErrorKind, Result, ServerHealth};

/// The servers of a cache.
#[derive(Debug)]
pub(super) struct Servers {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    server: Arc<Server<MemcachedWire>>,
    /// What sets its scores apart from those of others.
    seed: u64,
    known: Known,
    /// The number of what was found under the registry's name and is none; 0 where nothing was.
    foreign: AtomicU64,
}

/// One thing to ask a server: which of the servers, and about how many bytes the request has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) node: usize,
    pub(super) bytes: usize,
}

/// How much goes into one exchange; more is asked in further ones. A first thing may be larger.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) things: usize,
}

impl Limits {
    /// Where values come back.
    pub(super) const READING: Self = Self { bytes: 256 << 10, things: 2048 };
    /// Where only short answers come back.
    pub(super) const WRITING: Self = Self { bytes: 4 << 20, things: 1000 };
}

/// What came back for one thing.
#[derive(Debug)]
pub(super) struct Heard {
    /// One for each of its commands.
    pub(super) answers: Vec<Answer>,
    /// The server's registry as it was after them.
    pub(super) registry: Option<Arc<Registry>>,
}

/// What came back for all.
#[derive(Debug)]
pub(super) struct Round {
    /// In the order of what was asked; `None` where the server did not answer.
    pub(super) heard: Vec<Option<Heard>>,
    /// What the first of the servers that failed failed with.
    pub(super) failure: Option<Error>,
}

impl Round {
    /// What was heard, unless nobody answered: a server that does not costs only its own keys.
    ///
    /// # Errors
    ///
    /// When no server answered.
    pub(super) fn unless_all_failed(self) -> Result<Vec<Option<Heard>>> {
        match self.failure {
            Some(failure) if self.heard.iter().all(Option::is_none) => Err(failure),
            _ => Ok(self.heard),
        }
    }
}

/// The registry of a server, its number there, and whether there is anything under its name.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) registry: Option<Arc<Registry>>,
    /// 0 where nothing is.
    pub(super) cas: u64,
}

/// The epochs that entries are written in, by server, and the registries proposed to servers of which none is known.
/// Where another one turns out to be there, what was written under the proposed one is dead, and written again.
#[derive(Debug, Default)]
pub(super) struct Epochs(BTreeMap<usize, (Epoch, Option<Registry>)>);

impl Epochs {
    /// Of what only reads or deletes.
    pub(super) const NONE: Self = Self(BTreeMap::new());

    pub(super) fn of(&self, node: usize) -> Option<Epoch> {
        self.0.get(&node).map(|(epoch, _)| *epoch)
    }

    fn proposal(&self, node: usize) -> Option<&Registry> {
        self.0.get(&node).and_then(|(_, proposal)| proposal.as_ref())
    }
}

/// Stores a registry over what has this number, or where nothing is.
pub(super) fn propose(exchange: &mut Exchange, registry: &Registry, cas: u64) {
    let item = Item { name: REGISTRY, header: &[], payload: &registry.to_bytes(), expires: 0 };
    if cas == 0 {
        exchange.add(item);
    } else {
        exchange.set(item, cas);
    }
}

impl Servers {
    /// How each of them does.
    pub(super) fn health(&self) -> Vec<ServerHealth> {
        self.nodes.iter().map(|node| node.server.health()).collect()
    }

    pub(super) fn new(servers: Vec<Arc<Server<MemcachedWire>>>) -> Self {
        let node = |server: Arc<Server<MemcachedWire>>| {
            let seed = fnv1a(server.name().as_bytes());
            Node { server, seed, known: Known::default(), foreign: AtomicU64::new(0) }
        };
        Self { nodes: servers.into_iter().map(node).collect() }
    }

    /// The server that has what is called so, whether it answers or not: what was moved to another one meanwhile would
    /// be stale when it is back.
    pub(super) fn owner(&self, name: &str) -> usize {
        if self.nodes.len() == 1 {
            return 0;
        }
        chosen(self.nodes.iter().map(|node| node.seed), name)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// What is known of a server's registry.
    pub(super) fn known(&self, node: usize) -> Option<Arc<Registry>> {
        self.nodes[node].known.get()
    }

    /// Asks for all the things: one exchange with each server, all at once, and more of them only beyond the limits.
    /// `add` adds the commands of one thing. Before them all stand the registries that are proposed.
    pub(super) async fn each(
        &self,
        flavour: Flavour,
        repeat: Repeat,
        limits: Limits,
        asks: &[Ask],
        epochs: &Epochs,
        mut add: impl FnMut(usize, &mut Exchange) + Send,
    ) -> Round {
        let mut batches = self.batches(limits, asks);
        let mut heard: Vec<Option<Heard>> = asks.iter().map(|_| None).collect();
        let mut failure = None;
        for turn in 0.. {
            let (mut asked, mut exchanges) = (Vec::new(), Vec::new());
            for (node, batches) in batches.iter().enumerate() {
                let Some(batch) = batches.get(turn) else { continue };
                let mut exchange = Exchange::default();
                if let (0, Some(proposal)) = (turn, epochs.proposal(node)) {
                    propose(&mut exchange, proposal, self.nodes[node].foreign.load(Ordering::Relaxed));
                }
                let mut things = Vec::with_capacity(batch.len());
                for thing in batch {
                    let from = exchange.commands();
                    add(*thing, &mut exchange);
                    things.push((*thing, from..exchange.commands()));
                }
                asked.push((node, things));
                exchanges.push((node, exchange));
            }
            if exchanges.is_empty() {
                break;
            }
            for ((node, things), reply) in
                asked.into_iter().zip(self.exchange(flavour, repeat, exchanges).await)
            {
                match reply {
                    Ok((mut answers, found)) => {
                        for (thing, range) in things.into_iter().rev() {
                            let answers = answers.drain(range).collect();
                            heard[thing] = Some(Heard { answers, registry: found.registry.clone() });
                        }
                    }
                    Err(error) => {
                        // It is not asked for the rest.
                        batches[node].clear();
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        Round { heard, failure }
    }

    /// The things of each server, in as many exchanges as they need.
    fn batches(&self, limits: Limits, asks: &[Ask]) -> Vec<Vec<Vec<usize>>> {
        let mut batches: Vec<Vec<Vec<usize>>> = self.nodes.iter().map(|_| Vec::new()).collect();
        let mut bytes = vec![0; self.nodes.len()];
        for (thing, ask) in asks.iter().enumerate() {
            let (batches, bytes) = (&mut batches[ask.node], &mut bytes[ask.node]);
            let is_full =
                |batch: &Vec<usize>| *bytes + ask.bytes > limits.bytes || batch.len() >= limits.things;
            if batches.last().is_none_or(is_full) {
                batches.push(Vec::new());
                *bytes = 0;
            }
            *bytes += ask.bytes;
            if let Some(batch) = batches.last_mut() {
                batch.push(thing);
            }
        }
        batches
    }

    /// One exchange with each of some servers, in the order of their numbers; each ends with a look at the registry.
    pub(super) async fn exchange(
        &self,
        flavour: Flavour,
        repeat: Repeat,
        exchanges: Vec<(usize, Exchange)>,
    ) -> Vec<Result<(Vec<Answer>, Found)>> {
        let nodes: Vec<_> = exchanges.iter().map(|(node, _)| *node).collect();
        let calls = exchanges.into_iter().map(|(node, mut exchange)| {
            exchange.get(REGISTRY);
            (Arc::clone(&self.nodes[node].server), Arc::new(exchange))
        });
        let replies = Server::call_all(calls.collect(), flavour, repeat).await;
        nodes.into_iter().zip(replies).map(|(node, reply)| Ok(self.heard(node, reply?))).collect()
    }

    /// One exchange with one server, as in [`exchange`](Self::exchange).
    pub(super) async fn exchange_one(
        &self,
        flavour: Flavour,
        repeat: Repeat,
        node: usize,
        mut exchange: Exchange,
    ) -> Result<(Vec<Answer>, Found)> {
        exchange.get(REGISTRY);
        let answers = self.nodes[node].server.call(flavour, Arc::new(exchange), repeat).await?;
        Ok(self.heard(node, answers))
    }

    /// Takes the look at the registry from the answers.
    fn heard(&self, node: usize, mut answers: Vec<Answer>) -> (Vec<Answer>, Found) {
        let last = answers.pop().filter(|answer| answer.status == Status::Done);
        let registry = last.as_ref().and_then(|answer| Registry::parse(&answer.value));
        let (node, cas) = (&self.nodes[node], last.map_or(0, |answer| answer.cas));
        let foreign = if registry.is_none() { cas } else { 0 };
        if node.foreign.load(Ordering::Relaxed) != foreign {
            node.foreign.store(foreign, Ordering::Relaxed);
        }
        (answers, Found { registry: node.known.note(registry), cas })
    }

    /// The epochs to write in, on these servers.
    pub(super) fn epochs(&self, nodes: impl IntoIterator<Item = usize>) -> Epochs {
        let of = |node: usize| {
            let known = self.nodes[node].known.get().map(|registry| (registry.epoch(), None));
            let proposed = || {
                let proposal = Registry::fresh();
                (proposal.epoch(), Some(proposal))
            };
            (node, known.unwrap_or_else(proposed))
        };
        Epochs(nodes.into_iter().map(of).collect())
    }
}

/// How often something is tried that others may come between.
pub(super) const ATTEMPTS: usize = 64;

/// The error of an entry that others change whenever it is to be changed.
pub(super) fn contended() -> Error {
    let message = "others changed the entry each time it was to be changed; it is as they left it";
    Error::new(ErrorKind::Backend, message)
}

/// The error of a refusal.
pub(super) fn refusal(status: Status) -> Error {
    match status {
        Status::TooLarge => {
            Error::new(ErrorKind::NoSpace, "the value is larger than the server keeps; see its option -I")
        }
        Status::Full => Error::new(ErrorKind::NoSpace, "the server has no memory left for the value"),
        Status::Refused(code) => {
            Error::new(ErrorKind::Backend, format!("the server refused with status {code:#06x}"))
        }
        Status::Done | Status::Absent | Status::Present | Status::Unauthenticated => {
            Error::new(ErrorKind::Backend, "the server gave an answer that does not belong to the request")
        }
    }
}

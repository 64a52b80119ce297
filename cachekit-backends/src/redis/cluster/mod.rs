//! A cluster: every command goes to the master that has the slot of its key, all masters side by side.

mod slots;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use redis::{ServerErrorKind, Value};

pub(super) use self::slots::slot_of;
use self::slots::{Map, redirected};
use super::commands::{self, Command};
use super::login::Login;
use super::reply::granted;
use super::request::Request;
use super::route::Replies;
use super::tracking::Alarms;
use super::wire::{Node, Source};
use crate::net::{Address, Deadlines, Flavour, Repeat, Server, start};
use crate::sync::{Mutex, MutexExt as _, RwLock, RwLockExt as _};
use crate::{Error, ErrorKind, Result, ServerHealth};

/// How often a command is followed to where it is sent.
const REDIRECTIONS: usize = 4;
/// The slots are asked for at most this often, however many commands go astray.
const PAUSE: Duration = Duration::from_millis(100);

/// The nodes that are known, and which has what.
#[derive(Debug)]
pub(super) struct Cluster {
    seeds: Vec<Address>,
    login: Login,
    deadlines: Deadlines,
    pool: usize,
    nodes: DashMap<Address, Arc<Server<Node>>>,
    map: RwLock<Option<Arc<Map>>>,
    /// Whose turn it is to be asked for the slots.
    turn: AtomicUsize,
    /// Somebody is asking.
    asking: AtomicBool,
    /// When they were asked for last.
    asked: Mutex<Option<Instant>>,
    /// What is raised when keys may be elsewhere.
    pub(super) alarms: Alarms,
}

/// Where a command was sent to instead.
#[derive(Clone)]
enum Redirection {
    /// Its slot is there now.
    Moved(Address),
    /// Its slot is on the way there, and this key has arrived.
    Asked(Address),
}

/// What one node is asked in one exchange.
struct Batch {
    address: Address,
    commands: Vec<Command>,
    /// For each reply, whose it is; `None` for what only goes before another command.
    places: Vec<Option<usize>>,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, login: Login, deadlines: Deadlines, pool: usize) -> Arc<Self> {
        Arc::new(Self {
            seeds,
            login,
            deadlines,
            pool,
            nodes: DashMap::new(),
            map: RwLock::new(None),
            turn: AtomicUsize::new(0),
            asking: AtomicBool::new(false),
            asked: Mutex::new(None),
            alarms: Alarms::default(),
        })
    }

    /// Carries out commands, each on the node that has its slot.
    pub(super) async fn run(
        self: &Arc<Self>,
        flavour: Flavour,
        commands: Vec<Command>,
        repeat: Repeat,
    ) -> Replies {
        let (start, count) = (Instant::now(), commands.len());
        let mut replies = Replies { values: vec![None; count], failure: None };
        let map = match self.map(flavour).await {
            Ok(map) => map,
            Err(failure) => return Replies { failure: Some(failure), ..replies },
        };
        let mut pending: Vec<(usize, Option<Redirection>)> = (0..count).map(|place| (place, None)).collect();
        for _ in 0..=REDIRECTIONS {
            let batches = self.batches(&commands, &pending, &map, &mut replies);
            let calls = batches.iter().map(|batch| {
                let request = Request::new(&batch.commands);
                (self.node(&batch.address), request)
            });
            let outcomes = Server::call_all(calls.collect(), flavour, repeat).await;
            pending.clear();
            for (batch, outcome) in batches.into_iter().zip(outcomes) {
                match outcome {
                    Ok(values) => self.sort(&batch, values, &mut replies, &mut pending),
                    Err(failure) => {
                        self.ask_soon();
                        replies.failure.get_or_insert(failure);
                    }
                }
            }
            if pending.is_empty() || start.elapsed() >= self.deadlines.operation {
                break;
            }
            // What belongs together stays in order.
            pending.sort_by_key(|(place, _)| *place);
        }
        if !pending.is_empty() {
            let message = "the nodes of the cluster do not agree on where a key belongs";
            replies.failure.get_or_insert_with(|| Error::new(ErrorKind::Backend, message));
        }
        replies
    }

    /// What is to be asked whom.
    fn batches(
        self: &Arc<Self>,
        commands: &[Command],
        pending: &[(usize, Option<Redirection>)],
        map: &Map,
        replies: &mut Replies,
    ) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut known = HashMap::new();
        for (place, redirection) in pending {
            let command = &commands[*place];
            let address = match redirection {
                Some(Redirection::Moved(address) | Redirection::Asked(address)) => Some(address),
                None => map.owner(command.slot),
            };
            let Some(address) = address else {
                self.ask_soon();
                let message = "no node of the cluster has the slot of the key";
                replies.failure.get_or_insert_with(|| Error::new(ErrorKind::Backend, message));
                continue;
            };
            let batch = *known.entry(address.clone()).or_insert_with(|| {
                batches.push(Batch { address: address.clone(), commands: Vec::new(), places: Vec::new() });
                batches.len() - 1
            });
            let batch = &mut batches[batch];
            if let Some(Redirection::Asked(_)) = redirection {
                batch.commands.push(commands::asking());
                batch.places.push(None);
            }
            batch.commands.push(command.clone());
            batch.places.push(Some(*place));
        }
        batches
    }

    /// Keeps what was answered, and what was sent elsewhere.
    fn sort(
        self: &Arc<Self>,
        batch: &Batch,
        values: Vec<Value>,
        replies: &mut Replies,
        pending: &mut Vec<(usize, Option<Redirection>)>,
    ) {
        for (place, value) in batch.places.iter().zip(values) {
            let Some(place) = *place else { continue };
            let Value::ServerError(refusal) = &value else {
                replies.values[place] = Some(value);
                continue;
            };
            let elsewhere = || redirected(refusal.details().unwrap_or_default(), &batch.address);
            let redirection = match refusal.kind() {
                Some(ServerErrorKind::Moved) => {
                    self.ask_soon();
                    elsewhere().map(Redirection::Moved)
                }
                Some(ServerErrorKind::Ask) => elsewhere().map(Redirection::Asked),
                Some(ServerErrorKind::ClusterDown) => {
                    self.ask_soon();
                    None
                }
                _ => None,
            };
            if redirection.is_some() {
                // Before it is followed: what is read there is not told of here.
                self.alarms.raise();
            }
            match redirection {
                Some(redirection) => pending.push((place, Some(redirection))),
                None => replies.values[place] = Some(value),
            }
        }
    }

    /// How the nodes do that were asked so far.
    pub(super) fn health(&self) -> Vec<ServerHealth> {
        let mut health: Vec<_> = self.nodes.iter().map(|node| node.health()).collect();
        health.sort_by(|a, b| a.server.cmp(&b.server));
        health
    }

    /// The masters that have slots.
    pub(super) async fn masters(self: &Arc<Self>, flavour: Flavour) -> Result<Vec<Arc<Server<Node>>>> {
        // Whoever wants all of them wants those of now.
        let map = self.ask(flavour).await?;
        Ok(map.masters().iter().map(|address| self.node(address)).collect())
    }

    async fn map(self: &Arc<Self>, flavour: Flavour) -> Result<Arc<Map>> {
        let known = self.map.reading().clone();
        match known {
            Some(map) => Ok(map),
            None => self.ask(flavour).await,
        }
    }

    /// The server at an address: one for as long as the cluster speaks of it.
    fn node(&self, address: &Address) -> Arc<Server<Node>> {
        if let Some(node) = self.nodes.get(address) {
            return Arc::clone(&node);
        }
        let make = || {
            let source = Source::Address(address.clone());
            let node = Node { source, login: self.login.clone() };
            Server::new(node, address.to_string(), self.deadlines, self.pool)
        };
        Arc::clone(&self.nodes.entry(address.clone()).or_insert_with(make))
    }

    /// Asks one node after the other for the slots, for no longer than connecting and an operation take.
    async fn ask(&self, flavour: Flavour) -> Result<Arc<Map>> {
        let start = Instant::now();
        let mut candidates: Vec<Address> =
            self.map.reading().iter().flat_map(|map| map.masters().to_vec()).collect();
        let others: Vec<Address> =
            self.seeds.iter().filter(|seed| !candidates.contains(seed)).cloned().collect();
        candidates.extend(others);
        let mut failure = None;
        // Whoever asks next begins with another one.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % candidates.len();
        candidates.rotate_left(turn);
        for candidate in &candidates {
            match self.ask_node(candidate, flavour).await {
                Ok(map) => return Ok(map),
                Err(error) => failure = Some(error),
            }
            if start.elapsed() >= self.deadlines.connect {
                break;
            }
        }
        let error = Error::new(ErrorKind::Backend, "no node of the cluster says which node has which keys");
        Err(match failure {
            Some(failure) => error.with_source(failure),
            None => error,
        })
    }

    async fn ask_node(&self, address: &Address, flavour: Flavour) -> Result<Arc<Map>> {
        let request = Request::one(commands::cluster_slots());
        let replies = self.node(address).call(flavour, request, Repeat::Yes).await?;
        let reply = replies.into_iter().next().map(granted).transpose()?;
        let map = reply.and_then(|reply| Map::read(&reply, address)).map(Arc::new).ok_or_else(|| {
            Error::new(ErrorKind::Backend, "the node has no slots")
                .with_context("server", address.to_string())
        })?;
        let before = self.map.writing().replace(Arc::clone(&map));
        if before.is_some_and(|before| !before.agrees(&map)) {
            self.alarms.raise();
        }
        // What the cluster does not speak of any more is let go.
        self.nodes.retain(|address, _| map.masters().contains(address) || self.seeds.contains(address));
        Ok(map)
    }

    /// Asks for the slots in the background: whoever noticed that they changed goes on with what it was told.
    fn ask_soon(self: &Arc<Self>) {
        if self.asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let is_recent = {
            let mut asked = self.asked.locked();
            let is_recent = asked.is_some_and(|asked| asked.elapsed() < PAUSE);
            if !is_recent {
                *asked = Some(Instant::now());
            }
            is_recent
        };
        let cluster = Arc::clone(self);
        let ask = async move {
            if let Err(error) = cluster.ask(Flavour::Async).await {
                log::debug!("the slots of the cluster stay as they were: {error:#}");
            }
            cluster.asking.store(false, Ordering::Release);
            Ok(())
        };
        if is_recent || start(ask).map(drop).is_err() {
            self.asking.store(false, Ordering::Release);
        }
    }
}

//! Flights: one computation in progress for a key, and those who wait for it.
//!
//! The first caller of a missing key leads; those who come while it computes follow, and get its result. A leader that
//! fails, panics or is dropped hands over to one of them; after two failures in a row all compute for themselves, so
//! that many callers of a failing function do not queue up. Followers wait no longer than their patience. A follower
//! whose wait could never end, because the leader (in)directly waits for it, computes inline. A leader that computes
//! behind its caller, who has been given an old value, tells those who come to look for an old value themselves before
//! they wait.
//!
//! A leader reads before it computes. What it finds is for those who joined before it began to; for those who joined later
//! it may be too old, and they get it only once it is verified.
//!
//! No lock is held while anybody computes or waits.

mod follower;
#[cfg(all(test, shuttle))]
mod model;
pub(crate) mod waits;
mod watch;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Instant;

use cachekit_backends::{Fence, OwnedKey, Ticket};

pub(crate) use self::follower::Follower;
pub(crate) use self::waits::Leadership;
use crate::sync::{Condvar, Mutex, MutexExt as _};

/// Failures in a row after which those who wait compute for themselves.
const FAILURES: u32 = 2;

/// The computations in progress of one store.
#[derive(Debug)]
pub(crate) struct Flights<S> {
    /// By the hash of the key, so that different keys seldom wait for each other.
    flying: [Lane<S>; LANES],
    /// Those that tasks wait for whose patience a [`watch`] sees to.
    watched: Mutex<Vec<Weak<Flight<S>>>>,
    /// How many leaders more are to expect followers.
    company: AtomicUsize,
}

const LANES: usize = 8;
/// After one had a follower, so many leaders expect some.
const COMPANY: usize = 64;

/// A part of the flights. On a line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Lane<S>(Mutex<Flying<S>>);

type Flying<S> = HashMap<OwnedKey, Arc<Flight<S>>, Hashed>;

impl<S> Default for Flights<S> {
    fn default() -> Self {
        Self {
            flying: std::array::from_fn(|_| Lane(Mutex::default())),
            watched: Mutex::default(),
            company: AtomicUsize::new(0),
        }
    }
}

/// Keys bring their hash, which is seeded.
type Hashed = BuildHasherDefault<KeyHash>;

#[derive(Debug, Default)]
struct KeyHash(u64);

impl Hasher for KeyHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // What a key writes is one integer; anything else still makes a hash.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[derive(Debug)]
struct Flight<S> {
    /// What the call can be forgotten by.
    tags: Box<[u64]>,
    state: Mutex<State<S>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<S> {
    phase: Phase<S>,
    failures: u32,
    followers: usize,
    /// Those of them that block a thread.
    blocked: usize,
    wakers: Vec<Waiting>,
    is_watched: bool,
    /// How many have followed so far.
    joined: usize,
    /// How many of them had before the leader began to read.
    departed: usize,
    arrived: Option<Arrived<S>>,
}

/// What a leader read.
#[derive(Debug)]
struct Arrived<S> {
    birth: Ticket,
    /// For those who joined before it was read.
    last: usize,
    value: S,
}

/// A task that waits.
#[derive(Debug)]
struct Waiting {
    /// Its number among those who joined.
    number: usize,
    waker: Waker,
    /// When it loses patience.
    until: Instant,
}

#[derive(Debug)]
enum Phase<S> {
    /// Somebody computes.
    Running { birth: Ticket, leadership: u64, behind: bool },
    /// The leader is gone; whoever joins next leads.
    Vacant,
    /// The result; `None` is the result that is shared but not stored.
    Landed { birth: Ticket, value: Option<S> },
    /// It failed too often: each for itself.
    Open,
}

/// What a caller of a key is to do.
#[derive(Debug)]
pub(crate) enum Role<S> {
    /// Compute, and hand the result to those who follow.
    Lead(Leader<S>),
    /// Wait for the leader.
    Follow(Follower<S>),
    /// Compute alone and store nothing.
    Alone,
}

/// What following led to.
#[derive(Debug)]
pub(crate) enum Outcome<S> {
    /// The leader's result.
    Landed(Option<S>),
    /// Join again: the leader is gone, or its result was invalidated.
    Again,
    /// The leader computes behind its caller: there may be an old value that is good enough.
    Aside,
    /// Compute alone and store nothing.
    Alone,
}

impl<S: Clone> Flights<S> {
    /// Joins the flight of a key, or starts one.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: &OwnedKey,
        instance: Option<u64>,
        tags: &[u64],
        fence: &Fence,
    ) -> Role<S> {
        self.join_for(key, instance, tags, fence, None)
    }

    /// As [`join`](Self::join), by a computation of several keys, which leads each of them under its own number.
    pub(crate) fn join_for(
        self: &Arc<Self>,
        key: &OwnedKey,
        instance: Option<u64>,
        tags: &[u64],
        fence: &Fence,
        several: Option<&Leadership>,
    ) -> Role<S> {
        let mut flying = self.lane(key).locked();
        if let Some(flight) = flying.get(key) {
            let flight = Arc::clone(flight);
            let mut state = flight.state.locked();
            match &state.phase {
                Phase::Running { birth, leadership, .. }
                    if fence.is_current(birth, key.hash(), &flight.tags) =>
                {
                    let Some(wait) = waits::begin(*leadership) else { return Role::Alone };
                    state.followers += 1;
                    state.joined += 1;
                    let number = state.joined;
                    drop(state);
                    self.company.store(COMPANY, Ordering::Relaxed);
                    return Role::Follow(Follower {
                        flights: Arc::clone(self),
                        key: key.clone(),
                        flight,
                        number,
                        _wait: wait,
                    });
                }
                Phase::Vacant => {
                    let leader = Leader::new(self, key, &flight, instance, fence, several);
                    state.phase = leader.running();
                    drop(state);
                    return Role::Lead(leader);
                }
                // Invalidated since it began, or about to be taken off the list: it is no concern of this caller.
                _ => {}
            }
        }
        let flight = Arc::new(Flight {
            tags: tags.into(),
            state: Mutex::new(State {
                phase: Phase::Vacant,
                failures: 0,
                followers: 0,
                blocked: 0,
                wakers: Vec::new(),
                is_watched: false,
                joined: 0,
                departed: 0,
                arrived: None,
            }),
            changed: Condvar::new(),
        });
        let leader = Leader::new(self, key, &flight, instance, fence, several);
        flight.state.locked().phase = leader.running();
        flying.insert(key.clone(), flight);
        Role::Lead(leader)
    }

    /// The number of computations in progress.
    #[cfg(all(test, shuttle))]
    pub(crate) fn len(&self) -> usize {
        self.flying.iter().map(|lane| lane.0.locked().len()).sum()
    }
}

impl<S> Flights<S> {
    fn lane(&self, key: &OwnedKey) -> &Mutex<Flying<S>> {
        // Not the bits that the map itself begins with.
        &self.flying[(key.hash() >> 40) as usize % LANES].0
    }

    fn remove(&self, key: &OwnedKey, flight: &Arc<Flight<S>>) {
        let mut flying = self.lane(key).locked();
        if flying.get(key).is_some_and(|listed| Arc::ptr_eq(listed, flight)) {
            flying.remove(key);
        }
    }
}

impl<S> Flight<S> {
    fn change(&self, change: impl FnOnce(&mut State<S>)) {
        let (wakers, is_blocking) = {
            let mut state = self.state.locked();
            change(&mut state);
            (std::mem::take(&mut state.wakers), state.blocked > 0)
        };
        self.wake(wakers, is_blocking);
    }

    fn wake(&self, wakers: Vec<Waiting>, is_blocking: bool) {
        // A system call, which a flight on which no thread waits can do without.
        if is_blocking {
            self.changed.notify_all();
        }
        for waiting in wakers {
            waiting.waker.wake();
        }
    }
}

/// The one who computes. Dropped without a result, it hands over.
#[derive(Debug)]
pub(crate) struct Leader<S> {
    flights: Arc<Flights<S>>,
    key: OwnedKey,
    flight: Arc<Flight<S>>,
    birth: Ticket,
    leadership: Leadership,
    closed: AtomicBool,
    done: bool,
}

impl<S> Leader<S> {
    fn new(
        flights: &Arc<Flights<S>>,
        key: &OwnedKey,
        flight: &Arc<Flight<S>>,
        instance: Option<u64>,
        fence: &Fence,
        several: Option<&Leadership>,
    ) -> Self {
        Self {
            flights: Arc::clone(flights),
            key: key.clone(),
            flight: Arc::clone(flight),
            birth: fence.begin(instance),
            leadership: several.map_or_else(Leadership::new, Leadership::clone),
            closed: AtomicBool::new(false),
            done: false,
        }
    }

    fn running(&self) -> Phase<S> {
        Phase::Running { birth: self.birth, leadership: self.leadership.id(), behind: false }
    }

    /// Says that the leader's own caller does not wait for it, so that the others look for an old value first.
    pub(crate) fn go_behind(&self) {
        self.flight.change(|state| {
            if let Phase::Running { behind, .. } = &mut state.phase {
                *behind = true;
            }
        });
    }

    /// When the computation was born.
    pub(crate) fn birth(&self) -> Ticket {
        self.birth
    }

    /// What marks the body's stack while it runs.
    pub(crate) fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// Takes the flight off the list, so that nobody joins it any more; says whether anybody did.
    pub(crate) fn close(&self) -> bool {
        if !self.closed.swap(true, Ordering::Relaxed) {
            self.flights.remove(&self.key, &self.flight);
        }
        self.flight.state.locked().followers > 0
    }

    /// Says that there is no result to share.
    pub(crate) fn fail(mut self) {
        self.give_up(true);
    }

    fn give_up(&mut self, failed: bool) {
        self.done = true;
        // The list is locked first, as in `join`, so that nobody joins between the check and the removal.
        let mut flying = self.flights.lane(&self.key).locked();
        self.flight.change(|state| {
            state.failures += u32::from(failed);
            let open = state.failures >= FAILURES;
            if (open || state.followers == 0)
                && flying.get(&self.key).is_some_and(|listed| Arc::ptr_eq(listed, &self.flight))
            {
                flying.remove(&self.key);
            }
            state.phase = if open { Phase::Open } else { Phase::Vacant };
        });
    }
}

impl<S: Clone> Leader<S> {
    /// Whether others are likely to join soon, as they lately did with other leaders.
    pub(crate) fn expects_company(&self) -> bool {
        let left = self.flights.company.load(Ordering::Relaxed);
        // However many count at the same time.
        self.flights.company.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }

    /// Says that it begins to read: who joins from now on may know of changes that it does not read.
    pub(crate) fn depart(&self) {
        let mut state = self.flight.state.locked();
        state.departed = state.joined;
    }

    /// Gives those who joined before [`depart`](Self::depart) what was read; says whether there are others.
    pub(crate) fn arrive(&self, value: S) -> bool {
        let mut early = Vec::new();
        let (are_all, is_blocking) = {
            let mut state = self.flight.state.locked();
            let last = state.departed;
            state.arrived = Some(Arrived { birth: self.birth, last, value });
            early.extend(state.wakers.extract_if(.., |waiting| waiting.number <= last));
            (last == state.joined, last > 0 && state.blocked > 0)
        };
        self.flight.wake(early, is_blocking);
        !are_all
    }

    /// Gives those who follow the result; `None` is the one that is shared but not stored.
    pub(crate) fn land(mut self, value: Option<S>) {
        self.done = true;
        self.close();
        let birth = self.birth;
        self.flight.change(|state| state.phase = Phase::Landed { birth, value });
    }
}

impl<S> Drop for Leader<S> {
    fn drop(&mut self) {
        if !self.done {
            self.give_up(std::thread::panicking());
        }
    }
}

//! What keeps an invalidated value from coming back: births, floors and epochs.
//!
//! Time on a fence is a counter of invalidations. A computation is born at the count it starts at. An invalidation
//! raises the floor of what it names above every birth so far; what was born below its floor is dead, whether it is
//! stored already or still being computed. Entries are checked against the floors once per `epoch`, so that a read
//! costs one compare while nothing is invalidated.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::entry::Entry;
use super::key::OwnedKey;
use crate::sync::{AtomicU64, Mutex, MutexExt as _, Ordering, RwLock, RwLockExt as _};

/// Floors kept before it is worth a walk through the table to settle them.
const FEW: usize = 1024;

/// What is to be forgotten.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Everything in the table.
    All,
    /// Everything that belongs to one receiver.
    Instance(u64),
    /// One key.
    Key(&'a OwnedKey),
    /// No stored entry, but every computation in progress: one of them may be of a key that nobody can name.
    Running,
}

/// What tells a computation whether it was invalidated since it began.
#[derive(Default)]
pub struct Fence {
    /// Invalidations so far: the time of births and floors.
    now: AtomicU64,
    /// Changes whenever stored entries may have died.
    epoch: AtomicU64,
    /// The floor of everything.
    all: AtomicU64,
    /// The floor of computations; what is stored does not ask.
    computations: AtomicU64,
    /// The floors of receivers.
    instances: RwLock<HashMap<u64, u64>>,
    running: Mutex<Running>,
}

/// What only computations in progress need.
#[derive(Default)]
struct Running {
    /// How many computations were born at each time.
    births: BTreeMap<u64, usize>,
    /// The floors of single keys, by hash. The entry itself is removed, so only computations ask.
    keys: HashMap<u64, u64>,
    /// Floors of receivers that had to stay when they were last settled.
    settled: usize,
}

/// When a computation in progress was born, and the receiver it belongs to.
#[derive(Debug)]
pub struct Ticket {
    birth: u64,
    instance: u64,
}

impl Fence {
    /// Begins a computation: what is invalidated from now on, [`is_current`](Self::is_current) will tell. `instance`
    /// is the identity of the receiver it belongs to. Must be followed by [`end`](Self::end).
    #[must_use]
    pub fn begin(&self, instance: Option<u64>) -> Ticket {
        let mut running = self.running.locked();
        let birth = self.now.load(Ordering::SeqCst);
        *running.births.entry(birth).or_default() += 1;
        Ticket { birth, instance: instance.unwrap_or(0) }
    }

    /// The ticket of a value that was not computed but is there now.
    pub(super) fn fresh(&self) -> Ticket {
        Ticket { birth: self.now.load(Ordering::SeqCst), instance: 0 }
    }

    /// Ends a computation.
    pub fn end(&self, ticket: &Ticket) {
        let mut running = self.running.locked();
        if let Some(count) = running.births.get_mut(&ticket.birth) {
            *count -= 1;
            if *count == 0 {
                running.births.remove(&ticket.birth);
            }
        }
    }

    /// Whether nothing that concerns this computation of the key with this hash was invalidated since it began.
    pub fn is_current(&self, ticket: &Ticket, key: u64) -> bool {
        let floor = self.running.locked().keys.get(&key).copied();
        floor.is_none_or(|floor| ticket.birth >= floor)
            && ticket.birth >= self.computations.load(Ordering::SeqCst)
            && self.is_above(ticket.birth, ticket.instance)
    }

    /// Invalidates the computations that concern the target, for a fence without a table.
    pub fn raise(&self, target: &Target<'_>) {
        if self.raise_in(target, 0) {
            self.settle();
        }
    }

    /// Raises the floor of the target; says whether so many floors are kept that the table should be walked.
    pub(super) fn raise_in(&self, target: &Target<'_>, entries: usize) -> bool {
        let mut running = self.running.locked();
        // Floors are visible before the time that asks for them: whoever is born between the two stores is taken
        // for older than it is, which costs a miss.
        let floor = self.now.load(Ordering::SeqCst) + 1;
        let mut crowded = false;
        match target {
            Target::All => self.all.store(floor, Ordering::SeqCst),
            Target::Running => self.computations.store(floor, Ordering::SeqCst),
            Target::Instance(instance) => {
                let mut instances = self.instances.writing();
                instances.insert(*instance, floor);
                crowded = instances.len() > FEW.max(entries / 8) + 2 * running.settled;
            }
            Target::Key(key) => {
                let oldest = running.births.keys().next().copied();
                running.keys.retain(|_, floor| oldest.is_some_and(|birth| birth < *floor));
                if oldest.is_some() {
                    running.keys.insert(key.hash(), floor);
                }
            }
        }
        self.now.store(floor, Ordering::SeqCst);
        if matches!(target, Target::All | Target::Instance(_)) {
            self.epoch.fetch_add(1, Ordering::SeqCst);
        }
        crowded
    }

    /// Drops the floors of receivers that no computation can be below any more. The table has been rid of the entries
    /// below them.
    pub(super) fn settle(&self) {
        let mut running = self.running.locked();
        let oldest = running.births.keys().next().copied().unwrap_or(u64::MAX);
        let mut instances = self.instances.writing();
        instances.retain(|_, floor| oldest < *floor);
        running.settled = instances.len();
    }

    /// Whether a stored entry is still valid.
    #[inline]
    pub(super) fn admits<V>(&self, entry: &Entry<V>) -> bool {
        let epoch = self.epoch.load(Ordering::Acquire);
        if entry.checked.load(Ordering::Relaxed) == epoch {
            return true;
        }
        let valid = self.is_above(entry.birth, entry.instance);
        if valid {
            entry.checked.store(epoch, Ordering::Relaxed);
        }
        valid
    }

    #[cold]
    fn is_above(&self, birth: u64, instance: u64) -> bool {
        birth >= self.all.load(Ordering::SeqCst)
            && (instance == 0 || self.instances.reading().get(&instance).is_none_or(|floor| birth >= *floor))
    }
}

impl Ticket {
    pub(super) fn birth(&self) -> u64 {
        self.birth
    }

    pub(super) fn instance(&self) -> u64 {
        self.instance
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence").field("invalidations", &self.now).finish_non_exhaustive()
    }
}

//! What keeps an invalidated value from coming back: births, floors and epochs.
//!
//! Time on a fence is a counter of invalidations. A computation is born at the count it starts at. An invalidation
//! raises the floor of what it names above every birth so far; what was born below its floor is dead, whether it is
//! stored already or still being computed. Entries are checked against the floors once per `epoch`, so that a read
//! costs one compare while nothing is invalidated.

use std::collections::HashMap;
use std::fmt;

use super::entry::{EPOCH, Ref};
use super::key::OwnedKey;
use super::reclaim::thread_number;
use crate::sync::{AtomicU64, Mutex, MutexExt as _, Ordering, RwLock, RwLockExt as _};

/// Floors kept before it is worth a walk through the table to settle them.
const FEW: usize = 1024;

/// What is to be forgotten.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Everything in the table.
    All,
    /// Everything that belongs to one receiver, or has one tag.
    Owner(u64),
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
    /// Changes whenever stored entries may have died, by steps of [`EPOCH`].
    epoch: AtomicU64,
    /// The floor of everything.
    all: AtomicU64,
    /// The epoch that began with it: what was checked before is dead.
    all_epoch: AtomicU64,
    /// The floor of computations; what is stored does not ask.
    computations: AtomicU64,
    /// The floors of receivers and tags.
    owners: RwLock<HashMap<u64, Floor>>,
    /// How many floors of single keys there are, so that nobody takes the lock for none.
    key_floors: AtomicU64,
    raising: Mutex<Raising>,
    /// The computations in progress. Threads use different lanes, so that they do not wait for each other.
    lanes: [Lane; LANES],
}

const LANES: usize = 8;

/// How many computations were born at each time, the oldest first. Few, as all are of now. On a line of its own.
#[derive(Default)]
#[repr(align(64))]
struct Lane(Mutex<Vec<(u64, usize)>>);

/// When something was invalidated.
#[derive(Clone, Copy)]
struct Floor {
    /// For computations: by the time on the fence.
    birth: u64,
    /// For what is stored: by the epoch that began then.
    epoch: u64,
}

/// What only those need who invalidate, one at a time.
#[derive(Default)]
struct Raising {
    /// The floors of single keys, by hash. The entry itself is removed, so only computations ask.
    keys: HashMap<u64, u64>,
    /// Floors of receivers and tags that had to stay when they were last settled.
    settled: usize,
}

/// When a computation in progress was born, and the receiver it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    birth: u64,
    instance: u64,
    lane: usize,
}

impl Fence {
    /// Begins a computation: what is invalidated from now on, [`is_current`](Self::is_current) will tell. `instance`
    /// is the identity of the receiver it belongs to. Must be followed by [`end`](Self::end).
    #[must_use]
    pub fn begin(&self, instance: Option<u64>) -> Ticket {
        let lane = thread_number().unwrap_or(0) % LANES;
        let mut births = self.lanes[lane].0.locked();
        let birth = self.now.load(Ordering::SeqCst);
        match births.last_mut() {
            Some((last, count)) if *last == birth => *count += 1,
            _ => births.push((birth, 1)),
        }
        Ticket { birth, instance: instance.unwrap_or(0), lane }
    }

    /// Ends a computation.
    pub fn end(&self, ticket: &Ticket) {
        let mut births = self.lanes[ticket.lane].0.locked();
        if let Ok(index) = births.binary_search_by_key(&ticket.birth, |(birth, _)| *birth) {
            births[index].1 -= 1;
            if births[index].1 == 0 {
                births.remove(index);
            }
        }
    }

    /// The oldest birth of a computation in progress. Whoever is not seen here has read nothing yet.
    fn oldest(&self) -> Option<u64> {
        self.lanes.iter().filter_map(|lane| lane.0.locked().first().map(|(birth, _)| *birth)).min()
    }

    /// Whether nothing that concerns this computation of the key with this hash, under these tags, was invalidated
    /// since it began.
    pub fn is_current(&self, ticket: &Ticket, key: u64, tags: &[u64]) -> bool {
        let no_floor = self.key_floors.load(Ordering::SeqCst) == 0;
        (no_floor || self.raising.locked().keys.get(&key).is_none_or(|floor| ticket.birth >= *floor))
            && ticket.birth >= self.computations.load(Ordering::SeqCst)
            && ticket.birth >= self.all.load(Ordering::SeqCst)
            && self.is_above_owners(ticket, tags)
    }

    /// Invalidates the computations that concern the target, for a fence without a table.
    pub fn raise(&self, target: &Target<'_>) {
        if self.raise_in(target, 0) {
            self.settle();
        }
    }

    /// Raises the floor of the target; says whether so many floors are kept that the table should be walked.
    pub(super) fn raise_in(&self, target: &Target<'_>, entries: usize) -> bool {
        let mut raising = self.raising.locked();
        // Floors are visible before the time that asks for them: whoever is born between the two stores is taken
        // for older than it is, which costs a miss.
        let floor = self.now.load(Ordering::SeqCst) + 1;
        let epoch = self.epoch.load(Ordering::SeqCst) + EPOCH;
        let mut crowded = false;
        match target {
            Target::All => {
                self.all.store(floor, Ordering::SeqCst);
                self.all_epoch.store(epoch, Ordering::SeqCst);
            }
            Target::Running => self.computations.store(floor, Ordering::SeqCst),
            Target::Owner(owner) => {
                let mut owners = self.owners.writing();
                owners.insert(*owner, Floor { birth: floor, epoch });
                crowded = owners.len() > FEW.max(entries / 8) + 2 * raising.settled;
            }
            Target::Key(key) => {
                let oldest = self.oldest();
                raising.keys.retain(|_, floor| oldest.is_some_and(|birth| birth < *floor));
                if oldest.is_some() {
                    raising.keys.insert(key.hash(), floor);
                }
                self.key_floors.store(raising.keys.len() as u64, Ordering::SeqCst);
            }
        }
        self.now.store(floor, Ordering::SeqCst);
        if matches!(target, Target::All | Target::Owner(_)) {
            self.epoch.store(epoch, Ordering::SeqCst);
        }
        crowded
    }

    /// Drops the floors of receivers and tags that no computation can be below any more. The table has been rid of the entries
    /// below them.
    pub(super) fn settle(&self) {
        let mut raising = self.raising.locked();
        let oldest = self.oldest().unwrap_or(u64::MAX);
        let mut owners = self.owners.writing();
        owners.retain(|_, floor| oldest < floor.birth);
        raising.settled = owners.len();
    }

    /// The epoch at which what is stored now is valid.
    #[inline]
    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// What holds the [`epoch`](Self::epoch).
    pub(super) fn epoch_cell(&self) -> &AtomicU64 {
        &self.epoch
    }

    /// Whether a stored entry that was not checked at this epoch is still valid.
    #[cold]
    pub(super) fn admits(&self, entry: Ref<'_>, epoch: u64) -> bool {
        let checked = entry.epoch();
        let mut owners = entry.owners().peekable();
        let valid = checked >= self.all_epoch.load(Ordering::SeqCst)
            && (owners.peek().is_none() || {
                let floors = self.owners.reading();
                owners.all(|owner| floors.get(&owner).is_none_or(|floor| checked >= floor.epoch))
            });
        if valid {
            entry.check(epoch);
        }
        valid
    }

    /// Whether none of those that such a computation belongs to was invalidated since it was born.
    fn is_above_owners(&self, ticket: &Ticket, tags: &[u64]) -> bool {
        if ticket.instance == 0 && tags.is_empty() {
            return true;
        }
        let floors = self.owners.reading();
        let mut owners = tags.iter().chain((ticket.instance != 0).then_some(&ticket.instance));
        owners.all(|owner| floors.get(owner).is_none_or(|floor| ticket.birth >= floor.birth))
    }
}

impl Ticket {
    /// The receiver that the computation belongs to.
    pub(super) fn receiver(&self) -> Option<u64> {
        (self.instance != 0).then_some(self.instance)
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence").field("invalidations", &self.now).finish_non_exhaustive()
    }
}

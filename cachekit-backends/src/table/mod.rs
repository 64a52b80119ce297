//! `Table<V>`: typed values in this process, read without a lock, bounded, with lifetimes and invalidation.
//!
//! Reads are lock-free: a read pins its thread, probes an array of pointers, compares the key's stream in place and
//! clones the value. It writes no shared memory, except an entry's use count until that is saturated. Writers take the
//! lock of one shard. What a writer takes out is dropped *after* the lock is released, so that no code of a value (its
//! `Drop`) ever runs under a lock of ours.

mod barrier;
mod entry;
mod fence;
mod front;
mod key;
mod life;
mod look;
#[cfg(all(test, shuttle))]
mod model;
mod policy;
mod readers;
mod reclaim;
mod shard;
mod slots;

use std::fmt;
use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

pub use self::fence::{Fence, Target, Ticket};
pub use self::front::{AtOnce, Front};
pub use self::key::{KeyStream, OwnedKey, Seed};
pub use self::life::{Age, Lifetimes, State};
pub use self::look::{Found, Ties};
pub use self::reclaim::{hinder, thread_number};

use self::entry::Ref;
use self::readers::Guard;
use self::reclaim::{Limbo, pin};
use self::shard::{Lived, Retired, Shard};
use self::slots::Head;
use crate::sync::{Mutex, MutexExt as _};
use crate::{Clock, Moment};

/// Entries of a shard, about: few enough to be moved to a larger array in a moment.
const PER_SHARD: usize = 4096;
const MAX_SHARDS: usize = 4096;
/// Writes in a shard after which another one is swept too, in which perhaps nobody writes.
const TURN: usize = 16;
/// Entries that are worth a thread of their own to free them.
const MANY: usize = 8192;

/// How a [`Table`] is built.
#[derive(Clone, Debug)]
pub struct TableConfig {
    /// The most entries the table holds; at least one.
    pub capacity: usize,
    /// The clock its lifetimes follow.
    pub clock: Clock,
}

/// What a change under a key's lock decides; see [`Table::update`].
#[derive(Debug)]
pub(crate) enum Change<V> {
    Keep,
    Put(V, Moment),
}

/// Typed values under streamed keys, in this process.
///
/// ```
/// use cachekit_backends::{Clock, OwnedKey, Table, TableConfig};
///
/// let table = Table::new(TableConfig { capacity: 100, clock: Clock::SYSTEM });
/// table.insert(&OwnedKey::of(&"answer"), 42, None);
/// assert_eq!(table.get(&"answer"), Some(42));
/// ```
pub struct Table<V: Send + Sync + 'static> {
    shards: Box<[Shard<V>]>,
    /// What readers need of each shard, close together.
    heads: Box<[Head<V>]>,
    /// One less than the number of shards.
    mask: usize,
    seed: Seed,
    /// What ends after this has not come yet; see [`Clock::horizon`].
    horizon: &'static AtomicU64,
    clock: Clock,
    fence: Fence,
    capacity: usize,
    /// How many entries more there may be. Less than zero while a shard that had nothing to evict has overdrawn it.
    room: AtomicIsize,
    /// The shard that is swept next besides the one that is written.
    turn: AtomicUsize,
    /// What was in the table when it was last cleared.
    cleared: Mutex<Limbo<Retired<V>>>,
}

impl<V: Send + Sync + 'static> Table<V> {
    /// An empty table.
    pub fn new(config: TableConfig) -> Self {
        let capacity = config.capacity.max(1);
        let shards = capacity.div_ceil(PER_SHARD).next_power_of_two().min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard::new(capacity.div_ceil(shards))).collect(),
            heads: (0..shards).map(|_| Shard::head()).collect(),
            mask: shards - 1,
            seed: Seed::of_this_process().clone(),
            horizon: config.clock.horizon(),
            clock: config.clock,
            fence: Fence::default(),
            capacity,
            room: AtomicIsize::new(isize::try_from(capacity).unwrap_or(isize::MAX)),
            turn: AtomicUsize::new(0),
            cleared: Mutex::default(),
        }
    }

    /// The live value under the key, if there is one. Allocates nothing itself.
    #[inline]
    pub fn get<K: KeyStream + ?Sized>(&self, key: &K) -> Option<V>
    where
        V: Clone,
    {
        self.read(key, V::clone)
    }

    /// What a hit needs of it.
    #[doc(hidden)]
    pub fn front(&'static self) -> Front<V> {
        Front::of(self)
    }

    /// Whether a live value is under an encoded key. Runs no code of the value.
    pub fn contains(&self, key: &OwnedKey) -> bool {
        let reader = pin();
        self.find_owned(key, &reader).is_some_and(|entry| self.is_live(entry))
    }

    /// What `read` makes of the live value under the key, if there is one.
    #[inline]
    pub fn read<K: KeyStream + ?Sized, R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        let reader = pin();
        let entry = self.find(key, &reader)?;
        self.is_live(entry).then(|| read(entry.value()))
    }

    /// The entry under a key, alive or not, while the reader reads.
    #[inline]
    fn find<'g, K: KeyStream + ?Sized>(&'g self, key: &K, reader: &'g Guard) -> Option<Ref<'g, V>> {
        let hash = self.seed.hash(key);
        let slots = self.head(hash).slots(reader);
        // SAFETY: the reader outlives the entry's use, by its lifetime.
        unsafe { slots.find(hash, hash, |entry| entry.is_of(key)) }
    }

    /// As [`find`](Self::find), for an encoded key.
    fn find_owned<'g>(&'g self, key: &OwnedKey, reader: &'g Guard) -> Option<Ref<'g, V>> {
        let slots = self.head(key.hash()).slots(reader);
        // SAFETY: as above.
        unsafe { slots.find(key.hash(), key.hash(), |entry| entry.key() == key.as_bytes()) }
    }

    /// Stores a value that was not computed under a [`Ticket`]; replaces what is there.
    pub fn insert(&self, key: &OwnedKey, value: V, lifetime: Option<Duration>) {
        let (now, lifetimes) = (self.clock.now(), lifetime.into());
        self.write(key, |shard| {
            // As of under the lock: it is stored whatever was invalidated before, and no later.
            shard.put(key, value, Lived { now, lifetimes, epoch: self.fence.epoch() }, &[]);
        });
    }

    /// What tells whether a computation, begun on it, was invalidated since.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Stores the result of a computation, unless it was invalidated since the computation began. Says whether it did.
    /// `tags` are what it belongs to besides its receiver.
    pub fn insert_computed(
        &self,
        key: &OwnedKey,
        value: V,
        lifetimes: impl Into<Lifetimes>,
        ticket: &Ticket,
        tags: &[u64],
    ) -> bool {
        let (now, lifetimes) = (self.clock.now(), lifetimes.into());
        let owners = ticket.owners(tags);
        self.write(key, |shard| {
            // Before the question: what is invalidated after it, is so at a later epoch.
            let epoch = self.fence.epoch();
            let admitted = self.fence.is_current(ticket, key.hash(), tags);
            if admitted {
                shard.put(key, value, Lived { now, lifetimes, epoch }, &owners);
            }
            admitted
        })
    }

    /// Forgets what the target names. Once this returned, no read finds it, and no computation that began before
    /// stores it. Says whether a live entry went, where it is known (one key).
    pub fn invalidate(&self, target: Target<'_>) -> bool {
        let crowded = self.fence.raise_in(&target, self.count());
        match target {
            Target::Key(key) => {
                let removed = self.write(key, |shard| shard.remove(key));
                // Who was born since the floor was raised may have read the entry before it was removed.
                self.fence.raise_in(&target, self.count());
                return removed;
            }
            Target::All => self.clear(),
            Target::Owner(_) if crowded => {
                for shard in 0..self.shards.len() {
                    self.write_shard(shard, |shard| shard.retain(|_| true));
                }
                self.fence.settle();
            }
            // Whoever was admitted before has stored when its shard's lock is free.
            Target::Running => (0..self.shards.len()).for_each(|shard| self.write_shard(shard, |_| {})),
            Target::Owner(_) => {}
        }
        false
    }

    fn clear(&self) {
        let retired: Vec<_> = (0..self.shards.len()).map(|shard| self.writing(shard).clear()).collect();
        let entries: usize = retired.iter().flatten().map(Retired::count).sum();
        let ripe = {
            let mut cleared = self.cleared.locked();
            retired.into_iter().flatten().for_each(|retired| cleared.push(retired));
            cleared.collect()
        };
        if entries > MANY {
            // Without a thread to be had, they are freed here.
            let _ = thread::Builder::new().name("cachekit-clear".to_owned()).spawn(|| drop(ripe));
        }
    }

    /// Removes the entry under the key. Computations that began before may store theirs.
    pub fn remove(&self, key: &OwnedKey) {
        self.write(key, |shard| shard.remove(key));
    }

    /// Removes the entries whose key, encoded, `doomed` names.
    pub(crate) fn remove_if(&self, mut doomed: impl FnMut(&[u8]) -> bool) {
        for shard in 0..self.shards.len() {
            self.write_shard(shard, |shard| shard.retain(|entry| !doomed(entry.key())));
        }
    }

    /// Calls `visit` with each live entry's key and value, in no order, under no lock.
    pub fn for_each(&self, mut visit: impl FnMut(&OwnedKey, &V)) {
        let reader = pin();
        for head in &self.heads {
            for place in head.slots(&reader).entries() {
                // SAFETY: the reader began before the entry was found, and outlives its use here.
                let entry = unsafe { Ref::new(place) };
                if self.is_live(entry) {
                    visit(&OwnedKey::from_encoded(entry.key()), entry.value());
                }
            }
        }
    }

    /// Decides under the key's lock what becomes of its entry; `decide` sees the live value and when it expires.
    pub(crate) fn update<R>(
        &self,
        key: &OwnedKey,
        decide: impl FnOnce(Option<(&V, Moment)>) -> (Change<V>, R),
    ) -> R {
        self.write(key, |shard| {
            let (change, result) = decide(shard.find(key).map(|entry| (entry.value(), entry.dead_at())));
            if let Change::Put(value, end) = change {
                let now = self.clock.now();
                let lifetimes = (end != Moment::NEVER).then(|| end.since(now)).into();
                shard.put(key, value, Lived { now, lifetimes, epoch: self.fence.epoch() }, &[]);
            }
            result
        })
    }

    /// The number of live entries. Removes the expired ones first.
    pub fn len(&self) -> usize {
        let now = self.clock.now();
        (0..self.shards.len()).map(|shard| self.write_shard(shard, |shard| shard.expire(now))).sum()
    }

    /// Whether no live entry is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most entries the table holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The clock its lifetimes follow.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    #[inline]
    fn shard(&self, hash: u64) -> usize {
        shard_of(hash, self.mask)
    }

    #[inline]
    fn head(&self, hash: u64) -> &Head<V> {
        // SAFETY: the mask is one less than the number of shards, a power of two, and there is a head for each.
        unsafe { self.heads.get_unchecked(self.shard(hash)) }
    }

    #[inline]
    fn is_live(&self, entry: Ref<'_, V>) -> bool {
        let epoch = self.fence.epoch();
        (entry.expires.is_after(self.horizon) || self.clock.is_before(entry.dead_at()))
            && (entry.is_checked_and_used(epoch) || self.fence.admits(entry, epoch))
    }

    /// About how many entries a shard holds when the table is full.
    fn quota(&self) -> usize {
        self.capacity.div_ceil(self.shards.len())
    }

    /// Entries, expired ones included.
    fn count(&self) -> usize {
        isize::try_from(self.capacity)
            .unwrap_or(isize::MAX)
            .saturating_sub(self.room.load(Ordering::Relaxed))
            .unsigned_abs()
    }

    /// Takes the room of one entry, if there is some.
    fn take_room(&self) -> bool {
        if self.room.load(Ordering::Relaxed) <= 0 {
            return false;
        }
        let taken = self.room.fetch_sub(1, Ordering::Relaxed) > 0;
        if !taken {
            self.give_room(1);
        }
        taken
    }

    fn give_room(&self, entries: usize) {
        self.room.fetch_add(entries.cast_signed(), Ordering::Relaxed);
    }

    /// Takes the room of one entry although there is none.
    fn overdraw(&self) {
        self.room.fetch_sub(1, Ordering::Relaxed);
    }

    fn write<R>(&self, key: &OwnedKey, change: impl FnOnce(&mut shard::Writing<'_, V>) -> R) -> R {
        let own = self.shard(key.hash());
        let (result, writes) = self.write_shard(own, |shard| (change(shard), shard.writes()));
        if writes.is_multiple_of(TURN) && self.shards.len() > 1 {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.now();
            self.write_shard(turn & self.mask, |shard| shard.sweep(now));
        }
        // Only where the own shard had nothing to evict.
        for shard in 0..self.shards.len() {
            if self.room.load(Ordering::Relaxed) >= 0 {
                break;
            }
            self.write_shard(shard, |shard| {
                if shard.evict() {
                    self.give_room(1);
                }
            });
        }
        result
    }

    fn writing(&self, shard: usize) -> shard::Writing<'_, V> {
        self.shards[shard].write(self, &self.heads[shard])
    }

    fn write_shard<R>(&self, shard: usize, change: impl FnOnce(&mut shard::Writing<'_, V>) -> R) -> R {
        let ripe;
        let result = {
            let mut writing = self.writing(shard);
            let result = change(&mut writing);
            ripe = writing.finish();
            result
        };
        drop(ripe);
        result
    }
}

/// The shard of a key, of a number that is a power of two and one more than the mask.
#[inline]
fn shard_of(hash: u64, mask: usize) -> usize {
    // The high half chooses the slot, the lowest bits are the tag.
    #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
    let low = hash as u32;
    (low >> 16) as usize & mask
}

impl<V: Send + Sync + 'static> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("entries", &self.count())
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

//! `Table<V>`: typed values in this process, read without a lock, bounded, with lifetimes and invalidation.
//!
//! Reads are lock-free: a read pins the collector, probes an array of pointers, compares the key's stream in place and
//! clones the value. It writes no shared memory, except an entry's use count until that is saturated. Writers take the
//! lock of one shard. What a writer takes out is handed to the collector *after* the lock is released, so that no code
//! of a value (its `Drop`) ever runs under a lock of ours.

mod entry;
mod fence;
mod key;
#[cfg(all(test, shuttle))]
mod model;
mod shard;
mod slots;

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use seize::Collector;

pub use self::fence::{Fence, Target, Ticket};
pub use self::key::{KeyStream, OwnedKey};

use self::entry::Entry;
use self::shard::Shard;
use crate::{Clock, Moment};

/// Reclaims what was taken out of tables once no reader can hold it any more. One for all tables, so that a reader
/// pins once whatever it reads.
static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::new);

/// Entries up to which a table has a single shard: below, writers rarely meet.
const PER_SHARD: usize = 1024;
const MAX_SHARDS: usize = 16;

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
/// table.insert(OwnedKey::of(&"answer"), 42, None);
/// assert_eq!(table.get(&"answer"), Some(42));
/// ```
pub struct Table<V: Send + Sync + 'static> {
    shards: Box<[Shard<V>]>,
    /// Entries in all shards, expired ones included.
    len: AtomicUsize,
    /// The shard whose expired entries the next insertion removes besides those of its own.
    next_sweep: AtomicUsize,
    capacity: usize,
    clock: Clock,
    fence: Fence,
}

impl<V: Send + Sync + 'static> Table<V> {
    /// An empty table.
    pub fn new(config: TableConfig) -> Self {
        let capacity = config.capacity.max(1);
        let shards = (capacity / PER_SHARD).next_power_of_two().min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| Shard::new()).collect(),
            len: AtomicUsize::new(0),
            next_sweep: AtomicUsize::new(0),
            capacity,
            clock: config.clock,
            fence: Fence::default(),
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

    /// The live value under an encoded key, if there is one.
    pub fn get_owned(&self, key: &OwnedKey) -> Option<V>
    where
        V: Clone,
    {
        let guard = COLLECTOR.enter();
        let hash = key.hash();
        let entry = self.shard(hash).slots(&guard).find(hash, |stored| stored == key, &guard)?;
        self.is_live(entry).then(|| entry.value.clone())
    }

    /// What `read` makes of the live value under the key, if there is one.
    #[inline]
    pub fn read<K: KeyStream + ?Sized, R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        let hash = key::hash(key);
        let guard = COLLECTOR.enter();
        let entry = self.shard(hash).slots(&guard).find(hash, |stored| stored.matches(key), &guard)?;
        if !self.is_live(entry) {
            return None;
        }
        entry.touch();
        Some(read(&entry.value))
    }

    /// Stores a value that was not computed under a [`Ticket`]; replaces what is there.
    pub fn insert(&self, key: OwnedKey, value: V, lifetime: Option<Duration>) {
        let expires = self.clock.now().after(lifetime);
        // Born under the lock: it is stored whatever was invalidated before, and no later.
        self.write(key.hash(), |shard| shard.put(Entry::new(key, value, expires, &self.fence.fresh())));
    }

    /// What tells whether a computation, begun on it, was invalidated since.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Stores the result of a computation, unless it was invalidated since the computation began. Says whether it did.
    pub fn insert_computed(
        &self,
        key: OwnedKey,
        value: V,
        lifetime: Option<Duration>,
        ticket: &Ticket,
    ) -> bool {
        let expires = self.clock.now().after(lifetime);
        let hash = key.hash();
        self.write(hash, |shard| {
            let admitted = self.fence.is_current(ticket, hash);
            if admitted {
                shard.put(Entry::new(key, value, expires, ticket));
            }
            admitted
        })
    }

    /// Removes expired entries of the next shard in turn, so that those of a shard in which nobody writes go too.
    fn sweep_next(&self) {
        let turn = self.next_sweep.fetch_add(1, Ordering::Relaxed);
        let shard = &self.shards[turn & (self.shards.len() - 1)];
        self.write_shard(shard, |shard| shard.expire(shard::SWEEP));
    }

    /// Forgets what the target names. Once this returned, no read finds it, and no computation that began before
    /// stores it. Says whether a live entry went, where it is known (one key).
    pub fn invalidate(&self, target: Target<'_>) -> bool {
        let crowded = self.fence.raise_in(&target, self.len.load(Ordering::Relaxed));
        match target {
            Target::Key(key) => {
                let removed = self.write(key.hash(), |shard| shard.remove(key));
                // Who was born since the floor was raised may have read the entry before it was removed.
                self.fence.raise_in(&target, self.len.load(Ordering::Relaxed));
                removed
            }
            Target::All => {
                for shard in &self.shards {
                    self.write_shard(shard, |shard| {
                        shard.clear();
                    });
                }
                false
            }
            Target::Instance(_) if crowded => {
                for shard in &self.shards {
                    self.write_shard(shard, |shard| shard.retain(|_| true));
                }
                self.fence.settle();
                false
            }
            Target::Running => {
                // Whoever was admitted before has stored when its shard's lock is free.
                for shard in &self.shards {
                    self.write_shard(shard, |_| {});
                }
                false
            }
            Target::Instance(_) => false,
        }
    }

    /// Removes the entries whose key bytes `doomed` names.
    pub(crate) fn remove_if(&self, mut doomed: impl FnMut(&OwnedKey) -> bool) {
        for shard in &self.shards {
            self.write_shard(shard, |shard| shard.retain(|entry| !doomed(&entry.key)));
        }
    }

    /// Calls `visit` with each live entry's key and value, in no order, under no lock.
    pub fn for_each(&self, mut visit: impl FnMut(&OwnedKey, &V)) {
        let guard = COLLECTOR.enter();
        for shard in &self.shards {
            shard.slots(&guard).for_each(&guard, |entry| {
                if self.is_live(entry) {
                    visit(&entry.key, &entry.value);
                }
            });
        }
    }

    /// Decides under the key's lock what becomes of its entry; `decide` sees the live value and when it expires.
    pub(crate) fn update<R>(
        &self,
        key: OwnedKey,
        decide: impl FnOnce(Option<(&V, Moment)>) -> (Change<V>, R),
    ) -> R {
        self.write(key.hash(), |shard| {
            let (change, result) = decide(shard.find(&key).map(|e| (&e.value, e.expires)));
            match change {
                Change::Keep => {}
                Change::Put(value, expires) => {
                    shard.put(Entry::new(key, value, expires, &self.fence.fresh()));
                }
            }
            result
        })
    }

    /// The number of live entries. Removes the expired ones first.
    pub fn len(&self) -> usize {
        for shard in &self.shards {
            self.write_shard(shard, |shard| shard.expire(usize::MAX));
        }
        self.len.load(Ordering::Relaxed)
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
    fn shard(&self, hash: u64) -> &Shard<V> {
        // The low bits choose the slot, the high ones the shard.
        &self.shards[(hash >> 48) as usize & (self.shards.len() - 1)]
    }

    #[inline]
    fn is_live(&self, entry: &Entry<V>) -> bool {
        (entry.expires == Moment::NEVER || self.is_before(entry.expires)) && self.fence.admits(entry)
    }

    /// Whether `end` is still to come. The coarse clock decides alone unless the end is near.
    #[inline]
    fn is_before(&self, end: Moment) -> bool {
        let coarse = self.clock.coarse();
        coarse < end && (end.since(coarse) > Clock::COARSE || self.clock.now() < end)
    }

    fn write<R>(&self, hash: u64, change: impl FnOnce(&mut shard::Writing<'_, V>) -> R) -> R {
        let result = self.write_shard(self.shard(hash), change);
        if self.shards.len() > 1 {
            self.sweep_next();
        }
        self.shed(hash);
        result
    }

    fn write_shard<R>(&self, shard: &Shard<V>, change: impl FnOnce(&mut shard::Writing<'_, V>) -> R) -> R {
        let garbage;
        let result = {
            let mut writing = shard.write(self);
            let result = change(&mut writing);
            garbage = writing.finish();
            result
        };
        garbage.retire();
        result
    }

    /// Evicts while there are too many entries: from the shard just written, then from its neighbours.
    fn shed(&self, hash: u64) {
        let start = (hash >> 48) as usize;
        for step in 0..self.shards.len() {
            if self.len.load(Ordering::Relaxed) <= self.capacity {
                return;
            }
            let shard = &self.shards[(start + step) & (self.shards.len() - 1)];
            self.write_shard(shard, |shard| shard.evict(hash));
        }
    }
}

impl<V: Send + Sync + 'static> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("entries", &self.len.load(Ordering::Relaxed))
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

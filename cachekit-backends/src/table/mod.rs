//! `Table<V>`: typed values in this process, read without a lock, bounded, with lifetimes and invalidation.
//!
//! Reads are lock-free: a read pins its thread, probes an array of pointers, compares the key's stream in place and
//! clones the value. It writes no shared memory, except an entry's use count until that is saturated. Writers take the
//! lock of one shard. What a writer takes out is dropped *after* the lock is released, so that no code of a value (its
//! `Drop`) ever runs under a lock of ours.
//!
//! [`Table`] is the typed surface of a [`core`] that knows no type: what is compiled for each type of values makes an entry
//! of one, or reads it in an entry that the core found.

mod barrier;
mod cleared;
mod core;
mod entries;
mod entry;
mod fence;
mod front;
mod key;
mod kind;
mod life;
mod look;
#[cfg(all(test, shuttle))]
mod model;
mod policy;
mod readers;
mod reclaim;
mod shard;
mod slots;
mod stored;

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use self::fence::{Fence, Target, Ticket};
pub use self::front::{AtOnce, Front};
pub use self::key::{KeyStream, OwnedKey, Seed};
pub use self::life::{Age, Lifetimes, State};
pub use self::look::{Found, Ties};
pub use self::reclaim::{hinder, thread_number};

use self::core::Core;
use self::entry::{About, Owned, Ref};
use self::kind::Kind;
use self::readers::Guard;
use self::reclaim::pin;
use crate::{Clock, Moment};

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
    core: Core,
    /// Values go in and come out through `&self`, hence the mutex; what else can be done with a table is what can be done with
    /// shared values.
    values: PhantomData<(Arc<Mutex<V>>, Arc<V>)>,
}

impl<V: Send + Sync + 'static> Table<V> {
    /// An empty table.
    pub fn new(config: TableConfig) -> Self {
        Self { core: Core::new(config, Kind::of::<V>()), values: PhantomData }
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
        Front::of(&self.core)
    }

    /// Whether a live value is under an encoded key. Runs no code of the value.
    pub fn contains(&self, key: &OwnedKey) -> bool {
        self.core.contains(key)
    }

    /// What `read` makes of the live value under the key, if there is one.
    #[inline]
    pub fn read<K: KeyStream + ?Sized, R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        let reader = pin();
        let entry = self.find(key, &reader)?;
        self.core.is_live(entry).then(|| read(entry.value()))
    }

    /// The entry under a key, alive or not, while the reader reads.
    #[inline]
    fn find<'g, K: KeyStream + ?Sized>(&'g self, key: &K, reader: &'g Guard) -> Option<Ref<'g>> {
        let hash = self.core.seed.hash(key);
        let slots = self.core.slots(hash, reader);
        // SAFETY: the core was made for entries of this kind; the reader outlives the entry's use, by its lifetime.
        unsafe { slots.find(hash, hash, Kind::of::<V>(), |entry| entry.key().matches(key)) }
    }

    /// Stores a value that was not computed under a [`Ticket`]; replaces what is there.
    pub fn insert(&self, key: &OwnedKey, value: V, lifetime: Option<Duration>) {
        let now = self.clock().now();
        self.core.insert(key, owned(key, value, now, lifetime), now);
    }

    /// What tells whether a computation, begun on it, was invalidated since.
    pub fn fence(&self) -> &Fence {
        &self.core.fence
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
        let (now, lifetimes) = (self.clock().now(), lifetimes.into());
        let about = About { now, lifetimes: &lifetimes, receiver: ticket.receiver(), tags };
        self.core.insert_computed(key, Owned::new(key, value, &about), now, ticket, tags)
    }

    /// Forgets what the target names. Once this returned, no read finds it, and no computation that began before
    /// stores it. Says whether a live entry went, where it is known (one key).
    pub fn invalidate(&self, target: Target<'_>) -> bool {
        self.core.invalidate(target)
    }

    /// Removes the entry under the key. Computations that began before may store theirs.
    pub fn remove(&self, key: &OwnedKey) {
        self.core.remove(key);
    }

    /// Removes the entries that `doomed` names by their encoded keys, of which it sees what is behind the first tag.
    pub(crate) fn remove_if(&self, mut doomed: impl FnMut(&[u8]) -> bool) {
        self.core.retain(|entry| !doomed(entry.key().rest()));
    }

    /// Calls `visit` with each live entry's key and value, in no order, under no lock.
    pub fn for_each(&self, mut visit: impl FnMut(&OwnedKey, &V)) {
        self.core.for_each(&mut |entry| visit(&OwnedKey::of(&entry.key()), entry.value()));
    }

    /// Decides under the key's lock what becomes of its entry; `decide` sees the live value and when it expires.
    pub(crate) fn update<R>(
        &self,
        key: &OwnedKey,
        decide: impl FnOnce(Option<(&V, Moment)>) -> (Change<V>, R),
    ) -> R {
        self.core.write(key, |shard| {
            let (change, result) = decide(shard.find(key).map(|entry| (entry.value(), entry.dead_at())));
            if let Change::Put(value, end) = change {
                let now = self.clock().now();
                let lifetime = (end != Moment::NEVER).then(|| end.since(now));
                shard.put(key, owned(key, value, now, lifetime), now, self.core.fence.epoch());
            }
            result
        })
    }

    /// The number of live entries. Removes the expired ones first.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether no live entry is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The most entries the table holds.
    pub fn capacity(&self) -> usize {
        self.core.capacity
    }

    /// The clock its lifetimes follow.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }
}

/// An entry that belongs to nobody.
fn owned<V: Send + Sync + 'static>(
    key: &OwnedKey,
    value: V,
    now: Moment,
    lifetime: Option<Duration>,
) -> Option<Owned> {
    Owned::new(key, value, &About { now, lifetimes: &lifetime.into(), receiver: None, tags: &[] })
}

impl<V: Send + Sync + 'static> fmt::Debug for Table<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("entries", &self.core.count())
            .field("capacity", &self.core.capacity)
            .finish_non_exhaustive()
    }
}

//! The table without the type of its values: all that is done with entries whose [`Kind`] is known, compiled once.

use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};

use super::TableConfig;
use super::cleared::Cleared;
use super::entry::{Owned, Ref};
use super::fence::{Fence, Target, Ticket};
use super::key::{OwnedKey, Seed};
use super::kind::Kind;
use super::readers::Guard;
use super::reclaim::pin;
use super::shard::{Shard, Writing};
use super::slots::{Head, Slots};
use super::stored::Matches;
use crate::{Clock, Moment};

/// Entries of a shard, about: few enough to be moved to a larger array in a moment.
const PER_SHARD: usize = 4096;
const MAX_SHARDS: usize = 4096;
/// Writes in a shard after which another one is swept too, in which perhaps nobody writes.
const TURN: usize = 16;

/// See [`Table`](super::Table).
pub(super) struct Core {
    /// That of its values: all its entries are of this kind.
    pub(super) kind: &'static Kind,
    shards: Box<[Shard]>,
    /// What readers need of each shard, close together.
    pub(super) heads: Box<[Head]>,
    /// One less than the number of shards.
    pub(super) mask: usize,
    pub(super) seed: Seed,
    /// What ends after this has not come yet; see [`Clock::horizon`].
    pub(super) horizon: &'static AtomicU64,
    pub(super) clock: Clock,
    pub(super) fence: Fence,
    pub(super) capacity: usize,
    /// How many entries more there may be. Less than zero while a shard that had nothing to evict has overdrawn it.
    room: AtomicIsize,
    /// The shard that is swept next besides the one that is written.
    turn: AtomicUsize,
    /// What was in the table when it was cleared.
    cleared: Cleared,
}

impl Core {
    pub(super) fn new(config: TableConfig, kind: &'static Kind) -> Self {
        let capacity = config.capacity.max(1);
        let shards = capacity.div_ceil(PER_SHARD).next_power_of_two().min(MAX_SHARDS);
        Self {
            kind,
            shards: (0..shards).map(|_| Shard::new(kind, capacity.div_ceil(shards))).collect(),
            heads: (0..shards).map(|_| Shard::head()).collect(),
            mask: shards - 1,
            seed: Seed::of_this_process().clone(),
            horizon: config.clock.horizon(),
            clock: config.clock,
            fence: Fence::default(),
            capacity,
            room: AtomicIsize::new(isize::try_from(capacity).unwrap_or(isize::MAX)),
            turn: AtomicUsize::new(0),
            cleared: Cleared::default(),
        }
    }

    /// The slots in which an entry with this hash is, if it is there.
    #[inline]
    pub(super) fn slots<'g>(&'g self, hash: u64, reader: &'g Guard) -> Slots<'g> {
        // SAFETY: the mask is one less than the number of shards, a power of two, and there is a head for each.
        unsafe { self.heads.get_unchecked(shard_of(hash, self.mask)) }.slots(reader)
    }

    /// The entry under the key with this hash, alive or not, while the reader reads.
    pub(super) fn find<'g>(&'g self, hash: u64, key: &dyn Matches, reader: &'g Guard) -> Option<Ref<'g>> {
        // SAFETY: all entries are of this kind; the reader outlives the entry's use, by its lifetime.
        unsafe { self.slots(hash, reader).find(hash, hash, self.kind, |entry| key.matches(entry.key())) }
    }

    /// As [`find`](Self::find), for an encoded key.
    pub(super) fn find_owned<'g>(&'g self, key: &OwnedKey, reader: &'g Guard) -> Option<Ref<'g>> {
        let slots = self.slots(key.hash(), reader);
        // SAFETY: as above.
        unsafe { slots.find(key.hash(), key.hash(), self.kind, |entry| entry.key().is(key.as_bytes())) }
    }

    /// See [`Table::contains`](super::Table::contains).
    pub(super) fn contains(&self, key: &OwnedKey) -> bool {
        let reader = pin();
        self.find_owned(key, &reader).is_some_and(|entry| self.is_live(entry))
    }

    /// Stores an entry made at this moment; see [`Writing::put`].
    pub(super) fn insert(&self, key: &OwnedKey, entry: Option<Owned>, now: Moment) {
        self.write(key, |shard| {
            // As of under the lock: it is stored whatever was invalidated before, and no later.
            shard.put(key, entry, now, self.fence.epoch());
        });
    }

    /// As [`insert`](Self::insert), unless the computation was invalidated since it began. Says whether it was not.
    pub(super) fn insert_computed(
        &self,
        key: &OwnedKey,
        entry: Option<Owned>,
        now: Moment,
        ticket: &Ticket,
        tags: &[u64],
    ) -> bool {
        let refused = self.write(key, |shard| {
            // Before the question: what is invalidated after it, is so at a later epoch.
            let epoch = self.fence.epoch();
            if !self.fence.is_current(ticket, key.hash(), tags) {
                return Err(entry);
            }
            shard.put(key, entry, now, epoch);
            Ok(())
        });
        // What was refused is dropped here, under no lock.
        refused.is_ok()
    }

    /// See [`Table::invalidate`](super::Table::invalidate).
    pub(super) fn invalidate(&self, target: Target<'_>) -> bool {
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
                self.retain(|_| true);
                self.fence.settle();
            }
            // Whoever was admitted before has stored when its shard's lock is free.
            Target::Running => (0..self.shards.len()).for_each(|shard| self.write_shard(shard, |_| {})),
            Target::Owner(_) => {}
        }
        false
    }

    fn clear(&self) {
        self.cleared.take_in((0..self.shards.len()).flat_map(|shard| self.writing(shard).clear()).collect());
    }

    /// See [`Table::remove`](super::Table::remove).
    pub(super) fn remove(&self, key: &OwnedKey) {
        self.write(key, |shard| shard.remove(key));
    }

    /// Removes the entries that are dead or that `keep` does not want.
    pub(super) fn retain(&self, mut keep: impl FnMut(Ref<'_>) -> bool) {
        for shard in 0..self.shards.len() {
            self.write_shard(shard, |shard| shard.retain(&mut keep));
        }
    }

    /// Calls `visit` with each live entry, in no order, under no lock.
    pub(super) fn for_each(&self, visit: &mut dyn FnMut(Ref<'_>)) {
        let reader = pin();
        for head in &self.heads {
            for place in head.slots(&reader).entries() {
                // SAFETY: all entries are of this kind; the reader began before the entry was found, and outlives its use
                // here.
                let entry = unsafe { Ref::new(place, self.kind) };
                if self.is_live(entry) {
                    visit(entry);
                }
            }
        }
    }

    /// See [`Table::len`](super::Table::len).
    pub(super) fn len(&self) -> usize {
        let now = self.clock.now();
        (0..self.shards.len()).map(|shard| self.write_shard(shard, |shard| shard.expire(now))).sum()
    }

    /// Whether an entry is valid. Notes a use, if so.
    #[inline]
    pub(super) fn is_live(&self, entry: Ref<'_>) -> bool {
        let epoch = self.fence.epoch();
        (entry.expires.is_after(self.horizon) || self.clock.is_before(entry.dead_at()))
            && (entry.is_checked_and_used(epoch) || self.fence.admits(entry, epoch))
    }

    /// About how many entries a shard holds when the table is full.
    pub(super) fn quota(&self) -> usize {
        self.capacity.div_ceil(self.shards.len())
    }

    /// Entries, expired ones included.
    pub(super) fn count(&self) -> usize {
        isize::try_from(self.capacity)
            .unwrap_or(isize::MAX)
            .saturating_sub(self.room.load(Ordering::Relaxed))
            .unsigned_abs()
    }

    /// Takes the room of one entry, if there is some.
    pub(super) fn take_room(&self) -> bool {
        if self.room.load(Ordering::Relaxed) <= 0 {
            return false;
        }
        let taken = self.room.fetch_sub(1, Ordering::Relaxed) > 0;
        if !taken {
            self.give_room(1);
        }
        taken
    }

    pub(super) fn give_room(&self, entries: usize) {
        self.room.fetch_add(entries.cast_signed(), Ordering::Relaxed);
    }

    /// Takes the room of one entry although there is none.
    pub(super) fn overdraw(&self) {
        self.room.fetch_sub(1, Ordering::Relaxed);
    }

    /// Changes the shard of a key, and does what else there is to do then.
    pub(super) fn write<R>(&self, key: &OwnedKey, change: impl FnOnce(&mut Writing<'_>) -> R) -> R {
        let own = shard_of(key.hash(), self.mask);
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

    fn writing(&self, shard: usize) -> Writing<'_> {
        self.shards[shard].write(self, &self.heads[shard])
    }

    fn write_shard<R>(&self, shard: usize, change: impl FnOnce(&mut Writing<'_>) -> R) -> R {
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
pub(super) fn shard_of(hash: u64, mask: usize) -> usize {
    // The high half chooses the slot, the lowest bits are the tag.
    #[allow(clippy::cast_possible_truncation, reason = "the low half is meant")]
    let low = hash as u32;
    (low >> 16) as usize & mask
}

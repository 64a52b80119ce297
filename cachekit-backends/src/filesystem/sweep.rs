//! Keeping the folder small: counting, removing what is dead, evicting what was written longest ago.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use super::FileSystemCache;
use super::entry::{self, Found};
use super::shard::{Item, Lock, Name, PATIENCE, SHARDS, Shard, failed};
use crate::{ErrorKind, Result};

/// A pass looks into about this many entries and leaves the rest to the next, so that nobody waits for a huge folder.
const EXAMINED: usize = 4096;

/// How long a pass waits for a shard before it goes on to the next.
const SWEEP_PATIENCE: Duration = Duration::from_millis(20);

/// How often one caller sweeps again because others wrote while it swept.
const ROUNDS: usize = 4;

/// What this process believes to be in the folder. Other processes' writes are found by sweeping.
#[derive(Debug)]
pub(super) struct Census {
    counts: [AtomicUsize; SHARDS],
    /// New entries since the last pass began.
    fresh: AtomicUsize,
    /// Where the next pass begins.
    cursor: AtomicU8,
}

impl Default for Census {
    fn default() -> Self {
        let counts = [const { AtomicUsize::new(0) }; SHARDS];
        Self { counts, fresh: AtomicUsize::new(0), cursor: AtomicU8::new(0) }
    }
}

impl Census {
    fn total(&self) -> usize {
        self.counts.iter().map(|count| count.load(Ordering::Acquire)).sum()
    }

    fn of(&self, shard: u8) -> &AtomicUsize {
        &self.counts[usize::from(shard)]
    }
}

/// A live entry that may have to go.
struct Candidate {
    name: Name,
    written: u64,
    immortal: bool,
}

impl FileSystemCache {
    /// Counts the entries by their names and removes what killed writers left.
    pub(super) fn take_census(&self) -> Result<()> {
        for index in 0..=u8::MAX {
            let shard = self.folder.shard(index);
            if !shard.is_there()? {
                continue;
            }
            let locked = skip_if_busy(shard.lock(SWEEP_PATIENCE))?;
            let mut count = 0;
            for item in shard.items()? {
                match (item, &locked) {
                    (Item::Entry(_), _) => count += 1,
                    (Item::Temp(path), Some(lock)) => drop(Shard::remove_temp(lock, &path)?),
                    (Item::Temp(_), None) => {}
                }
            }
            self.census.of(index).store(count, Ordering::Release);
        }
        Ok(())
    }

    /// Counts a new entry, and sweeps if there are too many by now or if it is time to look what other processes did.
    pub(super) fn entry_came(&self, newest: Name) {
        self.census.of(newest.shard()).fetch_add(1, Ordering::AcqRel);
        let fresh = self.census.fresh.fetch_add(1, Ordering::AcqRel) + 1;
        let bound = if self.threshold == 0 { EXAMINED } else { self.threshold };
        if !self.is_over() && fresh < (bound / 16).clamp(16, EXAMINED / 16) {
            return;
        }
        for _ in 0..ROUNDS {
            match self.sweep(newest) {
                Ok(true) if self.is_over() => {}
                Ok(_) => return,
                Err(error) => return log::warn!("FileSystemCache could not be swept: {error:#}"),
            }
        }
    }

    /// Counts a removed entry.
    pub(super) fn entry_went(&self, name: Name) {
        let less = |count: usize| count.checked_sub(1);
        // Nothing to subtract from: another process wrote what this one removed.
        let _ = self.census.of(name.shard()).fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    /// Removes every entry whose key begins with the prefix, and what is dead, from one shard.
    pub(super) fn clear_shard(&self, index: u8, prefix: &str, now: u64) -> Result<()> {
        let shard = self.folder.shard(index);
        let Some(lock) = shard.lock(PATIENCE)? else { return Ok(()) };
        for item in shard.items()? {
            match item {
                Item::Temp(path) => drop(Shard::remove_temp(&lock, &path)?),
                Item::Entry(name) => {
                    let path = shard.path_of(name);
                    let found = if prefix.is_empty() {
                        Ok(Found::Dead)
                    } else {
                        entry::begins_with(&path, prefix, now)
                    };
                    match found.map_err(|error| failed("reading", &path, error))? {
                        Found::Live(true) | Found::Dead => self.remove(&shard, &lock, name)?,
                        Found::Live(false) | Found::Foreign | Found::Absent => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts the live entries of one shard, by their heads.
    pub(super) fn count_live(&self, index: u8, now: u64) -> Result<usize> {
        let shard = self.folder.shard(index);
        if !shard.is_there()? {
            return Ok(0);
        }
        let mut live = 0;
        for item in shard.items()? {
            if let Item::Entry(name) = item {
                let path = shard.path_of(name);
                let found = entry::look(&path, now).map_err(|error| failed("reading", &path, error))?;
                live += usize::from(matches!(found, Found::Live(_)));
            }
        }
        Ok(live)
    }

    pub(super) fn remove(&self, shard: &Shard<'_>, lock: &Lock, name: Name) -> Result<()> {
        if shard.remove(lock, name)? {
            self.entry_went(name);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.threshold != 0 && self.census.total() > self.threshold
    }

    /// One pass: removes what is dead, then, over the threshold, what was written longest ago. False if somebody else
    /// is at it.
    fn sweep(&self, newest: Name) -> Result<bool> {
        let Some(_pruning) = self.folder.try_lock_pruning()? else { return Ok(false) };
        self.census.fresh.store(0, Ordering::Release);
        let now = self.now();
        let mut index = self.census.cursor.load(Ordering::Acquire);
        let mut live = Vec::new();
        for _ in 0..SHARDS {
            if let Err(error) = self.scan(index, now, &mut live) {
                log::warn!("FileSystemCache skips a shard while sweeping: {error:#}");
            }
            index = index.wrapping_add(1);
            if live.len() >= EXAMINED {
                break;
            }
        }
        self.census.cursor.store(index, Ordering::Release);
        if self.is_over() {
            let total = self.census.total();
            // A little more than needed, so that the next pass is not due at once.
            let excess = total - (self.threshold - self.threshold / 16);
            // A pass over a part of the folder evicts that part's share; names are spread evenly.
            let share = (excess * live.len()).div_ceil(total);
            live.retain(|candidate| candidate.name != newest);
            self.evict(live, share, now);
        }
        Ok(true)
    }

    /// Removes what is dead in one shard and lists what lives.
    fn scan(&self, index: u8, now: u64, live: &mut Vec<Candidate>) -> Result<()> {
        let shard = self.folder.shard(index);
        let count = self.census.of(index);
        if !shard.is_there()? {
            count.store(0, Ordering::Release);
            return Ok(());
        }
        let Some(lock) = skip_if_busy(shard.lock(SWEEP_PATIENCE))? else { return Ok(()) };
        let mut here = 0;
        for item in shard.items()? {
            match item {
                Item::Temp(path) => drop(Shard::remove_temp(&lock, &path)?),
                Item::Entry(name) => match entry::look(&shard.path_of(name), now) {
                    Ok(Found::Live(head)) => {
                        here += 1;
                        live.push(Candidate { name, written: head.written, immortal: head.is_immortal() });
                    }
                    Ok(Found::Dead) => drop(shard.remove(&lock, name)?),
                    Ok(Found::Foreign | Found::Absent) => {}
                    Err(error) => {
                        here += 1;
                        log::warn!("FileSystemCache cannot read an entry while sweeping: {error}");
                    }
                },
            }
        }
        count.store(here, Ordering::Release);
        Ok(())
    }

    /// Removes the `count` candidates that were written longest ago, unless they were written again meanwhile.
    ///
    /// What never expires is often what much else depends on, such as the stamp of a function; it is spared as long as
    /// it is not the greater part, which would leave no room for the rest.
    fn evict(&self, mut candidates: Vec<Candidate>, count: usize, now: u64) {
        let immortal = candidates.iter().filter(|candidate| candidate.immortal).count();
        let spare_immortal = immortal * 2 <= candidates.len();
        if count < candidates.len() {
            candidates.select_nth_unstable_by_key(count, |candidate| {
                (spare_immortal && candidate.immortal, candidate.written, candidate.name)
            });
            candidates.truncate(count);
        }
        candidates.sort_unstable_by_key(|candidate| candidate.name);
        for group in candidates.chunk_by(|a, b| a.name.shard() == b.name.shard()) {
            if let Err(error) = self.evict_from_shard(group, now) {
                log::warn!("FileSystemCache skips a shard while evicting: {error:#}");
            }
        }
    }

    fn evict_from_shard(&self, group: &[Candidate], now: u64) -> Result<()> {
        let shard = self.folder.shard(group[0].name.shard());
        let Some(lock) = skip_if_busy(shard.lock(SWEEP_PATIENCE))? else { return Ok(()) };
        for candidate in group {
            let found = entry::look(&shard.path_of(candidate.name), now);
            if matches!(found, Ok(Found::Live(head)) if head.written == candidate.written) {
                self.remove(&shard, &lock, candidate.name)?;
            }
        }
        Ok(())
    }
}

/// A shard that somebody works in is not worth waiting for.
fn skip_if_busy(locked: Result<Option<Lock>>) -> Result<Option<Lock>> {
    match locked {
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
        locked => locked,
    }
}

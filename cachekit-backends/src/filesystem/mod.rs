//! A cache on disk: one file per entry, shared safely among threads and processes.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use self::entry::{Entry, Found, Times};
use self::shard::{Folder, Lock, Name, PATIENCE, Shard, failed};
use crate::backend::each;
use crate::simple::parse_integer;
use crate::{Answer, Backend, Capability, Clock, Error, ErrorKind, Result, Seen, Swap};

mod config;
mod entry;
mod os;
mod shard;
mod sweep;

pub use self::config::FileSystemConfig;

/// A cache on disk: one file per entry, shared safely among threads and processes.
///
/// # The folder
///
/// An entry's file is named by the SHA-256 of its key and lies in one of 256 shards, named by the first two digits.
/// Files are made with mode 0600 and folders with 0700 from the start, whatever the umask; see
/// [`mode`](FileSystemConfig::mode). Only files of that shape, in shards that belong to this process's user or root,
/// are ever read, replaced or removed: links, folders, pipes and files of other names are misses and stay. Storing an
/// entry replaces a link or a pipe that has exactly its name, never what a link points to; a folder of that name is
/// an error. The lock files (`.lock` in each shard, `.prune`) and empty shards stay behind after
/// [`clear`](Backend::clear).
///
/// # What is read is what was written
///
/// A file is written beside its place and renamed, so a reader sees the old entry or the new one. It carries its key
/// and a checksum; whatever is truncated, altered or under a wrong name is a miss and is removed. Nothing is synced
/// to the disk: a loss of power loses entries, and those it tears are misses.
///
/// # Many processes
///
/// Every writer holds the advisory lock of its shard, which makes `add`, `compare_and_set`, `increment` and `delete`
/// atomic; readers lock nothing. A process that is stopped while it holds a lock delays writers for five seconds,
/// which then fail with [`TimedOut`](ErrorKind::TimedOut). File systems without advisory locks are not supported.
/// Failures are answered, not tried again.
///
/// # Size
///
/// A write that makes a new entry and passes the [`threshold`](FileSystemConfig::threshold) removes what is expired,
/// then what was written longest ago, until a sixteenth is free; what never expires goes last unless it is the greater
/// part. With one process, the threshold holds exactly after every write. Each of several processes learns about the
/// others' entries at least once in a sixteenth of the threshold (16 to 256) new entries of its own, and may be over by
/// as much. Expired entries are also removed when they are read, and by a pass over the folder in the same rhythm. A
/// pass looks at about 4096 entries at most; a larger folder takes several.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("cache");
/// use cachekit_backends::{Backend, FileSystemCache};
/// use std::time::Duration;
///
/// let cache = FileSystemCache::open(&dir)?;
/// cache.set_many(&[("answer", b"42")], Some(Duration::from_secs(60)))?;
///
/// let elsewhere = FileSystemCache::open(&dir)?; // another process, say
/// assert_eq!(elsewhere.increment("answer", 1, None)?, 43);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileSystemCache {
    folder: Folder,
    threshold: usize,
    clock: Clock,
    census: sweep::Census,
    last_written: AtomicU64,
}

/// Whether an entry that was written has taken nobody's place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct IsNew(bool);

impl FileSystemCache {
    /// Opens the cache in a folder, which is made if it is missing, with the defaults of [`FileSystemConfig`].
    ///
    /// # Errors
    ///
    /// Those of [`FileSystemConfig::build`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        FileSystemConfig::new(dir).build()
    }

    fn now(&self) -> u64 {
        let since_1970 = self.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX)
    }

    /// A time of writing that no other entry of this process has, so that the order of writing is always known.
    fn stamp(&self, now: u64) -> u64 {
        let next = |last: u64| Some(now.max(last.saturating_add(1)));
        match self.last_written.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) {
            Ok(last) | Err(last) => now.max(last.saturating_add(1)),
        }
    }

    /// Reads without a lock, and removes what turns out dead unless that would mean waiting.
    fn get(&self, key: &str) -> Result<Option<Entry>> {
        let name = Name::of(key);
        let shard = self.folder.shard(name.shard());
        if !shard.is_there()? {
            return Ok(None);
        }
        match self.read(&shard, name, key)? {
            Found::Live(entry) => Ok(Some(entry)),
            Found::Absent | Found::Foreign => Ok(None),
            Found::Dead => {
                let buried = shard.lock(Duration::ZERO).and_then(|locked| match locked {
                    Some(lock) => self.get_locked(&shard, &lock, name, key),
                    None => Ok(None),
                });
                match buried {
                    // It was replaced between the two looks.
                    Ok(entry) => Ok(entry),
                    Err(error) => {
                        log::debug!("FileSystemCache left a dead entry: {error:#}");
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Reads under the lock, so that what was read stays true, and removes what is dead.
    fn get_locked(&self, shard: &Shard<'_>, lock: &Lock, name: Name, key: &str) -> Result<Option<Entry>> {
        match self.read(shard, name, key)? {
            Found::Live(entry) => Ok(Some(entry)),
            Found::Absent | Found::Foreign => Ok(None),
            Found::Dead => self.remove(shard, lock, name).map(|()| None),
        }
    }

    fn read(&self, shard: &Shard<'_>, name: Name, key: &str) -> Result<Found<Entry>> {
        let path = shard.path_of(name);
        entry::read(&path, key, self.now()).map_err(|error| failed("reading", &path, error))
    }

    /// Stores what `decide` makes of the live entry, while nobody else can write; says whether it made something.
    fn edit<'v>(
        &self,
        key: &str,
        decide: impl FnOnce(Option<Entry>, u64) -> Result<Option<(Cow<'v, [u8]>, u64)>>,
    ) -> Result<bool> {
        let name = Name::of(key);
        let shard = self.folder.shard(name.shard());
        let lock = shard.lock_or_make()?;
        let edited = self.edit_locked(&shard, &lock, (name, key), decide)?;
        drop(lock);
        if edited == Some(IsNew(true)) {
            self.entry_came(name);
        }
        Ok(edited.is_some())
    }

    /// As [`edit`](Self::edit), under a lock that is held; `None` where it made nothing.
    fn edit_locked<'v>(
        &self,
        shard: &Shard<'_>,
        lock: &Lock,
        (name, key): (Name, &str),
        decide: impl FnOnce(Option<Entry>, u64) -> Result<Option<(Cow<'v, [u8]>, u64)>>,
    ) -> Result<Option<IsNew>> {
        let live = self.get_locked(shard, lock, name, key)?;
        let now = self.now();
        let Some((value, expires)) = decide(live, now)? else { return Ok(None) };
        let times = Times { expires, written: self.stamp(now) };
        shard.write(lock, (name, key), &value, times).map(|is_new| Some(IsNew(is_new)))
    }

    /// Makes the swaps that are for one shard, under one lock; gives the names of new entries.
    fn swap_in_shard(
        &self,
        index: u8,
        swaps: &[(usize, Name, &Swap<'_>)],
        outcomes: &mut [Option<Result<bool>>],
    ) -> Vec<Name> {
        let shard = self.folder.shard(index);
        let mut new = Vec::new();
        let lock = match shard.lock_or_make() {
            Ok(lock) => lock,
            Err(error) => {
                for (place, ..) in swaps {
                    outcomes[*place] = Some(Err(Error::new(error.kind(), format!("{error:#}"))));
                }
                return new;
            }
        };
        for (place, name, swap) in swaps {
            let edited = self.edit_locked(&shard, &lock, (*name, swap.key), |live, now| {
                Ok(swapped(swap, live.as_ref(), now))
            });
            if let Ok(Some(IsNew(true))) = edited {
                new.push(*name);
            }
            outcomes[*place] = Some(edited.map(|edited| edited.is_some()));
        }
        new
    }

    /// As [`edit`](Self::edit), without looking at what is there.
    fn set(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<()> {
        let name = Name::of(key);
        let shard = self.folder.shard(name.shard());
        let lock = shard.lock_or_make()?;
        let now = self.now();
        let times = Times { expires: entry::expiry(now, lifetime), written: self.stamp(now) };
        let is_new = shard.write(&lock, (name, key), value, times)?;
        drop(lock);
        if is_new {
            self.entry_came(name);
        }
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<bool> {
        let name = Name::of(key);
        let shard = self.folder.shard(name.shard());
        let Some(lock) = shard.lock(PATIENCE)? else { return Ok(false) };
        let was_live = self.get_locked(&shard, &lock, name, key)?.is_some();
        if was_live {
            self.remove(&shard, &lock, name)?;
        }
        Ok(was_live)
    }
}

impl Backend for FileSystemCache {
    fn name(&self) -> &'static str {
        "FileSystemCache"
    }

    fn capability(&self) -> Capability {
        Capability {
            stores: true,
            shared: true,
            may_block: true,
            compare_and_set: true,
            atomic_increment: true,
            in_order: true,
            exact_expiry: true,
            manual_clock: true,
            counts_entries: true,
            ..Capability::NONE
        }
    }

    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        keys.iter().map(|key| Ok(self.get(key)?.map(|entry| entry.value))).collect()
    }

    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        let mut first_failure = None;
        let mut stored = Vec::with_capacity(items.len());
        for (key, value) in items {
            let result = self.set(key, value, lifetime);
            stored.push(result.is_ok());
            if let Err(error) = result {
                log::warn!("FileSystemCache could not store an entry: {error:#}");
                first_failure.get_or_insert(error);
            }
        }
        match first_failure {
            Some(error) if !stored.contains(&true) => Err(error),
            _ => Ok(stored),
        }
    }

    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.compare_and_set(key, None, value, lifetime)
    }

    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        let swap = Swap::new(key, value).seen(seen).lifetime(lifetime);
        self.edit(key, |live, now| Ok(swapped(&swap, live.as_ref(), now)))
    }

    fn compare_and_set_many(&self, swaps: &[Swap<'_>]) -> Result<Vec<bool>> {
        let mut named: Vec<(usize, Name, &Swap<'_>)> =
            swaps.iter().enumerate().map(|(place, swap)| (place, Name::of(swap.key), swap)).collect();
        // Each shard is locked once; what is for the same key stays in order.
        named.sort_by_key(|(_, name, _)| name.shard());
        let mut outcomes: Vec<Option<Result<bool>>> = swaps.iter().map(|_| None).collect();
        for of_shard in named.chunk_by(|(_, one, _), (_, other, _)| one.shard() == other.shard()) {
            let [(_, first, _), ..] = of_shard else { continue };
            let new = self.swap_in_shard(first.shard(), of_shard, &mut outcomes);
            for name in new {
                self.entry_came(name);
            }
        }
        each(outcomes.into_iter().flatten().collect())
    }

    fn compare_and_set_many_async<'a>(&'a self, swaps: &'a [Swap<'a>]) -> Answer<'a, Result<Vec<bool>>> {
        Answer::ready(self.compare_and_set_many(swaps))
    }

    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        let results: Vec<_> = keys.iter().map(|key| self.delete(key)).collect();
        results.into_iter().collect()
    }

    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        let mut sum = delta;
        self.edit(key, |live, now| {
            let expires = match live {
                None => entry::expiry(now, lifetime),
                Some(entry) => {
                    sum = parse_integer(&entry.value)
                        .ok_or_else(|| wrong_type("expected a 64-bit integer in ASCII decimal", key))?
                        .checked_add(delta)
                        .ok_or_else(|| wrong_type("the sum does not fit 64 bits", key))?;
                    entry.expires
                }
            };
            Ok(Some((sum.to_string().into_bytes().into(), expires)))
        })?;
        Ok(sum)
    }

    fn clear(&self, prefix: &str) -> Result<()> {
        let now = self.now();
        let results: Vec<_> = (0..=u8::MAX).map(|shard| self.clear_shard(shard, prefix, now)).collect();
        results.into_iter().collect()
    }

    /// Counts by a pass over the folder; `None` if it fails.
    fn entries(&self) -> Option<usize> {
        let now = self.now();
        (0..=u8::MAX).map(|shard| self.count_live(shard, now)).sum::<Result<usize>>().ok()
    }
}

impl fmt::Debug for FileSystemCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSystemCache")
            .field("dir", &self.folder.root)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

/// What a swap makes of the live entry.
fn swapped<'v>(swap: &Swap<'v>, live: Option<&Entry>, now: u64) -> Option<(Cow<'v, [u8]>, u64)> {
    let unchanged = match (live, swap.seen) {
        (None, None) => true,
        (Some(entry), Some(seen)) => entry.value.starts_with(seen.head),
        _ => false,
    };
    unchanged.then(|| (Cow::Borrowed(swap.value), entry::expiry(now, swap.lifetime)))
}

fn wrong_type(message: &str, key: &str) -> Error {
    Error::new(ErrorKind::Type, message).with_context("key", key)
}

//! The folder on disk: 256 shards, each with a lock file, its entries, and what is being written.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{entry, os};
use crate::{Error, ErrorKind, Result};

/// How many shards there are; a name's first byte is its shard.
pub(super) const SHARDS: usize = 256;

/// How long a writer waits for the lock of a shard. Locks are held for microseconds; who holds one longer was stopped.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

const LOCK: &str = ".lock";
const TEMP_PREFIX: &str = ".cachekit-";
const TEMP_SUFFIX: &str = ".tmp";

/// The root of a cache and how files are made in it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) root: PathBuf,
    pub(super) owner: os::Owner,
    pub(super) file_mode: u32,
    pub(super) dir_mode: u32,
}

/// The name of an entry's file: the SHA-256 of its key, 64 lower-case hex digits on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name([u8; 32]);

impl Name {
    pub(super) fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    pub(super) fn shard(&self) -> u8 {
        self.0[0]
    }

    fn parse(name: &OsStr) -> Option<Self> {
        let digits = name.to_str()?.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Some(Self(bytes))
    }

    fn to_hex(self) -> String {
        self.0.iter().flat_map(|byte| hex(*byte)).collect()
    }
}

/// One of the 256 folders under the root.
#[derive(Debug)]
pub(super) struct Shard<'a> {
    folder: &'a Folder,
    index: u8,
    path: PathBuf,
}

/// Proof that a shard is locked against every other writer, in this process and others, until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Closing would not do: a process that was forked meanwhile has the file open too, and would keep the lock.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            log::debug!("FileSystemCache could not unlock a shard: {error}");
        }
    }
}

/// A file in a shard that bears a name of ours.
pub(super) enum Item {
    Entry(Name),
    /// What a writer has not finished.
    Temp(PathBuf),
}

impl Folder {
    pub(super) fn shard(&self, index: u8) -> Shard<'_> {
        Shard { folder: self, index, path: self.root.join(hex(index).iter().collect::<String>()) }
    }

    /// The right to prune, or nothing if somebody is at it.
    pub(super) fn try_lock_pruning(&self) -> Result<Option<Lock>> {
        let path = self.root.join(".prune");
        let file = os::open_lock(&path).map_err(|error| failed("locking", &path, error))?;
        match wait_for(file, &path, Duration::ZERO) {
            Err(error) if error.kind() == ErrorKind::TimedOut => Ok(None),
            locked => locked.map(Some),
        }
    }
}

impl Shard<'_> {
    pub(super) fn path_of(&self, name: Name) -> PathBuf {
        self.path.join(name.to_hex())
    }

    /// Whether the shard is there and a folder that nobody else could have made.
    pub(super) fn is_there(&self) -> Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) => {
                Ok(found.is_dir() && self.folder.owner.may_own(&found) && !os::is_world_writable(&found))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("looking at", &self.path, error)),
        }
    }

    /// Locks the shard; `None` if there is none.
    pub(super) fn lock(&self, patience: Duration) -> Result<Option<Lock>> {
        if !self.is_there()? {
            return Ok(None);
        }
        let path = self.path.join(LOCK);
        match os::open_lock(&path) {
            Ok(file) => wait_for(file, &path, patience).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(failed("locking", &path, error)),
        }
    }

    /// Locks the shard, which is made if there is none.
    pub(super) fn lock_or_make(&self) -> Result<Lock> {
        if let Some(locked) = self.lock(PATIENCE)? {
            return Ok(locked);
        }
        let mode = self.folder.dir_mode;
        os::make_dirs(&self.path, mode).map_err(|error| failed("making", &self.path, error))?;
        self.lock(PATIENCE)?.ok_or_else(|| {
            let message = "expected a folder that belongs to this process's user and is not world-writable";
            Error::new(ErrorKind::Backend, message).with_context("path", self.path.display().to_string())
        })
    }

    /// Writes an entry beside its place and moves it there at once; says whether the place was empty.
    ///
    /// The unfinished file exists only under the lock. So whoever holds the lock and sees one knows that its writer
    /// was killed.
    pub(super) fn write(
        &self,
        _: &Lock,
        (name, key): (Name, &str),
        value: &[u8],
        times: entry::Times,
    ) -> Result<bool> {
        let key_len = u32::try_from(key.len())
            .map_err(|_| Error::new(ErrorKind::Invalid, "expected a key shorter than 4 GiB"))?;
        let path = self.path_of(name);
        let put = || {
            let mut builder = tempfile::Builder::new();
            let mut temp =
                builder.prefix(TEMP_PREFIX).suffix(TEMP_SUFFIX).rand_bytes(12).tempfile_in(&self.path)?;
            os::set_mode(temp.as_file(), self.folder.file_mode)?;
            entry::write(temp.as_file_mut(), (key, key_len), value, times)?;
            let is_new = !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            temp.persist(&path).map_err(|unmoved| unmoved.error)?;
            Ok(is_new)
        };
        put().map_err(|error| failed("writing", &path, error))
    }

    /// Removes what bears a name of ours; says whether it was there.
    pub(super) fn remove(&self, _: &Lock, name: Name) -> Result<bool> {
        remove(&self.path_of(name))
    }

    /// Removes what a killed writer left.
    pub(super) fn remove_temp(_: &Lock, path: &Path) -> Result<bool> {
        remove(path)
    }

    /// The files of ours in this shard. Everything else is as if it were not there.
    pub(super) fn items(&self) -> Result<Vec<Item>> {
        let list = || {
            let mut items = Vec::new();
            for found in fs::read_dir(&self.path)? {
                let found = found?;
                items
                    .extend(self.item(&found).filter(|_| found.file_type().is_ok_and(|kind| kind.is_file())));
            }
            Ok(items)
        };
        match list() {
            Err(error) if is_gone(&error) => Ok(Vec::new()),
            listed => listed.map_err(|error| failed("listing", &self.path, error)),
        }
    }

    fn item(&self, found: &fs::DirEntry) -> Option<Item> {
        let name = found.file_name();
        if let Some(entry) = Name::parse(&name) {
            return (entry.shard() == self.index).then_some(Item::Entry(entry));
        }
        let text = name.to_str()?;
        (text.starts_with(TEMP_PREFIX) && text.ends_with(TEMP_SUFFIX)).then(|| Item::Temp(found.path()))
    }
}

/// An error with what was done to what.
pub(super) fn failed(doing: &'static str, path: &Path, error: io::Error) -> Error {
    Error::from(error).with_context(doing, path.display().to_string())
}

fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(failed("removing", path, error)),
    }
}

/// Waits by asking again and again, because a wait in the kernel has no deadline.
fn wait_for(file: File, path: &Path, patience: Duration) -> Result<Lock> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { file }),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(failed("locking", path, error)),
            Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                let message = "another process holds the lock and does not let go";
                return Err(Error::new(ErrorKind::TimedOut, message)
                    .with_context("locking", path.display().to_string()));
            }
            Err(TryLockError::WouldBlock) => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(2));
            }
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn hex(byte: u8) -> [char; 2] {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    [digit(byte >> 4), digit(byte & 15)]
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

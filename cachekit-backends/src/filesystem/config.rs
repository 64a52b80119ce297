//! How a cache on disk is set up, and which folders it refuses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;

use super::os;
use super::shard::{Folder, failed};
use super::{FileSystemCache, sweep};
use crate::{Clock, Error, ErrorKind, Result};

/// How a [`FileSystemCache`] is set up.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("cache");
/// use cachekit_backends::{Backend, FileSystemConfig};
///
/// let cache = FileSystemConfig::new(dir).threshold(10_000).mode(0o640).build()?;
/// cache.set_many(&[("user:7", b"Ada")], None)?;
/// assert_eq!(cache.get_many(&["user:7"])?, [Some(b"Ada".to_vec())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FileSystemConfig {
    dir: PathBuf,
    threshold: usize,
    mode: u32,
    clock: Clock,
}

impl FileSystemConfig {
    /// A cache in this folder, which is made if it is missing, with at most 500 entries that only their owner can read.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), threshold: 500, mode: 0o600, clock: Clock::SYSTEM }
    }

    /// Sets how many entries are kept; `0` sets no bound.
    pub fn threshold(mut self, entries: usize) -> Self {
        self.threshold = entries;
        self
    }

    /// Sets the mode of entries' files, whatever the umask. The cache's folders get 0700, and the group or the others
    /// may pass through them if they may read the files. It is ignored elsewhere than on Unix.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the clock that lifetimes follow. Processes that share a folder need clocks that agree.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the cache.
    ///
    /// A symbolic link is followed here, and only here. What killed writers left behind is removed.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) if the folder is no folder, if everybody may put files into it (unless it is
    /// sticky), if it belongs to someone else than this process's user or root, or if the mode is no
    /// mode or keeps the owner from reading; otherwise when the folder cannot be made, read or written.
    pub fn build(self) -> Result<FileSystemCache> {
        if self.mode & !0o777 != 0 || self.mode & 0o400 == 0 {
            let message = "expected a file mode up to 0777 that lets the owner read, such as 0600";
            return Err(
                Error::new(ErrorKind::Config, message).with_context("mode", format!("{:04o}", self.mode))
            );
        }
        // Who may read a file must be able to get to it, which takes the x bits of the folders.
        let dir_mode = 0o700 | (self.mode & 0o044) >> 2;
        let (root, owner) = prepare(&self.dir, dir_mode)?;
        let folder = Folder { root, owner, file_mode: self.mode, dir_mode };
        let cache = FileSystemCache {
            folder,
            threshold: self.threshold,
            clock: self.clock,
            census: sweep::Census::default(),
            last_written: AtomicU64::new(0),
        };
        cache.take_census()?;
        Ok(cache)
    }
}

fn prepare(dir: &Path, mode: u32) -> Result<(PathBuf, os::Owner)> {
    let refuse = |message| {
        Error::new(ErrorKind::Config, message).with_context("cache folder", dir.display().to_string())
    };
    if dir.as_os_str().is_empty() {
        return Err(refuse("expected the path of a folder, found an empty one"));
    }
    match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => return Err(refuse("expected a folder, found something else")),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(refuse("expected folders on the way there, found something else").with_source(error));
        }
        Ok(_) => {}
        Err(_) => os::make_dirs(dir, mode).map_err(|error| failed("making", dir, error))?,
    }
    let root = fs::canonicalize(dir).map_err(|error| failed("opening", dir, error))?;
    let found = fs::metadata(&root).map_err(|error| failed("opening", dir, error))?;
    if !found.is_dir() {
        return Err(refuse("expected a folder, found something else"));
    }
    if os::is_world_writable(&found) && !os::is_sticky(&found) {
        return Err(refuse(
            "expected a folder that is not world-writable; take the others' right to write away",
        ));
    }
    let owner = os::Owner::of_new_files_in(&root).map_err(|error| failed("writing to", dir, error))?;
    if !owner.may_own(&found) {
        return Err(refuse("expected a folder that belongs to this process's user or to root"));
    }
    Ok((root, owner))
}

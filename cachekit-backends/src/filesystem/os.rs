//! What differs between Unix and the rest: modes, owners, and opening without being led astray.
//!
//! Elsewhere than on Unix there are no modes and no owners to check: files get what their folder gives them.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a folder and its missing parents with this mode, whatever the umask; those that exist are left as they are.
pub(super) fn make_dirs(path: &Path, mode: u32) -> io::Result<()> {
    match make_dir(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
                return Err(error);
            };
            make_dirs(parent, mode)?;
            make_dir(path, mode)
        }
        result => result,
    }
}

/// Creates one folder with this mode unless something of its name exists.
pub(super) fn make_dir(path: &Path, mode: u32) -> io::Result<()> {
    match create_dir(path, mode) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

#[cfg(unix)]
mod imp {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};

    use super::{DirBuilder, File, Metadata, OpenOptions, Path, fs, io};

    const STICKY: u32 = 0o1000;
    const WORLD_WRITABLE: u32 = 0o002;

    /// Who may have made the folders we trust: this process's user, and root.
    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Owner(u32);

    impl Owner {
        /// The user this process creates files as, found by creating one that never has a name.
        pub(in super::super) fn of_new_files_in(dir: &Path) -> io::Result<Self> {
            Ok(Self(tempfile::tempfile_in(dir)?.metadata()?.uid()))
        }

        pub(in super::super) fn may_own(self, metadata: &Metadata) -> bool {
            metadata.uid() == self.0 || metadata.uid() == 0
        }
    }

    /// Whether anybody can put files there.
    pub(in super::super) fn is_world_writable(metadata: &Metadata) -> bool {
        metadata.mode() & WORLD_WRITABLE != 0
    }

    /// Whether people can remove only what is their own there.
    pub(in super::super) fn is_sticky(metadata: &Metadata) -> bool {
        metadata.mode() & STICKY != 0
    }

    /// Opens without following a link and without waiting for the other end of a pipe.
    pub(in super::super) fn open_to_read(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    }

    pub(in super::super) fn open_lock(path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    }

    /// Sets the mode on the open file, so that no other file can be meant.
    pub(in super::super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
        file.set_permissions(fs::Permissions::from_mode(mode))
    }

    pub(super) fn create_dir(path: &Path, mode: u32) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        let mut options = OpenOptions::new();
        let dir = options.read(true).custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY).open(path)?;
        if dir.metadata()?.mode() & 0o777 == mode { Ok(()) } else { set_mode(&dir, mode) }
    }
}

#[cfg(not(unix))]
#[allow(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the signatures are those of the other variant"
)]
mod imp {
    use super::{DirBuilder, File, Metadata, OpenOptions, Path, fs, io};

    #[derive(Clone, Copy, Debug)]
    pub(in super::super) struct Owner;

    impl Owner {
        pub(in super::super) fn of_new_files_in(dir: &Path) -> io::Result<Self> {
            tempfile::tempfile_in(dir).map(|_| Self)
        }

        pub(in super::super) fn may_own(self, _: &Metadata) -> bool {
            true
        }
    }

    pub(in super::super) fn is_world_writable(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn is_sticky(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn open_to_read(path: &Path) -> io::Result<File> {
        if fs::symlink_metadata(path)?.is_file() {
            File::open(path)
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    pub(in super::super) fn open_lock(path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
    }

    pub(in super::super) fn set_mode(_: &File, _: u32) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn create_dir(path: &Path, _: u32) -> io::Result<()> {
        DirBuilder::new().create(path)
    }
}

use imp::create_dir;
pub(super) use imp::{Owner, is_sticky, is_world_writable, open_lock, open_to_read, set_mode};

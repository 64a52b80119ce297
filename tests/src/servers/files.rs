//! The folder of a server, and the user it runs as.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use tempfile::TempDir;

/// Whether this process runs as root.
pub(super) fn is_root() -> bool {
    // SAFETY: it has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// User and group that servers run as: root's run as nobody, others as who starts them.
pub(super) fn unprivileged() -> Option<(u32, u32)> {
    if !is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let nobody = users.lines().find_map(|line| line.strip_prefix("nobody:")).expect("a user `nobody`");
    let mut numbers = nobody.split(':').skip(1).map(|number| number.parse().expect("a number"));
    numbers.next().zip(numbers.next())
}

/// A new folder that a server may write to.
pub(super) fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("cachekit-").tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("its permissions");
    give_away(folder.path());
    folder
}

/// Writes a file that a server may read and write.
pub(super) fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file of a server");
    give_away(path);
}

/// Makes a file the server's.
pub(super) fn give_away(path: &Path) {
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).expect("a file given to nobody");
    }
}

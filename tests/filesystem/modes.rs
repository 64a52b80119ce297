//! File modes: what they should be, whatever the umask of the process.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cachekit_backends::{Backend, FileSystemConfig};

use super::helper::{all_files, child, private_dir, set};

/// In a child process, because the umask belongs to the whole process.
pub(crate) fn write_under_umask(dir: &Path, argument: &str) {
    let (umask, mode) = argument.split_once(' ').expect("a umask and a mode");
    let octal = |text| u32::from_str_radix(text, 8).expect("octal digits");
    // SAFETY: umask has no preconditions and cannot fail.
    unsafe { libc::umask(octal(umask)) };
    let cache = FileSystemConfig::new(dir).mode(octal(mode)).threshold(20).build().expect("a cache");
    for number in 0..50 {
        set(&cache, &number.to_string(), b"v");
    }
    assert!(cache.add("added", b"v", None).expect("an add"));
    assert_eq!(cache.increment("counted", 1, None).expect("an increment"), 1);
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("a file").permissions().mode() & 0o7777
}

fn check(umask: &str, file: u32, folder: u32) {
    let outer = private_dir();
    let dir = outer.path().join("made").join("on the way").join("cache");
    let status = child("umask", &dir, &format!("{umask} {file:o}")).status().expect("a child");
    assert!(status.success());

    let mut folders: Vec<PathBuf> = dir.ancestors().take(3).map(Into::into).collect();
    let files = all_files(&dir);
    folders.extend(files.iter().map(|path| path.parent().expect("a shard").to_owned()));
    assert!(files.len() >= 18, "{} files", files.len());
    for path in files {
        assert_eq!(mode(&path), file, "umask {umask}: {}", path.display());
    }
    for path in folders {
        assert_eq!(mode(&path), folder, "umask {umask}: {}", path.display());
        let lock = path.join(".lock");
        if lock.exists() {
            assert_eq!(mode(&lock), 0o600, "umask {umask}: {}", lock.display());
        }
    }
    assert_eq!(mode(&dir.join(".prune")), 0o600);
}

#[test]
fn under_umask_000_files_are_0600_and_folders_0700() {
    check("000", 0o600, 0o700);
}

#[test]
fn under_umask_077_files_are_0600_and_folders_0700() {
    check("077", 0o600, 0o700);
}

#[test]
fn a_wider_mode_holds_under_any_umask_and_opens_the_folders_for_passing() {
    for umask in ["000", "022", "077"] {
        check(umask, 0o640, 0o710);
        check(umask, 0o644, 0o711);
        check(umask, 0o400, 0o700);
    }
}

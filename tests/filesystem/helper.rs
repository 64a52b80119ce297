//! What the tests share: short words for operations, a look at the folder, and child processes.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cachekit_backends::{Backend, FileSystemCache, FileSystemConfig, ManualClock};

/// A cache in a folder of its own that goes with it, on a clock that stands still.
pub(crate) struct Scratch {
    pub(crate) cache: FileSystemCache,
    pub(crate) clock: ManualClock,
    pub(crate) dir: PathBuf,
    _outer: tempfile::TempDir,
}

pub(crate) fn scratch(threshold: usize) -> Scratch {
    let outer = private_dir();
    let dir = outer.path().join("cache");
    let clock = ManualClock::new();
    let cache =
        FileSystemConfig::new(&dir).threshold(threshold).clock(clock.clock()).build().expect("a cache");
    Scratch { cache, clock, dir, _outer: outer }
}

/// A folder that only this user can enter, whatever the umask.
pub(crate) fn private_dir() -> tempfile::TempDir {
    let mode = fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir().expect("a scratch folder")
}

/// Makes a folder and its parents as the cache would.
pub(crate) fn make_private(dir: &Path) {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).expect("a folder");
}

pub(crate) fn set(cache: &FileSystemCache, key: &str, value: &[u8]) {
    set_for(cache, key, value, None);
}

pub(crate) fn set_for(cache: &FileSystemCache, key: &str, value: &[u8], lifetime: Option<Duration>) {
    assert_eq!(cache.set_many(&[(key, value)], lifetime).expect("a write"), [true], "{key}");
}

pub(crate) fn get(cache: &FileSystemCache, key: &str) -> Option<Vec<u8>> {
    let value = cache.get_many(&[key]).expect("a read, whatever is on the disk").remove(0);
    let has = cache.has_many(&[key]).expect("a look, whatever is on the disk").remove(0);
    assert_eq!(has, value.is_some(), "has and get agree about {key}");
    value
}

pub(crate) fn delete(cache: &FileSystemCache, key: &str) -> bool {
    cache.delete_many(&[key]).expect("a removal").remove(0)
}

/// The path of a key's file under the cache's folder, found by storing the key in another cache.
pub(crate) fn path_of(dir: &Path, key: &str) -> PathBuf {
    let other = scratch(0);
    set(&other.cache, key, b"");
    let path = entry_files(&other.dir).remove(0);
    dir.join(path.strip_prefix(&other.dir).expect("a path below the folder"))
}

/// Everything that is neither a folder nor a lock file, anywhere below the cache's folder.
pub(crate) fn all_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for found in fs::read_dir(dir).expect("a folder") {
        let path = found.expect("an item").path();
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            files.extend(all_files(&path));
        } else if !path.ends_with(".lock") && !path.ends_with(".prune") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The files that bear the name of an entry.
pub(crate) fn entry_files(dir: &Path) -> Vec<PathBuf> {
    all_files(dir).into_iter().filter(|path| name(path).len() == 64).collect()
}

/// The files that a writer has not finished.
pub(crate) fn temp_files(dir: &Path) -> Vec<PathBuf> {
    all_files(dir).into_iter().filter(|path| name(path).starts_with(".cachekit-")).collect()
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

const ROLE: &str = "CACHEKIT_TEST_ROLE";
const DIR: &str = "CACHEKIT_TEST_DIR";
const ARGUMENT: &str = "CACHEKIT_TEST_ARGUMENT";

/// A command that runs this very program as a child in a role. What it prints can be read from its standard output.
pub(crate) fn child(role: &str, dir: &Path, argument: &dyn ToString) -> Command {
    let mut command = Command::new(env::current_exe().expect("the path of this program"));
    command.args(["--exact", "helper::process", "--nocapture", "--test-threads=1"]);
    command
        .env(ROLE, role)
        .env(DIR, dir)
        .env(ARGUMENT, argument.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// The number that a child printed after the word `result`.
pub(crate) fn result_of(stdout: &[u8]) -> usize {
    let text = String::from_utf8_lossy(stdout);
    let number = text.lines().find_map(|line| line.split_once("result ")).map(|(_, number)| number);
    number.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no result in {text:?}"))
}

/// Says what a test leaves out, past the capture of output, so that nothing is skipped silently.
pub(crate) fn leave_out(what: &str) {
    writeln!(io::stderr(), "left out: {what}").expect("standard error");
}

/// Not a test of its own: the body of the child processes that other tests start.
#[test]
fn process() {
    let Ok(role) = env::var(ROLE) else { return };
    let dir = PathBuf::from(env::var(DIR).unwrap());
    let argument = env::var(ARGUMENT).unwrap();
    match role.as_str() {
        "churn" => super::processes::churn(&dir, argument.parse().unwrap()),
        "race" => super::processes::race(&dir, argument.parse().unwrap()),
        "write-until-killed" => super::processes::write_until_killed(&dir, argument.parse().unwrap()),
        "hold-a-lock" => super::processes::hold_a_lock(&dir),
        "umask" => super::modes::write_under_umask(&dir, &argument),
        "unprivileged" => super::foreign::work_unprivileged(&dir),
        "small-disk" => super::full::fill_a_small_disk(&dir),
        "small-files" => super::full::write_beyond_the_limit(&dir),
        other => panic!("no role {other}"),
    }
}

/// Pseudo-random numbers that a seed repeats (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from(number).expect("32 bits") % bound
    }
}

//! Which programs are there, and what happens where one is not.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use super::files::is_root;

/// The variable that makes a missing program a failure.
const VARIABLE: &str = "CACHEKIT_SERVERS";

/// Name under which uWSGI is asked for, whatever it is called here.
pub(super) const UWSGI: &str = "uwsgi-core";

/// The programs, and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 9] = [
    ("redis-server", "redis-server"),
    ("redis-sentinel", "redis-sentinel"),
    ("redis-cli", "redis-tools"),
    ("memcached", "memcached"),
    ("saslpasswd2", "sasl2-bin"),
    (UWSGI, "uwsgi-core"),
    ("openssl", "openssl"),
    ("setsid", "util-linux"),
    ("setpriv", "util-linux"),
];

/// Folders that are looked at beside those of `PATH`, which often lacks them for an ordinary user.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// A program that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub program: &'static str,
    /// The Debian package that brings it.
    pub package: &'static str,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not installed (package {})", self.program, self.package)?;
        if self.program == UWSGI { write!(f, ", nor is a uwsgi with the cache plugin") } else { Ok(()) }
    }
}

/// The programs that are not there; the servers that need them cannot be started.
pub fn missing() -> Vec<Missing> {
    missing_of(|_| true)
}

/// Whether a missing program is a failure: `CACHEKIT_SERVERS=required`.
pub fn required() -> bool {
    env::var_os(VARIABLE).is_some_and(|value| value == "required")
}

/// `None` where one of these programs is missing, which is printed, past the capture of test output, for the test that
/// this thread runs.
///
/// # Panics
///
/// Where one is missing and `CACHEKIT_SERVERS=required`.
pub fn available(programs: &[&str]) -> Option<()> {
    let always = ["setsid", "setpriv"];
    let missing = missing_of(|program| programs.contains(&program) || always.contains(&program));
    if missing.is_empty() {
        return Some(());
    }
    let missing: Vec<String> = missing.iter().map(Missing::to_string).collect();
    let what = format!("{}; `cargo xtask servers` installs what the tests need", missing.join(", "));
    assert!(!required(), "{VARIABLE}=required, but {what}");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln!`, which libtest keeps to itself.
    let _ = writeln!(io::stderr(), "left out: {test}: {what}");
    None
}

fn missing_of(wanted: impl Fn(&str) -> bool) -> Vec<Missing> {
    let lacks = |program: &str| match program {
        UWSGI => uwsgi().is_none(),
        // Only root has privileges to give up.
        "setpriv" => is_root() && find(program).is_none(),
        _ => find(program).is_none(),
    };
    let found = PROGRAMS.iter().filter(|(program, _)| wanted(program) && lacks(program));
    found.map(|&(program, package)| Missing { program, package }).collect()
}

/// Where a program is.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| is_program(path))
}

/// A command for a program that [`available`] has found.
pub(super) fn command(program: &str) -> Command {
    // Where it went meanwhile, running it says so.
    Command::new(find(program).unwrap_or_else(|| program.into()))
}

/// How uWSGI is called here so that it has its cache plugin: Debian's loads it, others are built with it.
pub(super) fn uwsgi() -> Option<&'static [String]> {
    static FOUND: OnceLock<Option<Vec<String>>> = OnceLock::new();
    let candidates: [&[&str]; 3] =
        [&["uwsgi-core", "--plugin", "cache"], &["uwsgi"], &["uwsgi", "--plugin", "cache"]];
    let found = || candidates.iter().find_map(|candidate| uwsgi_with_cache(candidate));
    FOUND.get_or_init(found).as_deref()
}

fn uwsgi_with_cache(words: &[&str]) -> Option<Vec<String>> {
    let (program, arguments) = words.split_first()?;
    let program = find(program)?;
    let output = Command::new(&program).args(arguments).arg("--plugin-list").output().ok()?;
    let printed = [output.stdout, output.stderr].concat();
    let lists_it = String::from_utf8_lossy(&printed).lines().any(|line| line.trim() == "111: cache");
    let program = program.to_string_lossy().into_owned();
    lists_it.then(|| [program].into_iter().chain(arguments.iter().map(ToString::to_string)).collect())
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

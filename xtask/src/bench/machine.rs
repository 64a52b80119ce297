//! What it was measured on.

use std::fs;
use std::process::Command;
use std::thread;

use crate::run::{output, root};

/// The peers, and what counts the instructions, by the names of their crates.
const PEERS: [&str; 13] = [
    "cached",
    "memoize",
    "cachelito",
    "moka",
    "mini-moka",
    "quick_cache",
    "foyer",
    "dashmap",
    "papaya",
    "rapidhash",
    "redis",
    "memcache",
    "gungraun",
];

/// What the processor calls itself.
pub(crate) fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
    name.map_or_else(|| "an unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

/// The machine, the compiler, and the versions of the peers.
pub(super) fn describe() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let said = |words: &[&str]| {
        let text = output(Command::new(words[0]).args(&words[1..])).unwrap_or_default();
        text.trim().to_owned()
    };
    format!(
        "- Machine: {}, {cores} cores, {}\n- Compiler: {}; release, thin LTO, one codegen unit\n- Peers: {}\n",
        cpu(),
        said(&["uname", "-srm"]),
        said(&["rustc", "--version"]),
        versions().join(", "),
    )
}

/// When, and what of the repository.
pub(super) fn moment() -> String {
    let said = |words: &[&str]| {
        let text = output(Command::new(words[0]).args(&words[1..]).current_dir(root())).unwrap_or_default();
        text.trim().to_owned()
    };
    let changed = if said(&["git", "status", "--porcelain"]).is_empty() { "" } else { " and changes" };
    format!(
        "{}, revision {}{changed}",
        said(&["date", "+%F"]),
        said(&["git", "rev-parse", "--short", "HEAD"])
    )
}

fn versions() -> Vec<String> {
    let lock = fs::read_to_string(root().join("benches/Cargo.lock")).unwrap_or_default();
    // Where a crate is there twice, the later is the peer, the other somebody's dependency.
    PEERS.iter().filter_map(|name| Some(format!("{name} {}", locked(&lock, name)?))).collect()
}

/// The last version of that name in a lock file.
pub(crate) fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let named = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut found = None;
    while lines.by_ref().any(|line| line == named) {
        found = lines.next().and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn the_later_of_two_versions_is_found() {
        let lock =
            "[[package]]\nname = \"a\"\nversion = \"5.0\"\n\n[[package]]\nname = \"a\"\nversion = \"6.1\"\n";
        assert_eq!(locked(lock, "a"), Some("6.1"));
        assert_eq!(locked(lock, "b"), None);
    }
}

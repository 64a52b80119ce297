//! Several processes at once, and processes that are killed.

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write, stdout};
use std::path::Path;
use std::process::{Child, ChildStdout};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::{Backend, ErrorKind, FileSystemCache, FileSystemConfig, Seen};
use cachekit_tests::watch::Watch;

use super::helper::{
    Random, all_files, child, delete, entry_files, get, path_of, private_dir, result_of, set, set_for,
    temp_files,
};

const PROCESSES: usize = 4;
const THRESHOLD: usize = 100;

/// A child that never ends by itself, and not later than this does.
struct Endless {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Endless {
    fn start(role: &str, dir: &Path, argument: u64) -> Self {
        let mut child = child(role, dir, &argument).spawn().expect("a child");
        let stdout = child.stdout.take().expect("its output");
        Self { child, lines: BufReader::new(stdout).lines() }
    }

    /// Waits until it says that it is doing something.
    fn wait_for(&mut self, word: &str) {
        assert!(self.lines.any(|line| line.is_ok_and(|line| line.contains(word))), "it never said {word}");
    }
}

impl Drop for Endless {
    /// Kills it at once, whatever it is doing.
    fn drop(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("its end");
    }
}

/// A value of some length that tells which key it belongs to, from its first byte to its last.
fn value_for(key: &str, length: usize) -> Vec<u8> {
    key.bytes().chain([b'=']).cycle().take((key.len() + 1) * (1 + length)).collect()
}

fn check(key: &str, value: &[u8]) {
    let unit = key.len() + 1;
    assert!(!value.is_empty() && value.len().is_multiple_of(unit), "{key} has {} bytes", value.len());
    assert_eq!(value, value_for(key, value.len() / unit - 1), "the value of {key}");
}

fn bounded(dir: &Path) -> FileSystemCache {
    FileSystemConfig::new(dir).threshold(THRESHOLD).build().expect("a cache")
}

#[test]
fn four_processes_write_and_prune_at_once_and_never_see_a_wrong_value() {
    let dir = private_dir();
    let children: Vec<Child> =
        (0..PROCESSES).map(|number| child("churn", dir.path(), &number).spawn().unwrap()).collect();
    for running in children {
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(result_of(&output.stdout) > 100, "enough hits to mean something");
    }
    let files = entry_files(dir.path()).len();
    assert!(files <= THRESHOLD + (PROCESSES - 1) * 16, "{files} files");
    assert_eq!(temp_files(dir.path()).len(), 0);

    let cache = bounded(dir.path());
    set(&cache, "one more", b"v");
    for number in 0..16 {
        set(&cache, &format!("another {number}"), b"v");
    }
    assert!(entry_files(dir.path()).len() <= THRESHOLD, "the next writer brings it back under the threshold");
    let live = cache.entries().unwrap();
    let found = (0..400).filter_map(|number| get(&cache, &format!("key {number}"))).count();
    assert_eq!(found + 17, live, "every file is the entry of some key");
}

/// Every operation on 400 keys, checking every value that comes back.
pub(crate) fn churn(dir: &Path, seed: u64) {
    let cache = bounded(dir);
    let mut random = Random::new(seed + 1);
    let mut hits = 0;
    for _ in 0..2000 {
        let key = format!("key {}", random.below(400));
        let value = value_for(&key, random.below(500));
        let lifetime = match random.below(3) {
            0 => None,
            1 => Some(Duration::from_millis(5)),
            _ => Some(Duration::from_secs(60)),
        };
        match random.below(100) {
            0..40 => {
                let held = cache.get_many(&[&key]).expect("a read").remove(0);
                hits += held.inspect(|value| check(&key, value)).iter().count();
            }
            40..80 => set_for(&cache, &key, &value, lifetime),
            80..85 => {
                cache.add(&key, &value, lifetime).expect("an add");
            }
            85..90 => {
                let old = cache.get_many(&[&key]).expect("a read").remove(0);
                cache
                    .compare_and_set(&key, old.as_deref().map(Seen::new), &value, lifetime)
                    .expect("an attempt");
            }
            90..99 => {
                delete(&cache, &key);
            }
            _ => cache.clear(&key).expect("a clear"),
        }
    }
    println!("result {hits}");
}

#[test]
fn add_compare_and_set_increment_and_delete_are_atomic_among_processes() {
    let dir = private_dir();
    let cache = FileSystemConfig::new(dir.path()).threshold(0).build().unwrap();
    for number in 0..ROUNDS {
        set(&cache, &format!("delete {number}"), b"v");
    }
    set(&cache, "swap", b"0");
    let children: Vec<Child> =
        (0..PROCESSES).map(|number| child("race", dir.path(), &number).spawn().unwrap()).collect();
    let mut wins = 0;
    for running in children {
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        wins += result_of(&output.stdout);
    }
    assert_eq!(wins, 2 * ROUNDS, "each add and each delete was won by exactly one process");
    assert_eq!(get(&cache, "count"), Some((PROCESSES * ROUNDS).to_string().into_bytes()));
    assert_eq!(get(&cache, "swap"), Some((PROCESSES * ROUNDS).to_string().into_bytes()));
    assert_eq!(cache.entries(), Some(ROUNDS + 2));
}

const ROUNDS: usize = 200;

/// Counts how many adds and deletes this process won.
pub(crate) fn race(dir: &Path, number: usize) {
    let cache = FileSystemConfig::new(dir).threshold(0).build().expect("a cache");
    let mut wins = 0;
    for round in 0..ROUNDS {
        let mine = number.to_string();
        wins += usize::from(cache.add(&format!("add {round}"), mine.as_bytes(), None).expect("an add"));
        wins += usize::from(delete(&cache, &format!("delete {round}")));
        cache.increment("count", 1, None).expect("an increment");
        loop {
            let seen = get_unchecked(&cache, "swap");
            let next: usize = 1 + str::from_utf8(&seen).expect("digits").parse::<usize>().expect("a number");
            let next = next.to_string();
            if cache
                .compare_and_set("swap", Some(Seen::new(&seen)), next.as_bytes(), None)
                .expect("an attempt")
            {
                break;
            }
        }
    }
    println!("result {wins}");
}

fn get_unchecked(cache: &FileSystemCache, key: &str) -> Vec<u8> {
    cache.get_many(&[key]).expect("a read").remove(0).expect("a value")
}

#[test]
fn killing_a_writer_200_times_leaves_no_torn_value_and_no_junk() {
    let dir = private_dir();
    let mut random = Random::new(7);
    let mut orphans = 0;
    let mut hits = 0;
    for round in 0..200 {
        let mut writer = Endless::start("write-until-killed", dir.path(), round);
        writer.wait_for("writing");
        thread::sleep(Duration::from_micros(random.below(5000) as u64));
        drop(writer);
        orphans += temp_files(dir.path()).len();

        let cache = bounded_by_count(dir.path());
        assert_eq!(temp_files(dir.path()).len(), 0, "opening the cache removes what the writer left");
        for number in 0..KEYS {
            let key = format!("key {number}");
            hits += get(&cache, &key).inspect(|value| check(&key, value)).iter().count();
        }
        set(&cache, "after", b"no lock outlives its process");
        let files = all_files(dir.path());
        assert!(files.len() <= KEYS + 1, "{files:?}");
        assert_eq!(files, entry_files(dir.path()), "nothing but entries");
    }
    println!("200 kills: {orphans} unfinished files found and removed, {hits} values checked");
    assert!(orphans > 0, "some kill must hit a write for this to mean anything");
    assert!(hits > 1000, "{hits}");
}

const KEYS: usize = 10;

fn bounded_by_count(dir: &Path) -> FileSystemCache {
    FileSystemConfig::new(dir).threshold(KEYS + 1).build().expect("a cache")
}

pub(crate) fn write_until_killed(dir: &Path, seed: u64) {
    let cache = bounded_by_count(dir);
    let mut random = Random::new(seed + 1);
    println!("writing");
    stdout().flush().expect("a reader");
    loop {
        let key = format!("key {}", random.below(KEYS));
        set(&cache, &key, &value_for(&key, random.below(8_000)));
        if random.below(10) == 0 {
            delete(&cache, &key);
        }
    }
}

#[test]
fn a_process_that_hangs_with_a_lock_delays_writers_but_not_for_ever_and_readers_not_at_all() {
    let dir = private_dir();
    let cache = FileSystemCache::open(dir.path()).unwrap();
    set(&cache, "k", b"v");
    let mut holder = Endless::start("hold-a-lock", dir.path(), 0);
    holder.wait_for("holding");

    let start = Watch::start();
    assert_eq!(get(&cache, "k"), Some(b"v".to_vec()));
    assert!(start.elapsed() < Duration::from_secs(1), "readers take no lock");
    FileSystemCache::open(dir.path()).unwrap();
    let error = cache.set_many(&[("k", b"w")], None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:#}");
    assert!(start.elapsed() < Duration::from_secs(20));

    drop(holder);
    set(&cache, "k", b"w");
}

pub(crate) fn hold_a_lock(dir: &Path) {
    let lock =
        File::options().write(true).open(path_of(dir, "k").with_file_name(".lock")).expect("a lock file");
    lock.lock().expect("the lock");
    println!("holding");
    stdout().flush().expect("a reader");
    loop {
        thread::park();
    }
}

#[test]
fn readers_see_the_old_value_or_the_new_one_while_it_is_replaced() {
    let dir = private_dir();
    let cache = FileSystemCache::open(dir.path()).unwrap();
    set(&cache, "k", &value_for("k", 0));
    let mut writer = Endless::start("write-until-killed", dir.path(), 1);
    writer.wait_for("writing");
    let stop = Instant::now() + Duration::from_millis(500);
    let mut reads = 0;
    while Instant::now() < stop {
        for number in 0..KEYS {
            let key = format!("key {number}");
            if let Some(value) = cache.get_many(&[&key]).unwrap().remove(0) {
                check(&key, &value);
                reads += 1;
            }
        }
    }
    drop(writer);
    assert!(reads > 0);
}

//! Owners of leases who are not there when they should be, or are two at a time: it may cost a computation, and nothing
//! old is ever stored over something newer, or after it was forgotten.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

use super::lock::{Server, note, notes, servers};
use super::*;
use cachekit::{Config, delete_memoized, memoize};

/// Says which computation it was: they are noted in a journal that all processes write.
#[memoize(timeout = 600, lock = "30s", args_to_ignore = [journal, takes])]
fn owned(key: u64, journal: &Path, takes: Duration) -> usize {
    note(journal);
    let n = notes(journal).len();
    thread::sleep(takes);
    n
}

/// How long the owner computes that is stopped meanwhile.
const TAKES: Duration = Duration::from_millis(600);

/// A lease that is not renewed lives for a second and a half.
const BEYOND: Duration = Duration::from_millis(2000);

/// The owner. Run by the tests below.
#[test]
fn part_of_an_owner() {
    let Ok(url) = std::env::var("OWNER_URL") else { return };
    let journal = PathBuf::from(std::env::var("OWNER_JOURNAL").unwrap());
    Scope::new(Cache::from_url(&url).unwrap()).run(|| owned(1, &journal, TAKES));
    // The lease is given back by another thread.
    thread::sleep(Duration::from_millis(300));
}

/// A process that computes, and is stopped in the midst of that.
struct Stopped(Child);

impl Stopped {
    fn begin(url: &str, journal: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "leases::part_of_an_owner", "--nocapture"])
            .env("OWNER_URL", url)
            .env("OWNER_JOURNAL", journal)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stopped = Self(child);
        until("it computes", || notes(journal).len() == 1);
        stopped.signal(libc::SIGSTOP);
        stopped
    }

    fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.0.id()).unwrap();
        // SAFETY: a signal to a child of this process that was not waited for.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    }

    /// Lets it go on, to its end.
    fn go_on(mut self) {
        self.signal(libc::SIGCONT);
        assert!(self.0.wait().unwrap().success());
    }
}

/// Another process, as far as its cache goes.
type Process<'a> = &'a (dyn Fn() -> Scope + Sync);

/// Tries a case on all servers at once; it says how many computations there were, and what was stored that is too old.
fn case(name: &str, check: impl Fn(&str, &Path, Process<'_>) -> [usize; 2] + Sync) {
    let servers = servers();
    thread::scope(|threads| {
        for Server { name: server, url, .. } in &servers {
            let check = &check;
            threads.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let journal = folder.path().join("journal");
                let process = || Scope::new(Cache::from_url(url).unwrap());
                let [computed, stale] = check(url, &journal, &process);
                println!("{server}: {name}: {computed} computations, {stale} stale fills");
                assert_eq!(stale, 0, "{server}: {name}");
            });
        }
    });
}

/// Whether what is cached is anything but that.
fn is_not(process: Process<'_>, expected: Option<usize>) -> usize {
    usize::from(process().run(|| owned::peek(1)) != expected)
}

#[test]
fn an_owner_stopped_beyond_its_lease_stores_nothing_over_what_is_newer() {
    case("stopped beyond its lease", |url, journal, process| {
        let owner = Stopped::begin(url, journal);
        assert_eq!(process().run(|| owned(1, journal, Duration::ZERO)), 2, "it is taken over");
        owner.go_on();
        [notes(journal).len(), is_not(process, Some(2))]
    });
}

#[test]
fn an_owner_stopped_beyond_its_lease_gives_back_nobody_else_s() {
    case("given back after its end", |url, journal, process| {
        let owner = Stopped::begin(url, journal);
        let stale = thread::scope(|threads| {
            let next = threads.spawn(|| process().run(|| owned(1, journal, BEYOND)));
            until("it is taken over", || notes(journal).len() == 2);
            // What it had is lost, and what it computed is older than what is computed now.
            owner.go_on();
            let mut stale = usize::from(process().run(|| owned::peek(1)) == Some(1));
            let third = process().run(|| owned(1, journal, Duration::ZERO));
            assert_eq!(next.join().unwrap(), 2);
            stale += usize::from(third != 2);
            stale
        });
        assert_eq!(
            notes(journal).len(),
            2,
            "the third waited for the second, whose lease was not given back"
        );
        [2, stale + is_not(process, Some(2))]
    });
}

/// The lease is lost while its owner computes: whoever comes computes as well.
#[test]
fn of_two_owners_none_stores_what_was_forgotten() {
    case("two owners, and an invalidation", |_, journal, process| {
        let backend = process().run(cachekit::current).backend().clone();
        let lease = process().run(|| format!("{}:lease", owned::make_cache_key(1)));
        thread::scope(|threads| {
            let first = threads.spawn(|| process().run(|| owned(1, journal, 2 * TAKES)));
            until("it computes", || notes(journal).len() == 1);
            assert!(backend.delete_many(&[&lease]).unwrap()[0], "its lease");
            let second = threads.spawn(|| process().run(|| owned(1, journal, 2 * TAKES)));
            until("another one computes", || notes(journal).len() == 2);
            process().run(|| delete_memoized!(owned, 1).unwrap());
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2), "each has what it computed");
        });
        let stale = is_not(process, None);
        assert_eq!(process().run(|| owned(1, journal, Duration::ZERO)), 3);
        [3, stale + is_not(process, Some(3))]
    });
}

#[test]
fn of_two_owners_the_one_who_lost_its_lease_stores_nothing() {
    case("two owners", |_, journal, process| {
        let backend = process().run(cachekit::current).backend().clone();
        let lease = process().run(|| format!("{}:lease", owned::make_cache_key(1)));
        thread::scope(|threads| {
            // The first ends before the second, and long after it was to renew its lease.
            let first = threads.spawn(|| process().run(|| owned(1, journal, BEYOND)));
            until("it computes", || notes(journal).len() == 1);
            assert!(backend.delete_many(&[&lease]).unwrap()[0], "its lease");
            let second = threads.spawn(|| process().run(|| owned(1, journal, BEYOND + TAKES)));
            until("another one computes", || notes(journal).len() == 2);
            assert_eq!((first.join().unwrap(), second.join().unwrap()), (1, 2), "each has what it computed");
        });
        [2, is_not(process, Some(2))]
    });
}

#[memoize(timeout = 600, stale = 600, lock = "30s", args_to_ignore = [runs, gate])]
fn timed(_key: u64, runs: Count, gate: Arc<Mutex<()>>) -> usize {
    let n = runs.up();
    drop(gate.lock().unwrap());
    n
}

/// Two machines whose clocks are an hour apart, and go further apart while one computes.
#[test]
fn clocks_that_jump_bring_nothing_back() {
    for Server { name: server, url, .. } in &servers() {
        let clocks = [ManualClock::new(), ManualClock::new()];
        let hour = secs(3600);
        clocks[1].advance(hour);
        let config = Config::from_url(url).unwrap();
        let caches =
            [0, 1].map(|n| Cache::builder().config(&config).clock(clocks[n].clock()).try_build().unwrap());
        let (runs, gate) = (Count::default(), Arc::new(Mutex::new(())));
        let call = |n: usize| Scope::new(caches[n].clone()).run(|| timed(1, runs.clone(), gate.clone()));
        let peek = |n: usize| Scope::new(caches[n].clone()).run(|| timed::peek(1));
        let mut stale = 0;
        // A jump while the first computes. Where leases end by the machine's clock, it is over at once.
        let held = gate.lock().unwrap();
        thread::scope(|threads| {
            let first = threads.spawn(|| call(0));
            until("it computes", || runs.get() == 1);
            clocks[1].advance(hour);
            let second = threads.spawn(|| call(1));
            thread::sleep(Duration::from_millis(100));
            Scope::new(caches[1].clone()).run(|| delete_memoized!(timed, 1).unwrap());
            drop(held);
            let given = [first.join().unwrap(), second.join().unwrap()];
            assert!(given[0] == 1 && given[1] == 2, "{server}: {given:?}");
        });
        stale += usize::from(peek(0) == Some(1)) + usize::from(peek(1) == Some(1));
        // What the machine that is ahead stores is of the future for the other one: fresh as long as any value from its
        // first sight on, stale as long as any, and then gone.
        let ahead = Scope::new(caches[1].clone());
        ahead.run(|| timed::refresh(1, runs.clone(), gate.clone()));
        let newest = runs.get();
        assert_eq!((call(0), runs.get()), (newest, newest), "{server}: at first sight");
        clocks[0].advance(just_under(600));
        assert_eq!((call(0), runs.get()), (newest, newest), "{server}: fresh");
        assert!(caches[0].clock_anomalies() > 0, "{server}");
        clocks[0].advance(TICK);
        assert_eq!(call(0), newest, "{server}: stale, and renewed");
        until("it is renewed", || peek(0) == Some(newest + 1));
        // The machine that is behind stores what is two hours old for the other one.
        assert_eq!(peek(1), None, "{server}: by its clock that is gone");
        stale += usize::from(call(1) != newest + 2);
        println!(
            "{server}: clocks two hours apart: {} computations, {stale} stale fills, {} entries of the future seen",
            runs.get(),
            caches[0].clock_anomalies()
        );
        assert_eq!(stale, 0, "{server}");
    }
}

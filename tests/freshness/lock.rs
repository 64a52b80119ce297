//! One computation for all processes: a thousand callers in four of them, owners that die, and owners that are late.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;
use cachekit::{delete_memoized, memoize};
use cachekit_tests::servers::{Cluster, Memcached, Redis};

const PROCESSES: usize = 4;
const CALLERS: usize = 250;

/// Notes in a file that it runs, and takes its time. Waited for with the patience of a busy machine.
#[memoize(timeout = 600, lock = "30s", args_to_ignore = [journal, takes])]
fn locked(key: u64, journal: &Path, takes: Duration) -> u32 {
    note(journal);
    std::thread::sleep(takes);
    std::process::id()
}

#[memoize(timeout = 600, lock = "30s", args_to_ignore = [journal, takes])]
async fn locked_async(key: u64, journal: &Path, takes: Duration) -> u32 {
    note(journal);
    tokio::time::sleep(takes).await;
    std::process::id()
}

pub(super) fn note(journal: &Path) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(journal).unwrap();
    writeln!(file, "{}", std::process::id()).unwrap();
}

pub(super) fn notes(journal: &Path) -> Vec<String> {
    fs::read_to_string(journal).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The part of one process. Run by the tests below.
#[test]
fn part_of_a_process() {
    let Ok(url) = std::env::var("LOCK_URL") else { return };
    let journal = PathBuf::from(std::env::var("LOCK_JOURNAL").unwrap());
    let takes = Duration::from_millis(std::env::var("LOCK_TAKES").unwrap().parse().unwrap());
    let scope = Scope::new(Cache::from_url(&url).unwrap());
    let sync = std::thread::spawn({
        let (scope, journal) = (scope.clone(), journal.clone());
        move || {
            std::thread::scope(|threads| {
                let callers: Vec<_> = (0..CALLERS / 10)
                    .map(|_| threads.spawn(|| scope.run(|| locked(1, &journal, takes))))
                    .collect();
                callers.into_iter().map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
            })
        }
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let journal = journal.with_extension("async");
    let tasks: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (scope, journal) = (scope.clone(), journal.clone());
            runtime.spawn(async move { scope.run_async(locked_async(1, &journal, takes)).await })
        })
        .collect();
    let mut all: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();
    all.dedup();
    let mut others = sync.join().unwrap();
    others.dedup();
    println!("values {others:?} {all:?}");
    assert!(all.len() == 1 && others.len() == 1, "all of this process have one value");
}

fn process(url: &str, journal: &Path, takes: Duration) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lock::part_of_a_process", "--nocapture"])
        .env("LOCK_URL", url)
        .env("LOCK_JOURNAL", journal)
        .env("LOCK_TAKES", takes.as_millis().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A backend that can keep a lease, for as long as this is there.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) url: String,
    _keeps: Box<dyn std::any::Any + Send + Sync>,
}

/// All that can be had.
pub(super) fn servers() -> Vec<Server> {
    let parameters = "operation_timeout=10s&connect_timeout=10s&flight_timeout=60s";
    let folder = tempfile::tempdir().unwrap();
    let url = format!("filesystem://{}?flight_timeout=60s", folder.path().display());
    let mut servers = vec![Server { name: "filesystem", url, _keeps: Box::new(folder) }];
    if let Some(server) = Redis::start() {
        let url = format!("redis://{}?{parameters}", server.address());
        servers.push(Server { name: "redis", url, _keeps: Box::new(server) });
    }
    if let Some(server) = Cluster::start() {
        let url = server.url();
        let url = format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' });
        servers.push(Server { name: "cluster", url, _keeps: Box::new(server) });
    }
    if let Some(server) = Memcached::start(1) {
        let url = format!("memcached://{}?{parameters}", server.node(0).address());
        servers.push(Server { name: "memcached", url, _keeps: Box::new(server) });
    }
    servers
}

#[test]
fn a_thousand_callers_in_four_processes_compute_once() {
    for Server { name: server, url, .. } in &servers() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let mut processes: Vec<_> =
            (0..PROCESSES).map(|_| process(url, &journal, Duration::from_millis(300))).collect();
        for process in &mut processes {
            assert!(process.wait().unwrap().success(), "{server}");
        }
        let counts = [notes(&journal).len(), notes(&journal.with_extension("async")).len()];
        println!(
            "{server}: {} sync and {} async callers in {PROCESSES} processes, {counts:?} computations",
            PROCESSES * CALLERS / 10,
            PROCESSES * CALLERS
        );
        assert_eq!(counts, [1, 1], "{server}");
    }
}

#[test]
fn when_the_one_who_computes_is_killed_another_one_does() {
    for Server { name: server, url, .. } in &servers() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let mut first = process(url, &journal, Duration::from_secs(600));
        until("it computes", || {
            !notes(&journal).is_empty() && !notes(&journal.with_extension("async")).is_empty()
        });
        let mut others: Vec<_> =
            (1..PROCESSES).map(|_| process(url, &journal, Duration::from_millis(300))).collect();
        std::thread::sleep(Duration::from_millis(300));
        first.kill().unwrap();
        first.wait().unwrap();
        for process in &mut others {
            assert!(process.wait().unwrap().success(), "{server}");
        }
        let counts = [notes(&journal).len(), notes(&journal.with_extension("async")).len()];
        println!(
            "{server}: the first of {PROCESSES} processes killed, {counts:?} computations (sync, async)"
        );
        assert_eq!(counts, [2, 2], "{server}");
    }
}

/// An owner that was stopped for longer than its lease, and meanwhile the call was forgotten and computed by another one:
/// what it stores when it goes on is not served.
#[test]
#[cfg(unix)]
fn an_owner_who_comes_too_late_stores_nothing() {
    for Server { name: server, url, .. } in &servers() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let mut stopped = process(url, &journal, Duration::from_millis(700));
        until("it computes", || !notes(&journal).is_empty());
        let pid = i32::try_from(stopped.id()).unwrap();
        // SAFETY: a signal to a child of this process that was not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
        Scope::new(Cache::from_url(url).unwrap()).run(|| {
            delete_memoized!(locked, 1).unwrap();
            // The lease is void, so nobody waits for its end.
            let start = Instant::now();
            assert_eq!(locked(1, &journal, Duration::ZERO), std::process::id(), "{server}");
            println!("{server}: after an invalidation computed in {:?}", start.elapsed());
            // SAFETY: as above.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
            stopped.wait().unwrap();
            assert_eq!(locked::peek(1), Some(std::process::id()), "{server}: not what the late one had");
        });
    }
}

#[memoize(timeout = 600, lock = "100ms", args_to_ignore = [count, takes])]
fn impatient(_key: u64, count: Count, takes: Duration) -> usize {
    std::thread::sleep(takes);
    count.up()
}

/// Two caches on the same files are as two processes.
#[test]
fn who_waits_too_long_computes_and_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Scope::new(Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap());
    let (count, slow) = (Count::default(), Duration::from_millis(700));
    std::thread::scope(|threads| {
        let first = threads.spawn(|| cache().run(|| impatient(1, count.clone(), slow)));
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(
            cache().run(|| impatient(1, count.clone(), Duration::ZERO)),
            1,
            "it did not wait for ever"
        );
        assert_eq!(cache().run(|| impatient::peek(1)), None, "and stored nothing");
        assert_eq!(first.join().unwrap(), 2);
    });
    assert_eq!(cache().run(|| impatient::peek(1)), Some(2));
}

#[memoize(timeout = "100ms", stale = "7d", lock, args_to_ignore = [count, takes])]
fn stale(_key: u64, count: Count, takes: Duration) -> usize {
    let n = count.up();
    std::thread::sleep(takes);
    n
}

#[test]
fn a_stale_value_is_renewed_by_one_and_served_by_the_others_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let cache = || Scope::new(Cache::from_url(&format!("filesystem://{}", folder.path().display())).unwrap());
    let count = Count::default();
    let (one, other) = (cache(), cache());
    assert_eq!(one.run(|| stale(1, count.clone(), Duration::ZERO)), 1);
    std::thread::sleep(Duration::from_millis(120));
    let slow = Duration::from_millis(500);
    let start = Instant::now();
    assert_eq!(one.run(|| stale(1, count.clone(), slow)), 1);
    until("it is renewed", || count.get() == 2);
    let calls = (0..50).map(|_| other.run(|| stale(1, count.clone(), slow))).collect::<Vec<_>>();
    if start.elapsed() < slow {
        assert_eq!((calls, count.get()), (vec![1; 50], 2));
    }
    until("the newer value", || other.run(|| stale::peek(1)) >= Some(2));
}

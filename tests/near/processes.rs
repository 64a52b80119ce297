//! Another process forgets what is near in this one. Once its message has arrived, nothing older is served any more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use cachekit::{Cache, delete_memoized, install_named, memoize};
use cachekit_backends::Backend as _;
use cachekit_tests::servers::{Redis, shared};

use crate::redis::kill_listeners;
use crate::spy::Spy;

const PREFIX: &str = "processes:";
const ROUNDS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(20);

/// What the functions compute from.
static TRUTH: AtomicU64 = AtomicU64::new(0);

#[derive(Hash)]
struct Reader {
    id: u64,
}

/// A function for each server, as each has a cache of its own: these calls go the short way to a table.
impl Reader {
    #[memoize(cache = "one", near, timeout = 600)]
    fn one(&self, n: u64) -> u64 {
        n + TRUTH.load(SeqCst)
    }

    #[memoize(cache = "sentinels", near, timeout = 600)]
    fn sentinels(&self, n: u64) -> u64 {
        n + TRUTH.load(SeqCst)
    }

    #[memoize(cache = "cluster", near, timeout = 600)]
    fn cluster(&self, n: u64) -> u64 {
        n + TRUTH.load(SeqCst)
    }

    #[memoize(cache = "killed", near, timeout = 600)]
    fn killed(&self, n: u64) -> u64 {
        n + TRUTH.load(SeqCst)
    }
}

const READER: Reader = Reader { id: 7 };

/// What one of these functions offers here.
struct Subject {
    name: &'static str,
    call: fn() -> u64,
    key: fn() -> String,
    /// A call, an instance, the function.
    forget: [fn() -> cachekit::Result<()>; 3],
}

macro_rules! subject {
    ($call:ident, $key:ident) => {
        Subject {
            name: stringify!($call),
            call: || READER.$call(0),
            key: || READER.$key(0),
            forget: [
                || delete_memoized!(READER.$call, 0).map(drop),
                || delete_memoized!(READER.$call),
                || delete_memoized!(Reader::$call),
            ],
        }
    };
}

const SUBJECTS: [Subject; 4] = [
    subject!(one, one_make_cache_key),
    subject!(sentinels, sentinels_make_cache_key),
    subject!(cluster, cluster_make_cache_key),
    subject!(killed, killed_make_cache_key),
];

/// The ways to forget, by number: calls, instances, functions, keys, everything.
const WAYS: usize = 5;

fn forget(cache: &Cache, subject: &Subject, way: usize) -> cachekit::Result<()> {
    match way {
        3 => cache.delete(&(subject.key)()).map(drop),
        4 => cache.clear(),
        way => subject.forget[way](),
    }
}

/// The other process. Run by the tests below.
#[test]
fn other() {
    let Ok(url) = std::env::var("NEAR_URL") else { return };
    let name = std::env::var("NEAR_NAME").unwrap();
    let subject = SUBJECTS.iter().find(|subject| subject.name == name).unwrap();
    let (cache, _) = Spy::on(&url, PREFIX);
    install_named(subject.name, cache.clone()).unwrap();
    for line in std::io::stdin().lines() {
        let way: usize = line.unwrap().parse().unwrap();
        // A server may be on its way up.
        let is_done = (0..50).any(|_| {
            let done = forget(&cache, subject, way).is_ok();
            if !done {
                thread::sleep(Duration::from_millis(100));
            }
            done
        });
        println!("\n{}", if is_done { "done" } else { "failed" });
    }
}

/// A process beside this one.
struct Other {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Other {
    fn start(url: &str, subject: &Subject) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "processes::other", "--nocapture"])
            .env("NEAR_URL", url)
            .env("NEAR_NAME", subject.name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, orders, answers: BufReader::new(answers) }
    }

    /// Has it forget; returns when it says that it did.
    fn forget(&mut self, way: usize) {
        writeln!(self.orders, "{way}").unwrap();
        let mut line = String::new();
        while line.trim() != "done" {
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "the other process is gone");
            assert_ne!(line.trim(), "failed");
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keys of which each node of a cluster has some.
fn markers() -> Vec<String> {
    (0..16).map(|n| format!("{PREFIX}marker{n}")).collect()
}

/// Calls until the value is near and no message of ours is on its way: those of a server come in order.
fn settle(spy: &Spy, subject: &Subject) {
    let (start, markers) = (Instant::now(), markers());
    let items: Vec<(&str, &[u8])> = markers.iter().map(|key| (key.as_str(), &b"x"[..])).collect();
    loop {
        assert!(start.elapsed() < PATIENCE, "nothing stays near");
        let before = spy.seen.told(&markers);
        if !spy.is_near(subject.call) || spy.backend.set_many(&items, None).is_err() {
            continue;
        }
        while spy.seen.told(&markers) < before + markers.len() && start.elapsed() < PATIENCE {
            thread::yield_now();
        }
        if spy.is_near(subject.call) {
            return;
        }
    }
}

fn run(url: &str, subject: &Subject, disturb: Option<&dyn Fn()>) {
    let (cache, spy) = Spy::on(url, PREFIX);
    install_named(subject.name, cache.clone()).unwrap();
    let mut other = Other::start(url, subject);
    // The call's name in the backend, and that of its function, with which those of its stamps begin.
    let key = cache.backend_key(&(subject.key)());
    let function = format!("{}:", key.rsplit_once(':').unwrap().0);
    let concerns = |told: &str| told == key || (told.starts_with(&function) && told.ends_with(":stamp"));
    // Threads that read all the time; what is older than the floor is stale.
    let (floor, stop, reads, stale) =
        (AtomicU64::new(0), AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let (mut delays, mut late) = (Vec::new(), 0);
    let rounds = if disturb.is_some() { 20 } else { ROUNDS };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let least = floor.load(SeqCst);
                    if (subject.call)() < least {
                        stale.fetch_add(1, SeqCst);
                    }
                    if reads.fetch_add(1, SeqCst).is_multiple_of(64) {
                        thread::sleep(Duration::from_micros(100));
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        for round in 0..rounds {
            settle(&spy, subject);
            let truth = TRUTH.fetch_add(1, SeqCst) + 1;
            let (told, began) = (spy.seen.told_if(concerns), spy.seen.began.load(SeqCst));
            let ended = spy.seen.ended.load(SeqCst);
            if let Some(disturb) = disturb {
                disturb();
            }
            other.forget(round % WAYS);
            let acknowledged = Instant::now();
            // What was near when the connection was lost is forgotten when that is noticed. What came near after it was
            // made anew is told of.
            let is_new = spy.seen.began.load(SeqCst) > began;
            let is_delivered =
                || spy.seen.told_if(concerns) > told || (!is_new && spy.seen.ended.load(SeqCst) > ended);
            while !is_delivered() {
                late += usize::from((subject.call)() < truth);
                assert!(acknowledged.elapsed() < PATIENCE, "round {round}: nobody says that it changed");
            }
            delays.push(acknowledged.elapsed());
            floor.store(truth, SeqCst);
            for _ in 0..100 {
                let found = (subject.call)();
                if found < truth {
                    stale.fetch_add(1, SeqCst);
                }
            }
        }
    });
    delays.sort();
    println!(
        "{}: {rounds} invalidations in another process, {} reads by threads beside; {} stale after delivery, {late} \
         between acknowledgement and delivery; delivered {:?} after the acknowledgement at the median, {:?} at most; \
         connections lost {}",
        subject.name,
        reads.load(SeqCst),
        stale.load(SeqCst),
        delays[delays.len() / 2],
        delays[delays.len() - 1],
        spy.seen.ended.load(SeqCst),
    );
    assert_eq!(stale.load(SeqCst), 0, "stale reads");
    if disturb.is_some() {
        assert!(spy.seen.ended.load(SeqCst) >= rounds, "every connection that was killed was noticed");
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// The connection that is told of changes is killed right before each invalidation, so no message comes.
#[test]
fn with_the_connection_killed_in_between() {
    let Some(server) = Redis::start() else { return };
    run(&server.url(), &SUBJECTS[3], Some(&|| kill_listeners(&server)));
}

#[test]
fn on_redis() {
    if let Some(server) = shared::redis() {
        run(&server.url(), &SUBJECTS[0], None);
    }
}

#[test]
fn on_redis_behind_sentinels() {
    if let Some(server) = shared::sentinel() {
        run(&server.url(), &SUBJECTS[1], None);
    }
}

#[test]
fn on_a_redis_cluster() {
    if let Some(server) = shared::cluster() {
        run(&server.url(), &SUBJECTS[2], None);
    }
}

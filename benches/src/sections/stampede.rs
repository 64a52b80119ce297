//! 64 callers at once: of one missing key, and of 64 different ones.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::contest::quantile;
use crate::functions::{CAPACITY, Call, Contestant, names};
use crate::report::{figure, progress, table};
use crate::stores::{LIFETIME, Moka, Quick, Store as _};

const CALLERS: u64 = 64;
const ROUNDS: u64 = 5;
const BODY: Duration = Duration::from_millis(20);

/// Counts computations and takes the time.
pub fn run() {
    println!(
        "{CALLERS} threads call at once a body that sleeps {BODY:?}. Computations, and milliseconds until all have returned;"
    );
    println!("medians of {ROUNDS} rounds. Ideal: 1 and 20 for one key, 64 and 20 for different keys.\n");
    let rows: Vec<_> = CONTESTANTS
        .iter()
        .enumerate()
        .map(|(index, (name, call))| {
            progress(name);
            let mut cells = vec![(*name).to_owned()];
            for distinct in [false, true] {
                let rounds = (0..ROUNDS).map(|round| {
                    let base = ((index as u64) << 32) | (u64::from(distinct) << 24) | (round << 16);
                    stampede(*call, base, distinct)
                });
                let (computations, times): (Vec<_>, Vec<_>) = rounds.unzip();
                cells.push(format!("{:.0}", quantile(&computations, 0.5)));
                cells.push(figure(quantile(&times, 0.5)));
            }
            cells
        })
        .collect();
    table(&["contestant", "one key: computations", "ms", "64 keys: computations", "ms"], &rows);
}

static COMPUTATIONS: AtomicU64 = AtomicU64::new(0);

fn body(n: u64) -> u64 {
    COMPUTATIONS.fetch_add(1, Ordering::Relaxed);
    thread::sleep(BODY);
    n
}

/// The computations, and the milliseconds.
fn stampede(call: fn(u64) -> u64, base: u64, distinct: bool) -> (f64, f64) {
    let before = COMPUTATIONS.load(Ordering::Relaxed);
    let start = Barrier::new(usize::try_from(CALLERS).unwrap_or(1) + 1);
    let time = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let start = &start;
                scope.spawn(move || {
                    let key = base + if distinct { caller } else { 0 };
                    start.wait();
                    assert_eq!(call(key), key, "the value of another key");
                })
            })
            .collect();
        start.wait();
        let clock = Instant::now();
        for caller in callers {
            caller.join().expect("a caller that returns");
        }
        clock.elapsed()
    });
    ((COMPUTATIONS.load(Ordering::Relaxed) - before) as f64, time.as_secs_f64() * 1e3)
}

static CONTESTANTS: [Contestant<Call>; 8] = [
    (names::OURS, ours),
    (names::CACHED_PLAIN, plain),
    ("cached `#[cached(sync_writes = \"by_key\")]`", by_key),
    ("cached `#[cached(sync_writes = true)]`", one_lock),
    (names::MEMOIZE, memoized),
    (names::CACHELITO, cachelito),
    ("moka `get_with`", moka),
    ("quick_cache `get_or_insert_with`", quick),
];

#[cachekit::memoize(timeout = 300)]
fn ours(n: u64) -> u64 {
    body(n)
}

#[cached::macros::cached]
fn plain(n: u64) -> u64 {
    body(n)
}

#[cached::macros::cached(sync_writes = "by_key")]
fn by_key(n: u64) -> u64 {
    body(n)
}

#[cached::macros::cached(sync_writes = true)]
fn one_lock(n: u64) -> u64 {
    body(n)
}

#[memoize::memoize(SharedCache)]
fn memoized(n: u64) -> u64 {
    body(n)
}

#[cachelito::cache(limit = 10000, ttl = 300)]
fn cachelito(n: u64) -> u64 {
    body(n)
}

fn moka(n: u64) -> u64 {
    static STORE: LazyLock<Moka<u64, u64>> =
        LazyLock::new(|| Moka::builder().max_capacity(CAPACITY as u64).time_to_live(LIFETIME).build());
    STORE.get_with(n, || body(n))
}

fn quick(n: u64) -> u64 {
    static STORE: LazyLock<Quick<u64, u64>> = LazyLock::new(|| Quick::sized(CAPACITY));
    STORE.get_or_insert_with(&n, || Ok::<_, ()>(body(n))).unwrap_or_default()
}

//! Several threads at once: one hot key, many keys, keys after Zipf that do not all fit, and misses only.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use cachekit_backends::Table;

use crate::contest::{Contest, Standings};
use crate::cpu;
use crate::functions::{Call, Contestant, FEW, Many, PAIR, names};
use crate::report::{Limit, Targets, figure, progress, table};
use crate::stores::{Dash, Foyer, MiniMoka, Moka, Papaya, Quick, Store};
use crate::zipf::Zipf;

const THREADS: [usize; 4] = [1, 2, 4, 8];
const ROUNDS: usize = 7;
/// How long a batch lasts.
const BATCH: Duration = Duration::from_millis(40);
/// Calls between two looks at the clock's flag.
const CHUNK: u64 = 256;
/// The keys that a thread asks for, over and over.
const DRAWS: usize = 1 << 18;

/// What a thread does the n-th time.
type Work = Arc<dyn Fn(usize, u64) + Send + Sync>;

/// Measures 1, 2, 4 and 8 threads.
pub fn run() {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    println!(
        "Mops/s (CPU nanoseconds per call), medians of {ROUNDS} rounds in turns of {BATCH:?}; {cores} cores.\n"
    );

    let hot = measure("one hot key, all hits, (u64, u64) → u64", || {
        PAIR.iter().map(|&(name, call)| {
            let work: Work = Arc::new(move |_, _| {
                black_box(call(black_box(1), black_box(2)));
            });
            (name, work)
        })
    });
    let many = measure("1,024 keys, all hits, (u64, u64) → u64", || {
        PAIR.iter().map(|&(name, call)| {
            let work: Work = Arc::new(move |_, i| {
                let key = i.wrapping_mul(7919) % 1024;
                black_box(call(black_box(key), black_box(key ^ 0x5555)));
            });
            (name, work)
        })
    });
    let zipf = measure("Zipf(0.99) over 1 M keys, capacity 100 k, get or compute, u64 → u64", || {
        bounded(|thread, i| {
            let draws = &DRAWN[thread % DRAWN.len()];
            draws[usize::try_from(i).unwrap_or(0) % draws.len()]
        })
    });
    measure("misses only, capacity 100 k, u64 → u64", || {
        // Each thread, and every batch has its own, takes keys that nobody had before.
        static THREAD: AtomicU64 = AtomicU64::new(1);
        thread_local! {
            static NEXT: Cell<u64> = Cell::new(THREAD.fetch_add(1, Ordering::Relaxed) << 32);
        }
        bounded(|_, _| NEXT.replace(NEXT.get() + 1))
    });
    targets(&hot, &many, &zipf);
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Keys that the threads draw, each its own.
static DRAWN: LazyLock<Vec<Vec<u64>>> = LazyLock::new(|| {
    let zipf = Zipf::new(1_000_000, 0.99);
    (0..8).map(|thread| zipf.sample(DRAWS, 100 + thread)).collect()
});

/// All that have a bound, asked for the keys that `key` gives a thread.
fn bounded(key: fn(usize, u64) -> u64) -> impl Iterator<Item = (&'static str, Work)> {
    let functions = FEW.iter().map(move |&(name, call): &Contestant<Call>| {
        let work: Work = Arc::new(move |thread, i| {
            black_box(call(key(thread, i)));
        });
        (name, work)
    });
    functions.chain([
        by_hand::<Table<u64>>(key),
        by_hand::<Quick<u64, u64>>(key),
        by_hand::<Foyer<u64, u64>>(key),
        by_hand::<Moka<u64, u64>>(key),
        by_hand::<MiniMoka<u64, u64>>(key),
        by_hand::<Dash<u64, u64>>(key),
        by_hand::<Papaya<u64, u64>>(key),
    ])
}

fn by_hand<S: Store<u64, u64>>(key: fn(usize, u64) -> u64) -> (&'static str, Work) {
    let store = S::sized(Many::FEW);
    let work: Work = Arc::new(move |thread, i| {
        let key = key(thread, i);
        if black_box(store.find(&key)).is_none() {
            store.put(key, key.wrapping_mul(3));
        }
    });
    (S::NAME, work)
}

/// What was measured of one kind of work: by number of threads, ops/s and CPU per call.
struct Outcome(Vec<(Standings, Standings)>);

fn measure<I: Iterator<Item = (&'static str, Work)>>(what: &str, contestants: impl Fn() -> I) -> Outcome {
    progress(what);
    // The same stores and functions for all numbers of threads, so that they are warm.
    let contestants: Vec<_> = contestants().collect();
    let mut outcome = Vec::new();
    for threads in THREADS {
        // One batch gives two figures; the contest is about the first.
        let costs: Vec<_> = contestants.iter().map(|_| RefCell::new(Vec::new())).collect();
        let mut contest = Contest::default();
        for ((name, work), costs) in contestants.iter().zip(&costs) {
            contest.enter(*name, || {
                let (rate, cost) = batch(threads, work);
                costs.borrow_mut().push(cost);
                rate
            });
        }
        let rates = contest.run(ROUNDS);
        let mut contest = Contest::default();
        for ((name, _), costs) in contestants.iter().zip(costs) {
            let mut costs = costs.into_inner().into_iter();
            contest.enter(*name, move || costs.next().unwrap_or(0.0));
        }
        outcome.push((rates, contest.run(ROUNDS)));
    }
    println!("### {what}\n");
    let rows: Vec<_> = contestants
        .iter()
        .map(|(name, _)| {
            let cells = outcome.iter().map(|(rates, costs)| {
                format!("{} ({})", figure(rates.median(name)), figure(costs.median(name)))
            });
            [(*name).to_owned()].into_iter().chain(cells).collect()
        })
        .collect();
    table(&["contestant", "1 thread", "2 threads", "4 threads", "8 threads"], &rows);
    let (rates, costs) = &outcome[1];
    let first = contestants[0].0;
    let share = 100.0 * rates.median(first) * costs.median(first) / 1e3 / THREADS[1].min(cores()) as f64;
    println!(
        "With 2 threads, {first} had {share:.0} % of the processors; other programs, or waiting, had the rest.\n"
    );
    Outcome(outcome)
}

/// Runs the work on so many threads for a while. Gives Mops/s, and CPU nanoseconds per call.
fn batch(threads: usize, work: &Work) -> (f64, f64) {
    let (stop, start) = (AtomicBool::new(false), Barrier::new(threads + 1));
    thread::scope(|scope| {
        let worker = |thread: usize| {
            let (stop, start) = (&stop, &start);
            move || {
                // What is per thread is made now.
                (0..2048).for_each(|i| work(thread, i));
                start.wait();
                let (clock, begin) = (Instant::now(), cpu::of_thread());
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    (calls..calls + CHUNK).for_each(|i| work(thread, i));
                    calls += CHUNK;
                }
                (calls, clock.elapsed(), cpu::of_thread().saturating_sub(begin))
            }
        };
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(worker(thread))).collect();
        start.wait();
        thread::sleep(BATCH);
        stop.store(true, Ordering::Relaxed);
        let done: Vec<_> =
            workers.into_iter().map(|worker| worker.join().expect("a worker that ends")).collect();
        let calls = done.iter().map(|(calls, ..)| *calls).sum::<u64>() as f64;
        let wall = done.iter().map(|(_, wall, _)| *wall).max().unwrap_or_default();
        let cpu: Duration = done.iter().map(|(.., cpu)| *cpu).sum();
        (calls / wall.as_secs_f64() / 1e6, cpu.as_secs_f64() * 1e9 / calls)
    })
}

fn targets(hot: &Outcome, many: &Outcome, zipf: &Outcome) {
    let ours = names::OURS;
    let two = |outcome: &Outcome| outcome.0[1].0.median(ours);
    let mut targets = Targets::default();
    targets.add(
        "hit on one hot key, 2 threads vs 1 thread, CPU per op",
        hot.0[1].1.median(ours) / hot.0[0].1.median(ours),
        Limit::AtMost { must: 1.5, aim: 1.1 },
    );
    targets.add(
        "all hits, 1,024 keys, 2 threads, ops/s vs papaya",
        many.0[1].0.ratio(ours, names::PAPAYA),
        Limit::AtLeast { must: 0.9, aim: 1.4 },
    );
    targets.add(
        "the same vs cached `#[cached(max_size,ttl)]`",
        many.0[1].0.ratio(ours, names::CACHED),
        Limit::AtLeast { must: 10.0, aim: 16.0 },
    );
    let peers = [
        names::QUICK,
        "foyer S3-FIFO",
        "moka, time_to_live",
        names::CACHED,
        FEW[2].0,
        names::CONCURRENT_TIMED,
    ];
    let rates = &zipf.0[1].0;
    let best =
        peers.into_iter().max_by(|a, b| rates.median(a).total_cmp(&rates.median(b))).unwrap_or(names::QUICK);
    targets.add(
        &format!(
            "Zipf(0.99), 2 threads, ops/s vs the best of moka, quick_cache, foyer, cached ({best}, {})",
            figure(two(zipf))
        ),
        rates.ratio(ours, best),
        Limit::AtLeast { must: 1.2, aim: 2.0 },
    );
    targets.print();
}

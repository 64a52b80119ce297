//! A hit: 1,024 keys that are all there, one thread, thread CPU time.

use std::hint::black_box;

use crate::contest::{Contest, Standings};
use crate::cpu::nanos_per_call;
use crate::functions::{ASYNC, METHOD, PAGE, PAIR, SHARED, Shop, TEXT, names};
use crate::report::{Limit, Targets, figure, progress, table};

const KEYS: u64 = 1024;
const CALLS: u64 = 100_000;
const ROUNDS: usize = 21;

/// Measures hits of every kind.
pub fn run() {
    println!(
        "{KEYS} keys that are all there, one thread; nanoseconds of thread CPU time per call, the loop included."
    );
    println!("{ROUNDS} rounds in turns; `ratio` is the median of the rounds' ratios, to cachekit.\n");

    let mut contest = Contest::default();
    for (name, call) in &*PAIR {
        contest.enter(*name, || {
            nanos_per_call(CALLS, |i| {
                black_box(call(black_box(index(i)), black_box(index(i) ^ 0x5555)));
            })
        });
    }
    let pair = run_one("(u64, u64) → u64", contest);

    let texts: Vec<String> = (0..KEYS).map(|n| format!("user:{n:08}:profile:settings:x")).collect();
    assert!(texts.iter().all(|text| text.len() == 32), "32 bytes each");
    let mut contest = Contest::default();
    for (name, call) in &*TEXT {
        contest.enter(*name, || {
            nanos_per_call(CALLS, |i| {
                let text = &texts[usize::try_from(index(i)).unwrap_or(0)];
                black_box(call(black_box(text)));
            })
        });
    }
    let text = run_one("&str (32 bytes) → String", contest);

    let mut contest = Contest::default();
    for (name, call) in &*SHARED {
        contest.enter(*name, || nanos_per_call(CALLS, |i| drop(black_box(call(black_box(index(i)))))));
    }
    let shared = run_one("u64 → Arc", contest);

    let mut contest = Contest::default();
    for (name, call) in &*PAGE {
        contest.enter(*name, || nanos_per_call(CALLS / 4, |i| drop(black_box(call(black_box(index(i)))))));
    }
    run_one("u64 → 4 KiB", contest);

    let shop = Shop { id: 7 };
    let mut contest = Contest::default();
    for (name, call) in &*METHOD {
        contest.enter(*name, || {
            nanos_per_call(CALLS, |i| {
                black_box(call(black_box(&shop), black_box(index(i))));
            })
        });
    }
    run_one("method (&self, u64) → u64", contest);

    let mut contest = Contest::default();
    for (name, call) in &*ASYNC {
        contest.enter(*name, || {
            nanos_per_call(CALLS, |i| {
                black_box(call(black_box(index(i)), black_box(7)));
            })
        });
    }
    let asynchronous = run_one("async (u64, u64) → u64, polled once", contest);

    let mut targets = Targets::default();
    let (ours, cached) = (names::OURS, names::CACHED);
    let at_most = |must, aim| Limit::AtMost { must, aim };
    targets.add(
        "(u64,u64)→u64 hit vs cached `#[cached(max_size,ttl)]`",
        pair.ratio(ours, cached),
        at_most(0.20, 0.13),
    );
    targets.add(
        "the same vs cached `#[cached]` default",
        pair.ratio(ours, names::CACHED_PLAIN),
        at_most(0.95, 0.70),
    );
    targets.add(
        "`&str`(32)→`String` vs cached `#[cached(max_size,ttl)]`",
        text.ratio(ours, cached),
        at_most(0.55, 0.45),
    );
    targets.add("the same vs thread_local HashMap", text.ratio(ours, names::THREAD), at_most(1.15, 1.0));
    targets.add(
        "`u64→Arc` hit vs thread_local HashMap",
        shared.ratio(ours, names::THREAD),
        at_most(1.2, 1.0),
    );
    targets.add(
        "async hit vs cached async `#[concurrent_cached]`",
        asynchronous.ratio(ours, names::CONCURRENT),
        at_most(0.6, 0.35),
    );
    targets.print();
}

/// The keys in an order that no prefetcher foresees.
fn index(i: u64) -> u64 {
    i.wrapping_mul(7919) % KEYS
}

fn run_one(what: &str, contest: Contest<'_>) -> Standings {
    progress(what);
    let standings = contest.run(ROUNDS);
    println!("### {what}\n");
    print(&standings);
    standings
}

/// Prints all contestants, the fastest first.
pub(super) fn print(standings: &Standings) {
    let mut order: Vec<&str> = standings.names().collect();
    order.sort_by(|a, b| standings.median(a).total_cmp(&standings.median(b)));
    let rows: Vec<_> = order
        .into_iter()
        .map(|name| {
            let (low, high) = standings.spread(name);
            vec![
                name.to_owned(),
                figure(standings.median(name)),
                format!("{}–{}", figure(low), figure(high)),
                figure(standings.ratio(name, names::OURS)),
            ]
        })
        .collect();
    table(&["contestant", "ns", "middle half", "ratio"], &rows);
}

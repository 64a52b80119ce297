//! The worst single call while a store of a million entries grows, is cleared, and loses its expired entries.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cachekit::{Cache, SimpleCache, testing::Scope};
use cachekit_backends::{ManualClock, OwnedKey, Table, TableConfig};

use crate::cpu;
use crate::functions::million;
use crate::report::{Limit, Targets, figure, progress, table};
use crate::stores::{Dash, Foyer, Moka, Papaya, Quick, Store};

const ENTRIES: u64 = 1_000_000;

/// How often everything is done. What a call takes of itself it takes each time; what the machine adds (a page that is not
/// there, a hypervisor) falls on other calls: so the least of a call's times counts.
const PASSES: usize = 3;

/// How long each call took, on the CPU and on the wall.
struct Times {
    cpu: Vec<Duration>,
    wall: Vec<Duration>,
}

/// The steps of a pass, by what is called.
type Pass = Vec<(&'static str, Times)>;

/// Measures growing, clearing, sweeping.
pub fn run() {
    println!(
        "{ENTRIES} entries `u64 → u64`, one thread. Microseconds: the worst call, and in brackets the 99.99 % quantile;"
    );
    println!(
        "on the thread's CPU clock, which does not run while another program does, and on the wall. All is done {PASSES}"
    );
    println!(
        "times, and the least of a call's times counts: the machine's own hiccups fall on other calls.\n"
    );
    let mut rows = Vec::new();
    let table_worst = passes("cachekit, its table", &mut rows, table_alone);
    let memoized_worst = passes("**cachekit `#[memoize]`**", &mut rows, memoized);
    peer::<Quick<u64, u64>>(&mut rows);
    peer::<Dash<u64, u64>>(&mut rows);
    peer::<Papaya<u64, u64>>(&mut rows);
    peer::<Foyer<u64, u64>>(&mut rows);
    peer::<Moka<u64, u64>>(&mut rows);
    table(&["store", "call", "CPU µs", "wall µs"], &rows);
    let mut targets = Targets::default();
    targets.add(
        "worst single call while 10^6 entries grow, clear, sweep, CPU µs",
        micros(table_worst.max(memoized_worst)),
        Limit::AtMost { must: 1000.0, aim: 100.0 },
    );
    targets.print();
}

fn table_alone() -> Pass {
    let clock = ManualClock::new();
    let capacity = usize::try_from(ENTRIES).unwrap_or(usize::MAX);
    let table: Table<u64> = Table::new(TableConfig { capacity, clock: clock.clock() });
    let minute = Some(Duration::from_secs(60));
    let put = |n: u64| table.insert(&OwnedKey::of(&n), n, minute);
    let grow = calls(ENTRIES, put);
    let get = calls(ENTRIES, |n| {
        black_box(table.get(&n));
    });
    let clear = calls(1, |_| Store::<u64, u64>::clear(&table));
    let again = calls(ENTRIES, put);
    clock.advance(Duration::from_secs(61));
    // Each call finds what has expired, and removes its share.
    let sweep = calls(ENTRIES, |n| put(n + ENTRIES));
    vec![
        ("insert, growing", grow),
        ("get", get),
        ("clear", clear),
        ("insert after the clear", again),
        ("insert, all else expired", sweep),
    ]
}

fn memoized() -> Pass {
    let clock = ManualClock::new();
    let cache = Cache::builder().backend(SimpleCache::builder().clock(clock.clock()).build()).build();
    Scope::new(cache).run(|| {
        let call = |n: u64| {
            black_box(million(n));
        };
        let grow = calls(ENTRIES, call);
        let hit = calls(ENTRIES, call);
        let forget = calls(1, |_| million::delete_memoized().expect("a deletion in this process"));
        let again = calls(ENTRIES, call);
        clock.advance(Duration::from_secs(301));
        let sweep = calls(ENTRIES, |n| call(n + ENTRIES));
        vec![
            ("miss, growing", grow),
            ("hit", hit),
            ("delete_memoized", forget),
            ("miss after it", again),
            ("miss, all else expired", sweep),
        ]
    })
}

fn peer<S: Store<u64, u64>>(rows: &mut Vec<Vec<String>>) {
    passes(S::NAME, rows, || {
        let store = S::sized(usize::try_from(ENTRIES).unwrap_or(usize::MAX));
        let grow = calls(ENTRIES, |n| store.put(n, n));
        let clear = calls(1, |_| store.clear());
        let again = calls(ENTRIES, |n| store.put(n, n));
        vec![("insert, growing", grow), ("clear", clear), ("insert after the clear", again)]
    });
}

/// Does everything several times, adds a row for each step, and gives the worst CPU time of all.
fn passes(store: &str, rows: &mut Vec<Vec<String>>, pass: impl Fn() -> Pass) -> Duration {
    progress(store);
    let mut best = pass();
    for _ in 1..PASSES {
        for ((_, best), (_, again)) in best.iter_mut().zip(pass()) {
            least(&mut best.cpu, &again.cpu);
            least(&mut best.wall, &again.wall);
        }
    }
    let mut worst = Duration::ZERO;
    for (what, mut times) in best {
        let (cpu, wall) = (pair(&mut times.cpu), pair(&mut times.wall));
        rows.push(vec![store.to_owned(), what.to_owned(), cpu, wall]);
        worst = worst.max(times.cpu.last().copied().unwrap_or_default());
    }
    worst
}

fn least(best: &mut [Duration], again: &[Duration]) {
    for (best, again) in best.iter_mut().zip(again) {
        *best = (*best).min(*again);
    }
}

/// The worst, and the worst in 10,000; sorts the times.
fn pair(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let last = times.len() - 1;
    format!("{} ({})", figure(micros(times[last])), figure(micros(times[last - times.len() / 10_000])))
}

/// Measures every single call.
fn calls(count: u64, mut call: impl FnMut(u64)) -> Times {
    let mut times = Times { cpu: Vec::new(), wall: Vec::new() };
    for list in [&mut times.cpu, &mut times.wall] {
        list.reserve_exact(usize::try_from(count).unwrap_or(0));
    }
    for n in 0..count {
        let (clock, start) = (Instant::now(), cpu::of_thread());
        call(n);
        times.cpu.push(cpu::of_thread().saturating_sub(start));
        times.wall.push(clock.elapsed());
    }
    times
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

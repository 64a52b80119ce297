//! How many of the lookups hit, by eviction policy: synthetic workloads, and recorded traces where they are there.

use std::collections::{BTreeSet, HashMap};

use cachekit_backends::Table;

use crate::report::{Limit, Targets, progress, table};
use crate::stores::{Foyer, Moka, Quick, Store};
use crate::traces;
use crate::zipf::{Random, Zipf};

/// The columns: us, the peers, and what bounds them.
const COLUMNS: [&str; 6] = ["**cachekit**", "quick_cache", "moka", "foyer S3-FIFO", "LRU", "OPT"];
/// Which of the columns are peers.
const PEERS: std::ops::Range<usize> = 1..4;

/// A workload: its name, the capacity, and the keys in order.
struct Workload {
    name: String,
    capacity: usize,
    keys: Vec<u64>,
}

/// The ratios of a workload, in percent, by column.
struct Ratios {
    name: String,
    columns: [f64; COLUMNS.len()],
}

/// Measures the hit ratios.
pub fn run() {
    println!(
        "Percent of the lookups; each miss is inserted. LRU and OPT (which knows the future) are for comparison.\n"
    );
    let synthetic: Vec<_> = synthetic().into_iter().map(measure).collect();
    let (recorded, skipped) = traces::load();
    let recorded: Vec<_> = recorded
        .into_iter()
        .map(|trace| measure(Workload { name: trace.name, capacity: trace.capacity, keys: trace.keys }))
        .collect();
    println!("### Synthetic workloads\n");
    print(&synthetic);
    println!("### Traces\n");
    for reason in skipped {
        println!("Skipped: {reason}\n");
    }
    if !recorded.is_empty() {
        print(&recorded);
    }
    targets(&synthetic, &recorded);
}

fn measure(workload: Workload) -> Ratios {
    let Workload { name, capacity, keys } = workload;
    let name = format!("{name} @{capacity}");
    progress(&name);
    let hits = [
        hits::<Table<u64>>(capacity, &keys),
        hits::<Quick<u64, u64>>(capacity, &keys),
        hits::<Moka<u64, u64>>(capacity, &keys),
        hits::<Foyer<u64, u64>>(capacity, &keys),
        lru(capacity, &keys),
        opt(capacity, &keys),
    ];
    Ratios { name, columns: hits.map(|hits| 100.0 * hits as f64 / keys.len() as f64) }
}

fn hits<S: Store<u64, u64>>(capacity: usize, keys: &[u64]) -> usize {
    let store = S::sized(capacity);
    let hit = |key: &&u64| {
        let found = store.find(*key).is_some();
        if !found {
            store.put(**key, **key);
        }
        found
    };
    keys.iter().filter(hit).count()
}

/// Evicts what was not used for the longest time.
fn lru(capacity: usize, keys: &[u64]) -> usize {
    let mut last_use: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeSet<(usize, u64)> = BTreeSet::new();
    let mut hits = 0;
    for (now, &key) in keys.iter().enumerate() {
        match last_use.insert(key, now) {
            Some(before) => {
                hits += 1;
                by_use.remove(&(before, key));
            }
            None if by_use.len() == capacity => {
                if let Some((_, oldest)) = by_use.pop_first() {
                    last_use.remove(&oldest);
                }
            }
            None => {}
        }
        by_use.insert((now, key));
    }
    hits
}

/// Evicts what will not be used for the longest time, be it the new key.
fn opt(capacity: usize, keys: &[u64]) -> usize {
    let mut next_use = vec![usize::MAX; keys.len()];
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for (now, key) in keys.iter().enumerate().rev() {
        next_use[now] = seen.insert(*key, now).unwrap_or(usize::MAX);
    }
    let mut held: HashMap<u64, usize> = HashMap::new();
    let mut by_use: BTreeSet<(usize, u64)> = BTreeSet::new();
    let mut hits = 0;
    for (now, &key) in keys.iter().enumerate() {
        if let Some(this_use) = held.insert(key, next_use[now]) {
            hits += 1;
            by_use.remove(&(this_use, key));
        }
        by_use.insert((next_use[now], key));
        if by_use.len() > capacity
            && let Some((_, farthest)) = by_use.pop_last()
        {
            held.remove(&farthest);
        }
    }
    hits
}

fn synthetic() -> Vec<Workload> {
    const LEN: usize = 2_000_000;
    let keys = 1_000_000;
    let workload = |name: &str, capacity, keys| Workload { name: name.to_owned(), capacity, keys };
    let mut all: Vec<_> = [(0.7, 1), (0.99, 2), (1.2, 3)]
        .into_iter()
        .map(|(exponent, seed)| {
            workload(&format!("Zipf({exponent}) 1 M"), 10_000, Zipf::new(keys, exponent).sample(LEN, seed))
        })
        .collect();
    let zipf = Zipf::new(100_000, 0.99);
    let mut random = Random::seeded(7);

    // Every 20,000 calls, 10,000 keys that come once.
    let mut fresh = 1_u64 << 32;
    let mut scans = Vec::with_capacity(LEN);
    while scans.len() < LEN {
        scans.extend((0..20_000).map(|_| zipf.draw(&mut random)));
        scans.extend(fresh..fresh + 10_000);
        fresh += 10_000;
    }
    all.push(workload("Zipf(0.99) with scans", 5_000, scans));

    let cycle = |length: u64| (0..1_000_000).map(move |i: u64| i % length);
    all.push(workload("loop of 1.1 × capacity", 5_000, cycle(5_500).collect()));
    all.push(workload("loop of 2 × capacity", 5_000, cycle(10_000).collect()));

    // Every other call is one of a loop that does not fit.
    let mixed =
        cycle(20_000).map(|at| if random.below(2) == 0 { (1 << 40) + at } else { zipf.draw(&mut random) });
    let mixed: Vec<_> = mixed.collect();
    all.push(workload("Zipf(0.99) and a loop", 5_000, mixed));

    // What is popular changes every 100,000 calls.
    let shifting = (0..LEN as u64).map(|i| zipf.draw(&mut random) + (i / 100_000) * 20_000);
    let shifting: Vec<_> = shifting.collect();
    all.push(workload("Zipf(0.99), shifting", 5_000, shifting));

    // Keys that are asked for again soon, and then never.
    let recent =
        (0..1_000_000_u64).map(|i| i.saturating_sub(random.below(8_000) * random.below(8_000) / 8_000));
    let recent: Vec<_> = recent.collect();
    all.push(workload("recent keys", 2_000, recent));
    all
}

/// Percentage points by which the column is ahead of the best peer.
fn lead(ratios: &Ratios) -> f64 {
    ratios.columns[0] - ratios.columns[PEERS].iter().copied().fold(0.0, f64::max)
}

fn means(all: &[Ratios]) -> [f64; COLUMNS.len()] {
    std::array::from_fn(|column| {
        all.iter().map(|ratios| ratios.columns[column]).sum::<f64>() / all.len() as f64
    })
}

fn print(all: &[Ratios]) {
    let mean = Ratios { name: "**mean**".to_owned(), columns: means(all) };
    let rows: Vec<_> = all
        .iter()
        .chain([&mean])
        .map(|ratios| {
            let cells = ratios.columns.iter().map(|ratio| format!("{ratio:.1}"));
            [ratios.name.clone()].into_iter().chain(cells).chain([format!("{:+.1}", lead(ratios))]).collect()
        })
        .collect();
    let head: Vec<&str> = ["workload @capacity"].into_iter().chain(COLUMNS).chain(["vs best peer"]).collect();
    table(&head, &rows);
}

fn targets(synthetic: &[Ratios], recorded: &[Ratios]) {
    let mut targets = Targets::default();
    let all: Vec<Ratios> = synthetic
        .iter()
        .chain(recorded)
        .map(|ratios| Ratios { name: ratios.name.clone(), columns: ratios.columns })
        .collect();
    let mean = |all: &[Ratios]| lead(&Ratios { name: String::new(), columns: means(all) });
    let limit = Limit::AtLeast { must: 0.0, aim: 1.0 };
    targets.add("mean over the traces and mixes, vs the best peer's mean, points", mean(&all), limit);
    targets.add("the same, the mixes alone", mean(synthetic), limit);
    targets.add("the same, the traces alone", (!recorded.is_empty()).then(|| mean(recorded)), limit);
    let worst = all.iter().min_by(|a, b| lead(a).total_cmp(&lead(b)));
    let name = worst.map_or("–", |ratios| ratios.name.as_str());
    targets.add(
        &format!("worst single trace, vs the best peer on it, points ({name})"),
        worst.map(lead),
        Limit::AtLeast { must: -5.0, aim: -1.0 },
    );
    targets.print();
}

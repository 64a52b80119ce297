//! A hit by the number of keys: what does not fit into the processor's caches costs a look into memory.

use std::hint::black_box;

use crate::contest::Contest;
use crate::cpu::nanos_per_call;
use crate::functions::{Call, Contestant, Many, SIZED, names};
use crate::report::{figure, progress, table};
use crate::stores::{Dash, Foyer, Locked, Moka, Papaya, Quick, Store};
use cachekit_backends::Table;

const CALLS: u64 = 200_000;
const ROUNDS: usize = 11;
const SIZES: [u64; 4] = [1 << 10, 1 << 14, 1 << 17, 1 << 20];

/// Measures hits on 1 Ki to 1 Mi keys.
pub fn run() {
    println!(
        "`u64 → u64`, all hits, keys in random order, one thread; nanoseconds of thread CPU time per call, medians"
    );
    println!("of {ROUNDS} rounds in turns. Room for {} entries.\n", Many::MANY);
    let mut columns = Vec::new();
    for keys in SIZES {
        progress(&format!("{keys} keys"));
        let mut contest = Contest::default();
        for &(name, call) in &SIZED {
            enter_function(&mut contest, keys, (name, call));
        }
        enter_store::<Table<u64>>(&mut contest, keys);
        enter_store::<Locked<u64, u64>>(&mut contest, keys);
        enter_store::<Dash<u64, u64>>(&mut contest, keys);
        enter_store::<Papaya<u64, u64>>(&mut contest, keys);
        enter_store::<Quick<u64, u64>>(&mut contest, keys);
        enter_store::<Foyer<u64, u64>>(&mut contest, keys);
        enter_store::<Moka<u64, u64>>(&mut contest, keys);
        columns.push(contest.run(ROUNDS));
    }
    let names: Vec<String> = columns[0].names().map(str::to_owned).collect();
    let rows: Vec<_> = names
        .into_iter()
        .map(|name| {
            let cells = columns.iter().map(|column| {
                format!("{} ({})", figure(column.median(&name)), figure(column.ratio(&name, names::OURS)))
            });
            [name.clone()].into_iter().chain(cells).collect()
        })
        .collect();
    table(&["contestant, ns (ratio to cachekit)", "1 Ki", "16 Ki", "128 Ki", "1 Mi"], &rows);
}

fn enter_function(contest: &mut Contest<'_>, keys: u64, (name, call): Contestant<Call>) {
    contest.enter(name, move || {
        fill(keys, |key| {
            call(key);
        });
        let mut walk = Walk::through(keys);
        nanos_per_call(CALLS, |_| {
            black_box(call(black_box(walk.next_key())));
        })
    });
}

fn enter_store<S: Store<u64, u64>>(contest: &mut Contest<'_>, keys: u64) {
    let store = S::sized(Many::MANY);
    contest.enter(S::NAME, move || {
        fill(keys, |key| {
            if store.find(&key).is_none() {
                store.put(key, key);
            }
        });
        let mut walk = Walk::through(keys);
        nanos_per_call(CALLS, |_| {
            black_box(store.find(&black_box(walk.next_key())));
        })
    });
}

/// Sees to it that all keys are there, and what holds them in the caches as far as they fit.
fn fill(keys: u64, mut call: impl FnMut(u64)) {
    (0..keys).for_each(&mut call);
}

/// All keys in an order that nothing foresees, computed rather than stored: an array of them would take room in the caches.
struct Walk {
    at: u64,
    mask: u64,
}

impl Walk {
    /// `keys` is a power of two.
    fn through(keys: u64) -> Self {
        Self { at: 1, mask: keys - 1 }
    }

    #[inline]
    fn next_key(&mut self) -> u64 {
        // A linear congruential generator of full period; its high bits, which change most, choose.
        self.at = self.at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.at >> 33) & self.mask
    }
}

//! Bytes of heap per entry.

use std::collections::HashMap;
use std::hint::black_box;

use cachekit_backends::Table;

use crate::functions::million;
use crate::report::{Limit, Targets, figure, progress, table};
use crate::stores::{Dash, Foyer, Key, MiniMoka, Moka, Papaya, Quick, Store, Value};

const ENTRIES: u64 = 1_000_000;

/// Measures a million entries; `heap` says how many bytes are allocated now.
pub fn run(heap: fn() -> usize) {
    println!(
        "{ENTRIES} entries in stores built for as many; heap bytes as asked for, by the entries that are there then.\n"
    );
    let number = |n: u64| n;
    let text = |n: u64| format!("user:{n:08}:profile:settings:x");
    let numbers = kinds(heap, number);
    let texts = kinds(heap, text);
    let mut rows: Vec<_> = numbers
        .iter()
        .zip(&texts)
        .map(|((name, number), (_, text))| vec![(*name).to_owned(), figure(*number), figure(*text)])
        .collect();
    rows.extend(
        cached(heap).into_iter().map(|(name, bytes)| vec![name.to_owned(), figure(bytes), "–".to_owned()]),
    );
    progress("#[memoize]");
    let before = heap();
    (0..ENTRIES).for_each(|n| {
        million(n);
    });
    let held = (0..ENTRIES).filter(|&n| million::peek(n).is_some()).count();
    let memoized = (heap() - before) as f64 / held as f64;
    rows.insert(0, vec!["**cachekit `#[memoize]`**".to_owned(), figure(memoized), "–".to_owned()]);
    table(&["store", "u64 → u64", "String → String, 32 bytes each"], &rows);
    let quick = numbers.iter().find(|(name, _)| *name == <Quick<u64, u64> as Store<u64, u64>>::NAME);
    let mut targets = Targets::default();
    targets.add(
        "memory per entry u64→u64 vs quick_cache",
        quick.map(|(_, bytes)| memoized / bytes),
        Limit::AtMost { must: 1.6, aim: 1.1 },
    );
    targets.print();
}

fn kinds<T: Key + Value>(heap: fn() -> usize, make: fn(u64) -> T) -> Vec<(&'static str, f64)> {
    vec![
        filled::<T, Table<T>>(heap, make),
        ("HashMap", map(heap, make)),
        filled::<T, Quick<T, T>>(heap, make),
        filled::<T, Papaya<T, T>>(heap, make),
        filled::<T, Dash<T, T>>(heap, make),
        filled::<T, Foyer<T, T>>(heap, make),
        filled::<T, Moka<T, T>>(heap, make),
        filled::<T, MiniMoka<T, T>>(heap, make),
    ]
}

fn filled<T: Key + Value, S: Store<T, T>>(heap: fn() -> usize, make: fn(u64) -> T) -> (&'static str, f64) {
    progress(S::NAME);
    let before = heap();
    let store = S::sized(usize::try_from(ENTRIES).unwrap_or(usize::MAX));
    (0..ENTRIES).for_each(|n| store.put(make(n), make(n)));
    let count = store.count();
    let bytes = heap() - before;
    drop(black_box(store));
    (S::NAME, bytes as f64 / count as f64)
}

fn map<T: Key + Value>(heap: fn() -> usize, make: fn(u64) -> T) -> f64 {
    let before = heap();
    let mut map = HashMap::with_capacity(usize::try_from(ENTRIES).unwrap_or(usize::MAX));
    map.extend((0..ENTRIES).map(|n| (make(n), make(n))));
    let bytes = heap() - before;
    drop(black_box(map));
    bytes as f64 / ENTRIES as f64
}

/// The functions of `cached`, which keep their stores to themselves: all that a million calls leave behind.
fn cached(heap: fn() -> usize) -> Vec<(&'static str, f64)> {
    let left_by = |call: fn(u64) -> u64| {
        let before = heap();
        (0..ENTRIES).for_each(|n| {
            call(n);
        });
        (heap() - before) as f64 / ENTRIES as f64
    };
    vec![
        ("cached `#[cached]`", left_by(plain)),
        ("cached `#[cached(max_size)]`", left_by(sized)),
        ("cached `#[cached(max_size, ttl)]`", left_by(timed)),
    ]
}

#[cached::macros::cached]
fn plain(n: u64) -> u64 {
    n
}

#[cached::macros::cached(max_size = 1000000)]
fn sized(n: u64) -> u64 {
    n
}

#[cached::macros::cached(max_size = 1000000, ttl_secs = 300)]
fn timed(n: u64) -> u64 {
    n
}

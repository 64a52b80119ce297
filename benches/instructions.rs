//! The instructions of the hot paths, counted by callgrind: the same in every run, on every machine of one architecture.
//!
//! `cargo xtask instructions` runs this, divides by [`CALLS`], and compares with `ceilings.toml`. What is counted is a loop
//! of that many calls, through a pointer, as `no_cache` shows it for a call that caches nothing.

#![allow(missing_docs, unused_qualifications, reason = "a program; the macros make items without docs")]

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cachekit::testing::Faulty;
use cachekit::{Cache, SimpleCache, install_named, memoize};
use cachekit_backends::{Clock, OwnedKey, Table, TableConfig};
use gungraun::{library_benchmark, library_benchmark_group, main};

/// The calls of a benchmark; xtask divides by it.
const CALLS: u64 = 10_000;
const KEYS: u64 = 1024;
/// How many entries there may be where there are more keys than that.
const CAPACITY: usize = 4096;

#[inline(never)]
fn body(a: u64, b: u64) -> u64 {
    a.wrapping_mul(3) ^ b
}

#[memoize(timeout = 300)]
fn pair(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[memoize(timeout = 300)]
fn text(text: &str) -> String {
    text.to_owned()
}

#[memoize(timeout = 300, local)]
fn shared(n: u64) -> Arc<u64> {
    Arc::new(n)
}

/// As `pair`, in front of a backend outside this process, for all that is known.
#[memoize(timeout = 300, cache = "remote", near = "1h")]
fn nearby(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[derive(Hash)]
struct Shop(u64);

impl Shop {
    #[memoize(timeout = 300)]
    fn price(&self, item: u64) -> u64 {
        body(self.0, item)
    }
}

#[memoize(timeout = 300)]
async fn asynchronous(a: u64, b: u64) -> u64 {
    body(a, b)
}

#[memoize(timeout = 300, max_size = 1_000_000)]
fn roomy(n: u64) -> u64 {
    body(n, n)
}

#[memoize(timeout = 300, max_size = 4096)]
fn crowded(n: u64) -> u64 {
    body(n, n)
}

fn poll_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a hit waits for nothing"),
    }
}

/// The keys, and the call.
type Calls = (Vec<u64>, Box<dyn Fn(u64)>);

/// Calls with every key once, so that all are there; then gives the keys of the calls that count.
///
/// The thread that keeps the time needs a moment to begin; until then a hit asks a clock.
fn warm(call: impl Fn(u64) + 'static) -> Calls {
    (0..KEYS).for_each(&call);
    std::thread::sleep(Duration::from_millis(300));
    (0..3).for_each(|_| (0..KEYS).for_each(&call));
    ((0..CALLS).map(|i| i.wrapping_mul(7919) % KEYS).collect(), Box::new(call))
}

/// Fills what holds `CAPACITY` entries, so that from then on each call evicts.
fn full(call: impl Fn(u64) + 'static) -> Calls {
    let first = CAPACITY as u64 * 4;
    (0..first).for_each(&call);
    ((first..first + CALLS).collect(), Box::new(call))
}

/// Begins with one entry.
fn fresh(call: impl Fn(u64) + 'static) -> Calls {
    call(0);
    ((1..=CALLS).collect(), Box::new(call))
}

fn table() -> &'static Table<u64> {
    let table = Table::new(TableConfig { capacity: CAPACITY, clock: Clock::SYSTEM });
    Box::leak(Box::new(table))
}

fn insert(table: &Table<u64>, key: u64) {
    table.insert(&OwnedKey::of(&key), key, Some(Duration::from_secs(300)));
}

/// The texts of the keys; made once, as callers hold theirs.
fn texts() -> &'static [String] {
    let texts: Vec<String> = (0..KEYS).map(|n| format!("user:{n:08}:profile:settings:x")).collect();
    Box::leak(texts.into_boxed_slice())
}

fn hit_text() -> Calls {
    let texts = texts();
    warm(move |n| drop(black_box(text(black_box(&texts[usize::try_from(n).unwrap_or(0)])))))
}

fn hit_near() -> Calls {
    let backend = Faulty::new(SimpleCache::builder().threshold(CAPACITY).build());
    if install_named("remote", Cache::builder().backend(backend.clone()).build()).is_err() {
        unreachable!("nobody else installs one of this name");
    }
    // What is not near by then cannot be found.
    (0..2).for_each(|_| (0..KEYS).for_each(|n| assert_eq!(nearby(n, 7), body(n, 7))));
    backend.fail(true);
    warm(|n| {
        black_box(nearby(black_box(n), black_box(7)));
    })
}

fn hit_table() -> Calls {
    let table = table();
    (0..KEYS).for_each(|key| insert(table, key));
    warm(move |n| {
        black_box(table.get(black_box(&n)));
    })
}

fn insert_evicting() -> Calls {
    let table = table();
    full(move |n| insert(table, black_box(n)))
}

/// A benchmark of the calls that `$setup` prepares.
macro_rules! benchmarks {
    ($($name:ident: $setup:expr;)*) => {
        $(
            #[library_benchmark]
            #[bench::calls($setup)]
            fn $name(calls: Calls) -> Calls {
                for key in &calls.0 {
                    (calls.1)(*key);
                }
                // Whoever called drops them, after the count.
                calls
            }
        )*
        library_benchmark_group!(name = calls, benchmarks = [$($name),*]);
    };
}

benchmarks! {
    no_cache: warm(|n| { black_box(body(black_box(n), black_box(7))); });
    hit_pair: warm(|n| { black_box(pair(black_box(n), black_box(7))); });
    hit_str: hit_text();
    hit_arc: warm(|n| drop(black_box(shared(black_box(n)))));
    hit_method: warm(|n| { black_box(Shop(7).price(black_box(n))); });
    hit_near: hit_near();
    hit_async: warm(|n| { black_box(poll_once(asynchronous(black_box(n), black_box(7)))); });
    hit_table: hit_table();
    miss: fresh(|n| { black_box(roomy(black_box(n))); });
    miss_evicting: full(|n| { black_box(crowded(black_box(n))); });
    insert_evicting: insert_evicting();
}

main!(library_benchmark_groups = calls);

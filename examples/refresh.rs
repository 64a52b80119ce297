//! Values that are renewed before anybody waits: behind a caller, ahead of their end, again and again.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, memoize};
use cachekit_examples::newer;

/// A server far away.
fn ask(_currency: &str) -> u32 {
    static RATE: AtomicU32 = AtomicU32::new(100);
    thread::sleep(Duration::from_millis(2));
    RATE.fetch_add(1, SeqCst)
}

/// Fresh for a minute, and served for another half while it is renewed.
#[memoize(timeout = 60, stale = 30)]
fn rate(currency: &str) -> u32 {
    ask(currency)
}

/// Renewed by the first who asks in the last fifth of its minute.
#[memoize(timeout = 60, eager = 0.8)]
fn eager_rate(currency: &str) -> u32 {
    ask(currency)
}

/// Renewed by chance, the likelier the nearer its end is and the longer it takes, so that of many callers none waits.
#[memoize(timeout = 60, early)]
fn early_rate(currency: &str) -> u32 {
    ask(currency)
}

/// Computed anew every 20 ms of a real clock, whether anybody is calling or not, until nobody asks any more.
#[memoize(timeout = 60, refresh_every = "20ms")]
fn steady_rate(currency: &str) -> u32 {
    ask(currency)
}

fn main() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        println!("stored      {:?} {:?} {:?}", rate("EUR"), eager_rate("USD"), early_rate("CHF"));
        clock.advance(Duration::from_secs(50));
        let old = eager_rate("USD");
        println!(
            "in use      {old:?}, renewed behind the caller: {:?}",
            newer(&old, || eager_rate::peek("USD"))
        );
        clock.advance(Duration::from_millis(9_999));
        println!("at the end  {:?}, renewed by who drew the lot, most likely", early_rate("CHF"));
        clock.advance(Duration::from_millis(1));
        let old = rate("EUR");
        println!("stale       {old:?}, renewed behind the caller: {:?}", newer(&old, || rate::peek("EUR")));
        let old = steady_rate("SEK");
        println!("again       {old:?}, and nobody waited for {:?}", newer(&old, || Some(steady_rate("SEK"))));
    });
}

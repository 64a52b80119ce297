//! Values that are old: served while a newer one is computed, when none can be had, and renewed before they end. Time is a
//! clock that is moved by hand.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, memoize};

static RATE: AtomicU32 = AtomicU32::new(100);
static IS_DOWN: AtomicBool = AtomicBool::new(false);

/// A server far away.
fn ask() -> Result<u32, &'static str> {
    if IS_DOWN.load(SeqCst) { Err("down") } else { Ok(RATE.fetch_add(1, SeqCst)) }
}

/// Fresh for a minute, served for another half while it is renewed, and for an hour when the server is down.
#[memoize(timeout = 60, stale = 30, fail_safe = "1h")]
fn rate(currency: &str) -> Result<u32, &'static str> {
    println!("    (asking for {currency})");
    ask()
}

/// Renewed by the first who asks in the last fifth of its minute.
#[memoize(timeout = 60, eager = 0.8)]
fn eager_rate(currency: &str) -> Option<u32> {
    println!("    (asking for {currency})");
    ask().ok()
}

fn main() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        println!("stored             {:?}", rate("EUR"));
        clock.advance(Duration::from_secs(60));
        println!("stale              {:?}, and renewed behind the caller", rate("EUR"));
        while rate::peek("EUR") != Some(Ok(101)) {
            thread::yield_now();
        }
        println!("a moment later     {:?}", rate("EUR"));

        IS_DOWN.store(true, SeqCst);
        clock.advance(Duration::from_secs(100));
        println!("the server is down {:?}, better than an error", rate("EUR"));
        println!("nor asked again    {:?}, for half a minute", rate("EUR"));
        clock.advance(Duration::from_secs(3600));
        println!("an hour later      {:?}, nothing lives for ever", rate("EUR"));

        IS_DOWN.store(false, SeqCst);
        println!("stored             {:?}", eager_rate("USD"));
        clock.advance(Duration::from_secs(50));
        println!("in use             {:?}, and renewed before its end", eager_rate("USD"));
        while eager_rate::peek("USD") != Some(Some(103)) {
            thread::yield_now();
        }
        println!("a moment later     {:?}", eager_rate("USD"));
    });
}

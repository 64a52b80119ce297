//! A source that is down: its last value is better than an error, for a while, and not for every error. Time is a clock that
//! is moved by hand.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, memoize};

#[derive(Clone, Debug, PartialEq)]
enum Trouble {
    Down,
    NoSuchCurrency,
}

static IS_DOWN: AtomicU32 = AtomicU32::new(0);

/// Fresh for a minute. For an hour after that a call that fails is given the old value, and for ten seconds nobody tries
/// again; but what does not exist any more is no old value's business.
#[memoize(timeout = 60, fail_safe = "1h", throttle = 10, fail_safe_if = |error| *error == Trouble::Down)]
fn rate(currency: &str) -> Result<u32, Trouble> {
    println!("    (asking for {currency})");
    match IS_DOWN.load(SeqCst) {
        0 => Ok(100),
        1 => Err(Trouble::Down),
        _ => Err(Trouble::NoSuchCurrency),
    }
}

fn main() {
    let clock = ManualClock::new();
    let after = |seconds| clock.advance(Duration::from_secs(seconds));
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        println!("stored               {:?}", rate("EUR"));
        IS_DOWN.store(1, SeqCst);
        println!("down, but it is fresh {:?}", rate("EUR"));
        after(60);
        println!("better than an error {:?}", rate("EUR"));
        println!("nor asked again      {:?}", rate("EUR"));
        after(10);
        println!("ten seconds later    {:?}", rate("EUR"));
        after(10);
        IS_DOWN.store(2, SeqCst);
        println!("not forgiven         {:?}", rate("EUR"));
        IS_DOWN.store(0, SeqCst);
        println!("back                 {:?}", rate("EUR"));
        IS_DOWN.store(1, SeqCst);
        after(60 + 3600);
        println!("nothing lives for ever {:?}", rate("EUR"));
        println!("{} old values instead of errors", rate::stats().fallbacks);
    });
}

//! Callers who do not wait for ever: the old value for those who have one, an error for the others, and the result is kept
//! for whoever comes later.

use std::thread;
use std::time::{Duration, Instant};

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, Error, memoize};

/// A caller waits 20 ms at most where there is an old value, and 60 ms otherwise.
#[memoize(timeout = 60, fail_safe = "1h", soft_timeout = "20ms", hard_timeout = "60ms")]
fn report(name: &str) -> Result<String, Error> {
    thread::sleep(Duration::from_millis(150));
    Ok(format!("report on {name}"))
}

fn timed(what: &str) {
    let start = Instant::now();
    let found = report("bees").map_err(|error| error.kind().to_string());
    println!("{what:<28} {found:?} after about {} ms", start.elapsed().as_millis() / 10 * 10);
}

fn main() {
    let clock = ManualClock::new();
    Scope::new(Cache::builder().clock(clock.clock()).build()).run(|| {
        timed("nothing is there");
        while report::peek("bees").is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        timed("it was computed all the same");
        clock.advance(Duration::from_secs(61));
        timed("an old value is there");
    });
}

//! `near`: values of a remote backend that stay in this process for as long as they are true.
//!
//! Runs on files, of which nobody says when they change, so a value is near for a moment. On Redis a server says so:
//! `cargo run --example near -- redis://localhost:6379`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cachekit::testing::Scope;
use cachekit::{Cache, delete_memoized, install, memoize};

static PRICE: AtomicU32 = AtomicU32::new(100);

#[memoize(near, timeout = "10m")]
fn price(article: u32) -> u32 {
    article + PRICE.load(Ordering::Relaxed)
}

/// Asks for a while, and says what the last call gave, and what the shortest took.
fn ask(what: &str) {
    let (mut found, mut shortest) = (0, Duration::MAX);
    for _ in 0..50 {
        let start = Instant::now();
        found = price(7);
        shortest = shortest.min(start.elapsed());
        sleep(Duration::from_millis(2));
    }
    println!("{what:45} {found:4} in {shortest:?}");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("cachekit-near-{}", std::process::id()));
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("filesystem://{}", folder.display()));
    install(Cache::from_url(&url)?)?;
    // Another cache on the same backend stands for another process: what is near here, it knows nothing of.
    let another = Scope::new(Cache::from_url(&url)?);
    another.run(|| delete_memoized!(price))?;

    ask("computed, stored, read, and then near:");
    PRICE.store(200, Ordering::Relaxed);
    ask("the price changed, but nobody said so:");
    delete_memoized!(price, 7)?;
    ask("this process forgot it, near and far:");

    PRICE.store(300, Ordering::Relaxed);
    let start = Instant::now();
    another.run(|| delete_memoized!(price, 7))?;
    while price(7) != 307 {
        sleep(Duration::from_micros(10));
    }
    println!("another process forgot it, and here it was old for {:?}", start.elapsed());

    another.run(|| delete_memoized!(price))?;
    std::fs::remove_dir_all(folder).ok();
    Ok(())
}

//! Control while a program runs: modes of a task, a record of what was asked for, the switch of the process, a ramp.

use std::cell::Cell;

use cachekit::{CacheMode, Outcome, Record, memoize, set_enabled};

thread_local! {
    static COMPUTED: Cell<u32> = const { Cell::new(0) };
}

#[memoize(timeout = "10m")]
fn price(article: u32) -> u32 {
    COMPUTED.set(COMPUTED.get() + 1);
    article * 3
}

#[memoize(timeout = "10m")]
fn basket(first: u32, last: u32) -> u32 {
    COMPUTED.set(COMPUTED.get() + 1);
    (first..=last).map(price).sum()
}

/// How many bodies run for a basket of three.
fn computed() -> u32 {
    COMPUTED.set(0);
    basket(1, 3);
    COMPUTED.get()
}

fn main() {
    println!("at first                  {} computed", computed());
    println!("again                     {} computed", computed());

    // A request that says `Cache-Control: no-cache`, a preview, a job that must not fill the cache:
    println!("CacheMode::Refresh        {} computed, and stored", CacheMode::Refresh.scope(computed));
    println!("CacheMode::Off            {} computed, not stored", CacheMode::Off.scope(computed));
    println!("CacheMode::ReadOnly       {} computed", CacheMode::ReadOnly.scope(computed));
    let previewed = cachekit_examples::block_on(CacheMode::Off.scope_async(async { computed() }));
    println!("the same around a task    {previewed} computed");

    // What does a page ask for?
    let (_, record) = Record::of(|| (basket(1, 3), basket(3, 5)));
    for asked in record.asked() {
        println!("    {:?} {}", asked.outcome, asked.key.as_deref().unwrap_or_default());
    }
    println!("{} hits, {} misses", record.count(Outcome::Hit), record.count(Outcome::Miss));

    // The switch of the whole process, or CACHE_ENABLED=false; what is forgotten meanwhile stays forgotten.
    set_enabled(false);
    println!("switched off              {} computed", computed());
    set_enabled(true);
    println!("switched on               {} computed", computed());

    // A new function is tried on some of its keys first, the same in every process.
    price::set_cache_ramp(25);
    let cached =
        (0..1000).filter(|article| price(*article) == 3 * article && price::peek(*article).is_some());
    println!("a ramp of 25 %            {} of 1000 articles cached", cached.count());
}

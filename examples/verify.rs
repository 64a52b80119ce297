//! A value that nobody forgot: `verify` finds it, without serving anything else meanwhile.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cachekit::events::{self, EventKind};
use cachekit::{delete_memoized, memoize};

static PRICE: AtomicU64 = AtomicU64::new(100);

/// Every key is compared here; in a program a hundredth tells as much: `verify = 0.01`.
#[memoize(timeout = 3600, verify = 1.0)]
fn price(article: u64) -> u64 {
    PRICE.load(SeqCst) + article
}

/// Two places that change the price; one of them forgets to say so.
fn change(to: u64, says_so: bool) -> cachekit::Result<()> {
    PRICE.store(to, SeqCst);
    if says_so { delete_memoized!(price) } else { Ok(()) }
}

fn ask(what: &str) {
    println!("{what}: {}", price(1));
    // The comparison goes on behind the caller.
    std::thread::sleep(Duration::from_millis(50));
}

fn main() -> cachekit::Result<()> {
    let _subscription = events::subscribe(|event| {
        if event.kind == EventKind::Mismatch {
            println!("    {} is not what it was cached as: {:?}", event.function, event.key);
        }
    });
    ask("computed");
    ask("cached");
    change(200, true)?;
    ask("changed, and forgotten");
    ask("cached");
    change(300, false)?;
    ask("changed, and not forgotten");
    println!("{:?}", price::stats().verified);
    Ok(())
}

//! A backend that goes away and comes back: what could not be forgotten is not served and is forgotten later; and not
//! everything is computed at once meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::Faulty;
use cachekit::{Cache, SimpleCache, delete_memoized, install, memoize};

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
static VERSION: AtomicUsize = AtomicUsize::new(1);

#[memoize(recompute_limit = 2)]
fn page(id: u64) -> (u64, usize) {
    MOST.fetch_max(RUNNING.fetch_add(1, SeqCst) + 1, SeqCst);
    thread::sleep(Duration::from_millis(5)); // the database
    RUNNING.fetch_sub(1, SeqCst);
    (id, VERSION.load(SeqCst))
}

fn main() -> cachekit::Result<()> {
    // It stands for a server: with one, `Cache::from_url("redis://localhost?recovery=1000")`.
    let server = Faulty::new(SimpleCache::new());
    install(Cache::builder().backend(server.clone()).recover(1000).build())?;
    let cache = cachekit::current();
    println!("cached              {:?}", page(1));

    server.fail(true);
    VERSION.store(2, SeqCst);
    if let Err(error) = delete_memoized!(page, 1) {
        println!("not forgotten       {error}");
    }
    thread::scope(|scope| (0..8).for_each(|id| drop(scope.spawn(move || page(id)))));
    println!("8 callers meanwhile {} bodies at a time at most", MOST.load(SeqCst));

    server.fail(false);
    println!("the server is back, and holds the old page; waiting: {}", cache.recovery().waiting);
    println!("yet served          {:?}", page(1));
    while cache.recovery().waiting > 0 {
        thread::sleep(Duration::from_millis(10));
    }
    println!("forgotten at last   {:?}", cache.recovery());
    page(1);
    println!("cached              {:?}", page::peek(1));
    Ok(())
}

//! On a backend that tells nothing, values are near for a moment.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cachekit::testing::Scope;
use cachekit::{Cache, Clock, FileSystemCache, ManualClock, memoize};

#[cfg(unix)]
use cachekit_tests::{
    flavours::until,
    servers::{Memcached, Uwsgi, shared},
    watch::Watch,
};

use crate::board::Board;

static TRUTH: AtomicU64 = AtomicU64::new(0);

#[memoize(near, timeout = 600)]
fn for_a_second(n: u64) -> u64 {
    n
}

#[memoize(near = "250ms", timeout = 600)]
fn for_less(n: u64) -> u64 {
    n
}

#[memoize(near = "1h", timeout = 2)]
fn for_longer_than_it_lives(n: u64) -> u64 {
    n + TRUTH.load(SeqCst)
}

/// Both sides of the end.
#[test]
fn a_value_is_near_for_so_long_and_no_longer() {
    for (longest, call) in [(1000, for_a_second as fn(u64) -> u64), (250, for_less)] {
        let clock = ManualClock::new();
        let board = Board::on(Clock::SYSTEM, false);
        let cache = Cache::builder().shared_backend(board.clone()).clock(clock.clock()).build();
        Scope::new(cache).run(|| {
            assert_eq!((call(1), call(1)), (1, 1));
            let reads = board.reads.load(SeqCst);
            clock.advance(Duration::from_millis(longest - 1));
            call(1);
            assert_eq!(board.reads.load(SeqCst), reads, "{longest} ms");
            clock.advance(Duration::from_millis(1));
            call(1);
            assert_eq!(board.reads.load(SeqCst), reads + 1, "{longest} ms");
        });
    }
}

/// A value is not near for longer than it lives in the files.
#[test]
fn on_files_the_entry_in_the_backend_is_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::builder().backend(FileSystemCache::open(folder.path()).unwrap()).build();
    Scope::new(cache).run(|| {
        let start = Instant::now();
        for_longer_than_it_lives(1);
        for_longer_than_it_lives(1);
        assert_eq!(for_longer_than_it_lives::stats().entries, Some(1));
        TRUTH.fetch_add(1, SeqCst);
        while for_longer_than_it_lives(1) == 1 {
            assert!(start.elapsed() < Duration::from_secs(10), "it is near for longer");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(start.elapsed() >= Duration::from_secs(2));
    });
}

/// Servers that tell nothing: what another process forgot is served for a moment, and not longer.
#[cfg(unix)]
#[test]
fn on_servers_that_tell_nothing() {
    static PRICE: AtomicU64 = AtomicU64::new(0);
    #[memoize(near, timeout = 600)]
    fn price() -> u64 {
        PRICE.load(SeqCst)
    }
    let urls = [shared::memcached().map(Memcached::url), shared::uwsgi().map(Uwsgi::url)];
    for url in urls.into_iter().flatten() {
        let process = || Scope::new(Cache::from_url(&url).unwrap());
        let (here, there) = (process(), process());
        here.run(|| (price(), price()));
        assert_eq!(here.run(price::stats).entries, Some(1), "{url}: it is near");
        let new = PRICE.fetch_add(1, SeqCst) + 1;
        there.run(price::delete_memoized).unwrap();
        let watch = Watch::start();
        until(Duration::from_secs(10), || here.run(price) == new);
        let took = watch.elapsed();
        println!("{url}: old for {took:?} after another process forgot it");
        assert!(took < Duration::from_millis(1500), "{url}: {took:?}");
    }
}

/// In a cache of this process there is nothing to be near to.
#[test]
fn in_process_it_changes_nothing() {
    Scope::new(Cache::builder().build()).run(|| {
        assert_eq!((for_a_second(1), for_a_second(1)), (1, 1));
        assert_eq!(for_a_second::stats().entries, Some(1));
    });
}

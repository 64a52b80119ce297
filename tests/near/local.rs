//! What this process forgets, it forgets near and far: promise 5 holds inside a process on every backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

use cachekit::testing::Scope;
use cachekit::{Cache, Clock, cached, delete_memoized, memoize};

use crate::board::Board;

static TRUTH: AtomicU64 = AtomicU64::new(0);

#[memoize(near = "1h", timeout = 86_400)]
fn value(n: u64) -> u64 {
    n + TRUTH.load(SeqCst)
}

#[derive(Hash)]
struct Reader;

impl Reader {
    #[memoize(near = "1h", timeout = 86_400)]
    fn read(&self, n: u64) -> u64 {
        n + TRUTH.load(SeqCst)
    }
}

#[cached(near = "1h", key_prefix = "page", timeout = 86_400)]
fn page() -> u64 {
    TRUTH.load(SeqCst)
}

#[cached(near = "1h", key_prefix = "page", timeout = 86_400)]
fn same_page() -> u64 {
    TRUTH.load(SeqCst)
}

/// One backend that tells nothing, and one whose messages never arrive.
fn boards() -> [Arc<Board>; 2] {
    let deaf = Board::on(Clock::SYSTEM, false);
    let told = Board::new();
    told.hold_messages();
    [deaf, told]
}

#[test]
fn every_way_to_forget_forgets_what_is_near() {
    type Way<'a> = (&'a str, &'a dyn Fn(&Cache));
    let ways: [Way<'_>; 8] = [
        ("calls", &|_| {
            delete_memoized!(value, 1).unwrap();
            delete_memoized!(Reader.read, 1).unwrap();
            page::delete_cached().unwrap();
        }),
        ("an instance", &|_| {
            delete_memoized!(value).unwrap();
            delete_memoized!(Reader.read).unwrap();
            page::delete_cached().unwrap();
        }),
        ("functions", &|cache| {
            value::delete_memoized().unwrap();
            delete_memoized!(Reader::read).unwrap();
            cache.delete("page").unwrap();
        }),
        ("stamps", &|cache| {
            value::delete_memoized_verhash().unwrap();
            Reader::read_delete_memoized_verhash_all().unwrap();
            cache.delete_cached("page").unwrap();
        }),
        ("keys", &|cache| {
            cache.delete(&value::make_cache_key(1)).unwrap();
            cache.delete_many(&[&Reader.read_make_cache_key(1), "page"]).unwrap();
        }),
        ("refresh", &|_| {
            value::refresh(1);
            Reader.read_refresh(1);
            same_page::refresh();
        }),
        ("everything", &|cache| cache.clear().unwrap()),
        // The last: an integer that a user set is not near.
        ("set", &|cache| {
            let truth = TRUTH.load(SeqCst);
            cache.set(&value::make_cache_key(1), &(truth + 1), 600).unwrap();
            cache.delete(&Reader.read_make_cache_key(1)).unwrap();
            cache.set_many(&[("page", truth)], 600).unwrap();
        }),
    ];
    for board in boards() {
        let cache = Cache::builder().shared_backend(board.clone()).build();
        Scope::new(cache.clone()).run(|| {
            for (name, forget) in &ways {
                let call = || (value(1) - 1, Reader.read(1) - 1, page());
                let old = TRUTH.load(SeqCst);
                (0..4).for_each(|_| assert_eq!(call(), (old, old, old), "before {name}"));
                let reads = board.reads.load(SeqCst);
                call();
                assert_eq!(board.reads.load(SeqCst), reads, "all are near");
                let new = TRUTH.fetch_add(1, SeqCst) + 1;
                assert_eq!(call(), (old, old, old), "{name}: nobody said that they changed");
                forget(&cache);
                assert_eq!(call(), (new, new, new), "{name}");
            }
        });
    }
}

/// What was asked for before it was forgotten is not near afterwards.
#[test]
fn a_read_on_its_way_is_not_kept() {
    #[memoize(near = "1h", timeout = 86_400)]
    fn late(n: u64) -> u64 {
        n
    }
    for board in boards() {
        let cache = Cache::builder().shared_backend(board.clone()).build();
        let scope = Scope::new(cache.clone());
        scope.run(|| late(1));
        board.hold_replies();
        thread::scope(|threads| {
            let on_its_way = threads.spawn(|| scope.run(|| late(1)));
            board.await_reply();
            let forgetting = threads.spawn(|| scope.run(|| delete_memoized!(late)));
            forgetting.join().unwrap().unwrap();
            board.give_replies();
            assert_eq!(on_its_way.join().unwrap(), 1);
        });
        assert_eq!(scope.run(|| late::stats().entries), Some(0));
    }
}

#[test]
fn hooks_see_what_is_near() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    #[memoize(near = "1h", timeout = 600, is_stale = |value: &u64| *value < NOW.load(SeqCst))]
    fn checked() -> u64 {
        NOW.load(SeqCst)
    }
    #[memoize(near = "1h", timeout = 600, unless = n == 0, forced_update = n == 1)]
    fn hooked(n: u64) -> u64 {
        n + NOW.load(SeqCst)
    }
    for board in boards() {
        NOW.store(0, SeqCst);
        Scope::new(Cache::builder().shared_backend(board.clone()).build()).run(|| {
            (0..4).for_each(|_| assert_eq!((checked(), hooked(2)), (0, 2)));
            let reads = board.reads.load(SeqCst);
            assert_eq!((checked(), hooked(2), hooked(0)), (0, 2, 0));
            assert_eq!(board.reads.load(SeqCst), reads, "what is near is looked at");
            let truth = NOW.fetch_add(1, SeqCst) + 1;
            assert_eq!(checked(), truth);
            assert_eq!(checked(), truth, "what was stale is not near any more");
            (0..3).for_each(|_| assert_eq!(hooked(1), 1 + truth));
            NOW.fetch_add(1, SeqCst);
            assert_eq!(hooked(1), 2 + truth);
            assert_eq!(hooked::peek(1), Some(2 + truth));
        });
    }
}

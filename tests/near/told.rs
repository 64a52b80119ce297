//! On a backend that tells what changes, two caches stand for two processes: each has its own values near.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::testkit::{self, Target};
use cachekit::{Cache, ManualClock, Timeout, cached, delete_memoized, memoize};

use crate::board::Board;

/// What is true; each test has an argument of its own.
static TRUTH: [AtomicU64; 32] = [const { AtomicU64::new(0) }; 32];

fn truth(n: usize) -> u64 {
    TRUTH[n].load(SeqCst)
}

fn change(n: usize) -> u64 {
    TRUTH[n].fetch_add(1, SeqCst) + 1
}

#[memoize(near, timeout = 600)]
fn value(n: usize) -> u64 {
    truth(n)
}

#[derive(Hash)]
struct Reader {
    id: usize,
}

impl Reader {
    #[memoize(near, timeout = 600)]
    fn read(&self, n: usize) -> u64 {
        truth(n)
    }
}

#[cached(near, key_prefix = "page/{n}")]
fn page(n: usize) -> u64 {
    truth(n)
}

/// A way to forget, and its name.
type Way<'a> = (&'a str, &'a dyn Fn());

/// One process among several.
struct Process {
    cache: Cache,
    scope: Scope,
}

impl Process {
    fn new(board: &Arc<Board>) -> Self {
        Self::with(Cache::builder().shared_backend(board.clone()).key_prefix("told:").build())
    }

    fn with(cache: Cache) -> Self {
        Self { scope: Scope::new(cache.clone()), cache }
    }

    fn run<T>(&self, call: impl FnOnce() -> T) -> T {
        self.scope.run(call)
    }
}

#[test]
fn the_backend_of_these_tests_keeps_the_contract() {
    testkit::run(&Target::new("Board", |clock| Ok(Board::on(clock, true))));
    testkit::run(&Target::new("Board that tells nothing", |clock| Ok(Board::on(clock, false))));
}

/// Calls until the value is near: computed, read, and then not asked for any more.
fn settle(board: &Board, mut call: impl FnMut() -> u64) -> u64 {
    call();
    call();
    let before = board.reads.load(SeqCst);
    let value = call();
    assert_eq!(board.reads.load(SeqCst), before, "nothing is asked for what is near");
    value
}

#[test]
fn what_was_read_is_near_until_it_changes_anywhere() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    assert_eq!(here.run(|| settle(&board, || value(0))), 0);
    assert_eq!(there.run(|| settle(&board, || value(0))), 0);
    let new = change(0);
    assert_eq!(here.run(|| value(0)), new - 1, "nobody said that it changed");
    there.run(|| delete_memoized!(value, 0)).unwrap();
    assert_eq!(here.run(|| value(0)), new);
    assert_eq!(here.run(|| settle(&board, || value(0))), new);
    assert_eq!(there.run(|| settle(&board, || value(0))), new);
}

#[test]
fn every_way_to_forget_is_heard_of() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let reader = Reader { id: 1 };
    let call = || here.run(|| (value(1), reader.read(1), page(1)));
    let all = |n| (n, n, n);
    let ways: [Way<'_>; 6] = [
        ("calls", &|| {
            delete_memoized!(value, 1).unwrap();
            delete_memoized!(reader.read, 1).unwrap();
            page::delete_cached(1).unwrap();
        }),
        ("an instance", &|| {
            delete_memoized!(value).unwrap();
            delete_memoized!(reader.read).unwrap();
            there.cache.delete("page/1").unwrap();
        }),
        ("functions", &|| {
            value::delete_memoized().unwrap();
            Reader::read_delete_memoized_all().unwrap();
            there.cache.delete_many(&["page/1", "page/2"]).unwrap();
        }),
        ("stamps", &|| {
            value::delete_memoized_verhash().unwrap();
            reader.read_delete_memoized_verhash().unwrap();
            there.cache.delete("page/1").unwrap();
        }),
        ("keys", &|| {
            there.cache.delete(&value::make_cache_key(1)).unwrap();
            there.cache.delete(&reader.read_make_cache_key(1)).unwrap();
            there.cache.delete_cached("page/1").unwrap();
        }),
        ("everything", &|| there.cache.clear().unwrap()),
    ];
    for (name, forget) in ways {
        let old = truth(1);
        for _ in 0..4 {
            assert_eq!(call(), all(old), "{name}");
        }
        let reads = board.reads.load(SeqCst);
        call();
        assert_eq!(board.reads.load(SeqCst), reads, "{name}: all are near");
        let new = change(1);
        there.run(forget);
        assert_eq!(call(), all(new), "{name}");
    }
}

#[test]
fn what_others_set_replaces_what_is_near() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    here.run(|| settle(&board, || page(2)));
    there.cache.set("page/2", &7_u64, 60).unwrap();
    assert_eq!(here.run(|| page(2)), 7);
    there.cache.set_many(&[("page/2", 8_u64)], 60).unwrap();
    assert_eq!(here.run(|| page(2)), 8);
    there.run(|| page::refresh(2));
    assert_eq!(here.run(|| page(2)), truth(2));
}

#[test]
fn other_instances_and_functions_stay_near() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let (one, two) = (Reader { id: 10 }, Reader { id: 11 });
    for _ in 0..4 {
        here.run(|| (one.read(3), two.read(3), value(3)));
    }
    there.run(|| delete_memoized!(one.read)).unwrap();
    let reads = board.reads.load(SeqCst);
    here.run(|| (two.read(3), value(3)));
    assert_eq!(board.reads.load(SeqCst), reads, "they are near still");
    here.run(|| one.read(3));
    assert!(board.reads.load(SeqCst) > reads);
}

/// The reply to a read is on its way while what is in it is forgotten: the message overtakes it.
#[test]
fn a_reply_that_was_overtaken_is_not_kept_near() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let reader = Reader { id: 20 };
    let ways: [&(dyn Fn() + Sync); 5] = [
        &|| assert!(delete_memoized!(reader.read, 4).unwrap()),
        &|| delete_memoized!(reader.read).unwrap(),
        &|| delete_memoized!(Reader::read).unwrap(),
        &|| there.cache.clear().unwrap(),
        &|| {
            // Changes may have gone untold meanwhile.
            Reader::read_delete_memoized_all().unwrap();
            board.set_telling(false);
            board.set_telling(true);
        },
    ];
    for (n, forget) in ways.into_iter().enumerate() {
        let old = here.run(|| {
            reader.read(4);
            reader.read(4)
        });
        board.set_telling(false);
        board.set_telling(true);
        board.hold_replies();
        thread::scope(|scope| {
            let late = scope.spawn(|| here.run(|| reader.read(4)));
            board.await_reply();
            change(4);
            // Those who forget ask too.
            scope.spawn(|| there.run(forget)).join_after(|| board.give_replies());
            assert_eq!(late.join().unwrap(), old, "way {n}: what was asked before is answered as of then");
        });
        assert_eq!(here.run(|| reader.read(4)), truth(4), "way {n}: but not kept");
    }
}

/// What waits for a thread, doing something before it does.
trait JoinAfter {
    fn join_after(self, first: impl FnOnce());
}

impl JoinAfter for thread::ScopedJoinHandle<'_, ()> {
    fn join_after(self, first: impl FnOnce()) {
        thread::sleep(Duration::from_millis(50));
        first();
        self.join().unwrap();
    }
}

/// The message comes after the value is near.
#[test]
fn a_message_that_is_late_is_in_time_for_what_is_near() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let old = here.run(|| settle(&board, || value(5)));
    board.hold_messages();
    let new = change(5);
    there.run(|| delete_memoized!(value, 5)).unwrap();
    assert_eq!(here.run(|| value(5)), old, "the message is on its way");
    board.tell_messages();
    assert_eq!(here.run(|| value(5)), new);
}

#[test]
fn nothing_is_near_while_nothing_is_told() {
    let board = Board::new();
    let here = Process::new(&board);
    here.run(|| {
        settle(&board, || value(6));
        assert_eq!(value::stats().entries, Some(1));
        board.set_telling(false);
        assert_eq!(value::stats().entries, Some(0), "what was near is forgotten");
        for _ in 0..3 {
            let reads = board.reads.load(SeqCst);
            value(6);
            assert_eq!(board.reads.load(SeqCst), reads + 1, "and nothing is added");
        }
        board.set_telling(true);
        settle(&board, || value(6));
    });
}

/// A read that began while nothing was told may end while something is.
#[test]
fn what_was_asked_for_while_nothing_was_told_is_not_kept_near() {
    let board = Board::new();
    let here = Process::new(&board);
    here.run(|| value(7));
    board.set_telling(false);
    board.hold_replies();
    thread::scope(|scope| {
        let late = scope.spawn(|| here.run(|| value(7)));
        board.await_reply();
        board.set_telling(true);
        board.give_replies();
        late.join().unwrap();
    });
    assert_eq!(here.run(|| value::stats().entries), Some(0));
}

#[test]
fn what_is_near_ends_with_what_is_remote() {
    #[memoize(near, timeout = "2s")]
    fn short(n: usize) -> u64 {
        truth(n)
    }
    let board = Board::new();
    let here = Process::new(&board);
    here.run(|| {
        let start = std::time::Instant::now();
        settle(&board, || short(8));
        // Nobody tells that it expired: this backend does not notice.
        let new = change(8);
        while short(8) != new {
            assert!(start.elapsed() < Duration::from_secs(10), "it outlives the entry in the backend");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(start.elapsed() >= Duration::from_secs(2), "it lives as long");
    });
}

/// On a clock of its own: by default a minute, by `near = ".."` what it says, and never longer than in the backend.
#[test]
fn what_is_near_ends_by_itself() {
    #[memoize(near = "5s", timeout = 600)]
    fn within(n: usize) -> u64 {
        truth(n)
    }
    let clock = ManualClock::new();
    let board = Board::new();
    let cache = Cache::builder().shared_backend(board.clone()).clock(clock.clock()).build();
    let here = Process::with(cache);
    for (longest, call) in [(60_000, value as fn(usize) -> u64), (5_000, within)] {
        here.run(|| {
            settle(&board, || call(9));
            clock.advance(Duration::from_millis(longest - 1));
            let reads = board.reads.load(SeqCst);
            call(9);
            assert_eq!(board.reads.load(SeqCst), reads, "near for {longest} ms");
            clock.advance(Duration::from_millis(1));
            call(9);
            assert_eq!(board.reads.load(SeqCst), reads + 1, "and not longer");
        });
    }
}

/// Integers that a user set say nothing of how long they live.
#[test]
fn what_does_not_say_how_long_it_lives_is_not_near() {
    let board = Board::new();
    let here = Process::new(&board);
    here.cache.set("page/10", &5_i64, Timeout::Default).unwrap();
    here.run(|| {
        for _ in 0..3 {
            let reads = board.reads.load(SeqCst);
            assert_eq!(page(10), 5);
            assert_eq!(board.reads.load(SeqCst), reads + 1);
        }
    });
}

/// One computation for all, though the stamp of the function is made, and told of, while it runs.
#[test]
fn a_message_does_not_disturb_a_computation() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    #[memoize(near, timeout = 600)]
    fn slow(n: u64) -> u64 {
        RUNS.fetch_add(1, SeqCst);
        thread::sleep(Duration::from_millis(200));
        n
    }
    let board = Board::new();
    let here = Process::new(&board);
    board.hold_messages();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| here.run(|| slow(1)));
        }
        thread::sleep(Duration::from_millis(100));
        board.tell_messages();
    });
    assert_eq!(RUNS.load(SeqCst), 1);
    here.run(|| assert_eq!(slow::peek(1), Some(1), "and it is stored"));
}

/// What is known of keys is bounded by what is near.
#[test]
fn thousands_of_keys_come_and_go() {
    #[memoize(near, timeout = 600, max_size = 100)]
    fn many(n: u64) -> u64 {
        n + truth(11)
    }
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    here.run(|| {
        for n in 0..5000 {
            many(n);
            many(n);
            many(n);
        }
        assert!(many::stats().entries.unwrap() <= 100);
    });
    change(11);
    there.run(|| {
        for n in 4500..5000 {
            delete_memoized!(many, n).unwrap();
        }
    });
    here.run(|| {
        for n in 4500..5000 {
            assert_eq!(many(n), n + 1);
        }
    });
}

#[test]
fn a_cache_that_is_gone_does_not_listen() {
    let board = Board::new();
    {
        let here = Process::new(&board);
        here.run(|| value(12));
        assert_eq!(board.listeners(), 1);
        here.run(|| page(12));
        assert_eq!(board.listeners(), 1, "one for all its functions");
    }
    assert_eq!(board.listeners(), 0);
    let plain = Process::new(&board);
    #[memoize(timeout = 600)]
    fn distant(n: usize) -> u64 {
        truth(n)
    }
    plain.run(|| distant(12));
    assert_eq!(board.listeners(), 0, "nobody listens where nothing is near");
}

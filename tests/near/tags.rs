//! Tags of what is near: those that the call has, those that the value decided, those of what it was made from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use cachekit::testing::Scope;
use cachekit::{Cache, memoize};

use crate::board::Board;

static TRUTH: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

fn truth(n: usize) -> u64 {
    TRUTH[n].load(SeqCst)
}

fn change(n: usize) -> u64 {
    TRUTH[n].fetch_add(1, SeqCst) + 1
}

#[memoize(near, timeout = 600, namespace = "near", tags = ["n:{n}"], tags_from = |value: &u64| [format!("v:{value}")])]
fn tagged(n: usize) -> u64 {
    truth(n)
}

#[memoize(near, timeout = 600, inherit)]
fn made_from(n: usize) -> u64 {
    tagged(n) + 1000
}

struct Process {
    cache: Cache,
    scope: Scope,
}

impl Process {
    fn new(board: &Arc<Board>) -> Self {
        let cache = Cache::builder().shared_backend(board.clone()).key_prefix("tags:").build();
        Self { scope: Scope::new(cache.clone()), cache }
    }

    /// Calls until nothing is asked any more.
    fn settle(&self, board: &Board, call: impl Fn() -> u64) -> u64 {
        self.scope.run(|| {
            call();
            call();
            let before = board.reads.load(SeqCst);
            let value = call();
            assert_eq!(board.reads.load(SeqCst), before, "nothing is asked for what is near");
            value
        })
    }
}

#[test]
fn every_kind_of_tag_is_heard_of() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let ways: [&dyn Fn(u64); 3] = [
        &|_| there.cache.invalidate_tag("n:1").unwrap(),
        &|old| there.cache.invalidate_tag(&format!("v:{old}")).unwrap(),
        &|_| there.cache.invalidate_namespace("near").unwrap(),
    ];
    for forget in ways {
        let old = here.settle(&board, || tagged(1));
        assert_eq!(here.settle(&board, || made_from(1)), old + 1000);
        let new = change(1);
        assert_eq!(here.scope.run(|| (tagged(1), made_from(1))), (old, old + 1000), "nobody said so yet");
        forget(old);
        assert_eq!(here.scope.run(|| (tagged(1), made_from(1))), (new, new + 1000));
    }
}

#[test]
fn what_has_another_tag_stays() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    TRUTH[2].store(200, SeqCst);
    here.settle(&board, || tagged(2));
    for tag in ["n:3", "v:201", "near"] {
        there.cache.invalidate_tag(tag).unwrap();
        assert_eq!(here.settle(&board, || tagged(2)), 200, "{tag}");
    }
}

/// The tag of a value is known when it was read; the message came before that was known.
#[test]
fn a_reply_about_a_tag_that_was_overtaken_is_not_kept_near() {
    let board = Board::new();
    let (here, there) = (Process::new(&board), Process::new(&board));
    let old = here.scope.run(|| tagged(4));
    // The value and what the call has passes, the stamp of the tag that it decided is held up.
    board.hold_replies_after(1);
    thread::scope(|scope| {
        let late = scope.spawn(|| here.scope.run(|| tagged(4)));
        board.await_reply();
        change(4);
        there.cache.invalidate_tag(&format!("v:{old}")).unwrap();
        thread::sleep(Duration::from_millis(20));
        board.give_replies();
        assert_eq!(late.join().unwrap(), old, "what was asked before is answered as of then");
    });
    assert_eq!(here.scope.run(|| tagged(4)), truth(4), "but not kept");
}

/// Where nothing is told, what this process forgets is forgotten near as well.
#[test]
fn what_this_process_forgets_is_forgotten_near() {
    let board = Board::on(cachekit::Clock::SYSTEM, false);
    let here = Process::new(&board);
    for tag in 0..3 {
        let old = here.scope.run(|| (tagged(5), made_from(5), tagged(5), made_from(5))).2;
        let new = change(5);
        match tag {
            0 => here.cache.invalidate_tag("n:5").unwrap(),
            1 => here.cache.invalidate_tag(&format!("v:{old}")).unwrap(),
            _ => here.cache.invalidate_namespace("near").unwrap(),
        }
        assert_eq!(here.scope.run(|| (tagged(5), made_from(5))), (new, new + 1000));
    }
}

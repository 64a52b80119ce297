//! The table's reclamation under `loom`, which tries every order that the memory model allows: nothing is freed that a
//! reader may still look at.
//!
//! The source is that of `cachekit-backends`; only its atomics and its barrier are others. Here each reader passes a
//! fence of its own, as where the kernel does not help; that `membarrier` is such a fence for all threads is its
//! documented purpose.

#![cfg(test)]

#[path = "../../../cachekit-backends/src/table/readers.rs"]
mod readers;

mod barrier {
    pub(super) mod sync {
        pub(in super::super) use loom::sync::atomic::{
            AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering,
        };
    }

    pub(super) const CAN_BE_HELPED: bool = true;

    pub(super) fn light(_: bool) {
        loom::sync::atomic::fence(sync::Ordering::SeqCst);
    }

    pub(super) fn heavy(_: bool) -> bool {
        loom::sync::atomic::fence(sync::Ordering::SeqCst);
        true
    }
}

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use loom::thread;

use self::readers::{FIRST, HELPED, Readers};

/// A slot that holds an object, or no longer, and the object. Freeing it is a write, which must not meet a read.
struct World {
    readers: Readers,
    slot: AtomicUsize,
    object: UnsafeCell<&'static str>,
}

// SAFETY: that the object is not read and written at the same time is what loom checks here.
unsafe impl Sync for World {}
// SAFETY: as above.
unsafe impl Send for World {}

impl World {
    fn new() -> Arc<Self> {
        let object = UnsafeCell::new("alive");
        let (last, count) = (AtomicPtr::new(std::ptr::null_mut()), AtomicUsize::new(0));
        let readers = Readers { era: AtomicU64::new(FIRST | HELPED), last, count };
        Arc::new(Self { readers, slot: AtomicUsize::new(1), object })
    }

    fn read(&self) {
        let record = self.readers.record();
        // Twice, in both ways, so that the second read may be in another era than the first.
        for at_once in [false, true] {
            let guard = if at_once {
                self.readers.pin_at_once(record).expect("it does not read")
            } else {
                self.readers.pin(record)
            };
            assert_eq!(guard.number(), record.number);
            assert!(self.readers.pin_at_once(record).is_none(), "it reads already");
            if self.slot.load(Ordering::Acquire) == 1 {
                // SAFETY: the object was found in its slot by a reader.
                self.object.with(|object| assert_eq!(unsafe { *object }, "alive"));
            }
        }
        record.leave();
    }

    fn take_out_and_free(&self) -> bool {
        self.slot.store(0, Ordering::Release);
        let era = self.readers.begin_era();
        let is_free = self.readers.oldest() >= era;
        if is_free {
            // SAFETY: nobody finds it any more, and nobody still looks at it.
            self.object.with_mut(|object| unsafe { *object = "freed" });
        }
        is_free
    }
}

#[test]
fn nothing_is_freed_under_a_reader() {
    loom::model(|| {
        let world = World::new();
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.read())
        };
        world.take_out_and_free();
        reader.join().unwrap();
    });
}

#[test]
fn what_nobody_reads_is_freed() {
    loom::model(|| {
        let world = World::new();
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.read())
        };
        reader.join().unwrap();
        assert!(world.take_out_and_free());
    });
}

/// Two threads that begin to read at the same time have two records.
#[test]
fn records_are_not_shared() {
    loom::model(|| {
        let world = World::new();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&world);
                thread::spawn(move || world.readers.record().number)
            })
            .collect();
        let records: Vec<usize> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_ne!(records[0], records[1]);
    });
}

//! Who reads, since when, and so: what is read by nobody any more.
//!
//! Every thread that reads has a record. While it reads, the record holds the era in which it began; a writer that
//! wants to free what it took out begins a new era, and frees when no record holds an older one. A read costs two
//! plain stores to a line of its own; the fence that their order needs is paid by the writer, see `barrier`.
//!
//! Why nothing is freed too early. A reader (1) stores its era, (2) passes the light barrier, (3) loads a pointer. A
//! writer (a) takes the pointer out, (b) begins an era, (c) passes the heavy barrier, (d) looks at the records. Light
//! and heavy barriers are totally ordered for each reader. If (2) comes before (c), (d) sees the era of (1), which is
//! older than that of (b) unless (1) read the new one, and whoever read the new one sees (a); or (d) sees a later
//! store of that thread, which it made when it had ended the read, and acquires it. If (c) comes before (2), (3) sees
//! (a) and never finds the pointer.
//!
//! Modelled by `tests/models`, which includes this source.

use std::marker::PhantomData;
use std::ptr;

use super::barrier;
use super::barrier::sync::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// What a record holds while its thread does not read.
const IDLE: u64 = 0;

/// The first era, and the step from one to the next.
pub(super) const FIRST: u64 = STEP;
const STEP: u64 = 2;
/// Set in each era where the kernel helps with the barrier, so that one load tells both. Set before the first read.
pub(super) const HELPED: u64 = 1;

/// Who reads, and the era it is.
pub(super) struct Readers {
    /// From [`FIRST`] on, with [`HELPED`].
    pub(super) era: AtomicU64,
    /// The record that was made last. Records are never freed: there are as many as there were threads at a time.
    pub(super) last: AtomicPtr<Record>,
    pub(super) count: AtomicUsize,
}

/// A thread that reads. On lines of its own, which only that thread writes.
#[repr(align(128))]
pub(super) struct Record {
    pub(super) era: AtomicU64,
    pub(super) taken: AtomicBool,
    /// Different from that of every other record.
    pub(super) number: usize,
    /// Set before the record is published, never changed.
    pub(super) next: AtomicPtr<Record>,
}

/// While it lives, nothing is freed that could be read since it was made.
pub(super) struct Guard {
    record: &'static Record,
    /// Whether a guard of the same thread was there before.
    nested: bool,
    /// It speaks for its thread.
    _thread: PhantomData<*const ()>,
}

impl Record {
    /// Leaves it to another thread.
    pub(super) fn leave(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

impl Guard {
    /// The number of this thread.
    #[inline]
    pub(super) fn number(&self) -> usize {
        self.record.number
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if !self.nested {
            self.record.era.store(IDLE, Ordering::Release);
        }
    }
}

impl Readers {
    /// A record that another thread has left, or a new one.
    pub(super) fn record(&self) -> &'static Record {
        let free = self.records().find(|record| {
            !record.taken.load(Ordering::Relaxed) && !record.taken.swap(true, Ordering::Acquire)
        });
        free.unwrap_or_else(|| self.new_record())
    }

    fn new_record(&self) -> &'static Record {
        let record: &'static Record = Box::leak(Box::new(Record {
            number: self.count.fetch_add(1, Ordering::Relaxed),
            era: AtomicU64::new(IDLE),
            taken: AtomicBool::new(true),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            record.next.store(last, Ordering::Relaxed);
            let new = ptr::from_ref(record).cast_mut();
            match self.last.compare_exchange(last, new, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return record,
                Err(other) => last = other,
            }
        }
    }

    fn records(&self) -> impl Iterator<Item = &'static Record> {
        // SAFETY: null, or a record that was leaked before it was published here; the load acquires what it is made of.
        let at = |place: &AtomicPtr<Record>| unsafe { place.load(Ordering::Acquire).as_ref::<'static>() };
        std::iter::successors(at(&self.last), move |record| at(&record.next))
    }

    #[inline]
    pub(super) fn pin(&self, record: &'static Record) -> Guard {
        if record.era.load(Ordering::Relaxed) == IDLE {
            self.pin_idle(record)
        } else {
            Guard { record, nested: true, _thread: PhantomData }
        }
    }

    /// Begins to read, unless the thread reads already. Where the kernel can help with the barrier, only if it does.
    #[inline]
    pub(super) fn pin_at_once(&self, record: &'static Record) -> Option<Guard> {
        if record.era.load(Ordering::Relaxed) != IDLE {
            return None;
        }
        let _ = self.note_era(record);
        barrier::light(barrier::CAN_BE_HELPED);
        Some(Guard { record, nested: false, _thread: PhantomData })
    }

    #[inline]
    fn pin_idle(&self, record: &'static Record) -> Guard {
        let era = self.note_era(record);
        barrier::light(era & HELPED != 0);
        Guard { record, nested: false, _thread: PhantomData }
    }

    #[inline]
    fn note_era(&self, record: &Record) -> u64 {
        // Release, as the store at the end: who sees this store sees what was read before as done.
        let era = self.era.load(Ordering::Acquire);
        record.era.store(era, Ordering::Release);
        era
    }

    /// Begins an era; what was taken out before is not found by who reads in it.
    pub(super) fn begin_era(&self) -> u64 {
        self.era.fetch_add(STEP, Ordering::SeqCst) + STEP
    }

    /// The oldest era in which somebody still reads.
    pub(super) fn oldest(&self) -> u64 {
        if !barrier::heavy(self.era.load(Ordering::Relaxed) & HELPED != 0) {
            // Nothing is known of the readers then.
            return IDLE;
        }
        let eras = self.records().map(|record| record.era.load(Ordering::Acquire));
        eras.filter(|era| *era != IDLE).min().unwrap_or(u64::MAX)
    }
}

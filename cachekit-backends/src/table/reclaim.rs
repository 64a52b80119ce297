//! When what was taken out of a table may be freed: once no reader is left that may have seen it.
//!
//! Every thread that reads has a record. While it reads, the record holds the era in which it began; a writer that
//! wants to free what it took out begins a new era, and frees when no record holds an older one. A read costs two
//! plain stores to a line of its own. The fence that their order needs is paid by the writer, once for a batch: on
//! Linux by `membarrier`, which makes every thread of the process pass one; elsewhere, or where the kernel refuses, by
//! each reader.
//!
//! Why nothing is freed too early. A reader (1) stores its era, (2) passes the light barrier, (3) loads a pointer. A
//! writer (a) takes the pointer out, (b) begins an era, (c) passes the heavy barrier, (d) looks at the records. Light
//! and heavy barriers are totally ordered for each reader. If (2) comes before (c), (d) sees the era of (1), which is
//! older than that of (b) unless (1) read the new one, and whoever read the new one sees (a); or (d) sees a later
//! store of that thread, which it made when it had ended the read, and acquires it. If (c) comes before (2), (3) sees
//! (a) and never finds the pointer.

use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ptr;

use super::barrier;
use super::barrier::sync::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// What a record holds while its thread does not read. Eras begin at 1.
const IDLE: u64 = 0;

/// How many retired objects are worth a heavy barrier.
const BATCH: usize = 64;

/// A thread that reads. On lines of its own, which only that thread writes.
#[repr(align(128))]
struct Record {
    era: AtomicU64,
    taken: AtomicBool,
    /// Different from that of every other record.
    number: usize,
    /// Set before the record is published, never changed.
    next: AtomicPtr<Record>,
}

/// All readers of the process.
#[cfg(not(loom))]
static READERS: Readers =
    Readers { era: AtomicU64::new(1), last: AtomicPtr::new(ptr::null_mut()), count: AtomicUsize::new(0) };

/// Who reads, and the era it is.
struct Readers {
    era: AtomicU64,
    /// The record that was made last. Records are never freed: there are as many as there were threads at a time.
    last: AtomicPtr<Record>,
    count: AtomicUsize,
}

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    /// Gives the record back when the thread ends.
    static KEEPER: Keeper = const { Keeper };
}

struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(record) = RECORD.take() {
            record.taken.store(false, Ordering::Release);
        }
    }
}

/// While it lives, nothing is freed that could be read since it was made.
pub(super) struct Guard {
    record: &'static Record,
    /// Whether a guard of the same thread was there before.
    nested: bool,
    /// It speaks for its thread.
    _thread: PhantomData<*const ()>,
}

/// A number that no other thread has at the same time, as small as can be; none for one that has not read yet.
#[cfg(not(loom))]
#[inline]
pub fn thread_number() -> Option<usize> {
    RECORD.get().map(|record| record.number)
}

/// Begins to read.
#[cfg(not(loom))]
#[inline]
pub(super) fn pin() -> Guard {
    READERS.pin(RECORD.get().unwrap_or_else(take_record))
}

/// Begins to read, if this thread has done so before and does not do so now.
#[cfg(not(loom))]
#[inline]
pub(super) fn pin_again() -> Option<Guard> {
    let record = RECORD.get()?;
    (record.era.load(Ordering::Relaxed) == IDLE).then(|| READERS.pin_idle(record))
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        if !self.nested {
            self.record.era.store(IDLE, Ordering::Release);
        }
    }
}

/// A record for this thread.
#[cfg(not(loom))]
#[cold]
#[inline(never)]
fn take_record() -> &'static Record {
    barrier::prepare();
    let record = READERS.record();
    RECORD.set(Some(record));
    // While a thread ends it may have no keeper any more: its record is not used again then.
    let _ = KEEPER.try_with(|_| {});
    record
}

impl Readers {
    /// A record that another thread has left, or a new one.
    fn record(&self) -> &'static Record {
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
    fn pin(&self, record: &'static Record) -> Guard {
        if record.era.load(Ordering::Relaxed) == IDLE {
            self.pin_idle(record)
        } else {
            Guard { record, nested: true, _thread: PhantomData }
        }
    }

    #[inline]
    fn pin_idle(&self, record: &'static Record) -> Guard {
        // Release, as the store at the end: who sees this store sees what was read before as done.
        record.era.store(self.era.load(Ordering::Acquire), Ordering::Release);
        barrier::light();
        Guard { record, nested: false, _thread: PhantomData }
    }

    /// Begins an era; what was taken out before is not found by who reads in it.
    fn begin_era(&self) -> u64 {
        self.era.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The oldest era in which somebody still reads.
    fn oldest(&self) -> u64 {
        if !barrier::heavy() {
            // Nothing is known of the readers then.
            return IDLE;
        }
        let eras = self.records().map(|record| record.era.load(Ordering::Acquire));
        eras.filter(|era| *era != IDLE).min().unwrap_or(u64::MAX)
    }
}

/// What was taken out and may still be read. Dropping an object frees it.
pub(super) struct Limbo<T> {
    open: Vec<T>,
    /// Batches, and the era that began after each was complete.
    sealed: VecDeque<(u64, Vec<T>)>,
}

impl<T> Default for Limbo<T> {
    fn default() -> Self {
        Self { open: Vec::new(), sealed: VecDeque::new() }
    }
}

#[cfg(not(loom))]
impl<T> Limbo<T> {
    /// Adds what no reader finds any more.
    pub(super) fn push(&mut self, object: T) {
        self.open.push(object);
    }

    /// What may be dropped now: nothing until it is worth a heavy barrier.
    pub(super) fn ripe(&mut self) -> Vec<T> {
        if self.open.len() < BATCH { Vec::new() } else { self.collect() }
    }

    /// What may be dropped now.
    pub(super) fn collect(&mut self) -> Vec<T> {
        if !self.open.is_empty() {
            self.sealed.push_back((READERS.begin_era(), std::mem::take(&mut self.open)));
        }
        let oldest = READERS.oldest();
        let count = self.sealed.iter().take_while(|(era, _)| *era <= oldest).count();
        let mut batches = self.sealed.drain(..count).map(|(_, batch)| batch);
        let mut free = batches.next().unwrap_or_default();
        batches.for_each(|batch| free.extend(batch));
        free
    }
}

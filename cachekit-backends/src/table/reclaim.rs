//! When what was taken out of a table may be freed: once nobody is left who may have seen it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ptr;
use std::sync::Once;

use super::barrier;
use super::barrier::sync::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use super::readers::{FIRST, Guard, HELPED, Readers, Record};

/// How many retired objects are worth a heavy barrier.
const BATCH: usize = 64;

/// All readers of the process. One for all tables, so that a thread has one record.
static READERS: Readers =
    Readers { era: AtomicU64::new(FIRST), last: AtomicPtr::new(ptr::null_mut()), count: AtomicUsize::new(0) };

/// Stands for the record of a thread that cannot begin to read at once: it seems to read already. Never written.
static NOBODY: Record = Record {
    era: AtomicU64::new(HELPED),
    taken: AtomicBool::new(true),
    number: usize::MAX,
    next: AtomicPtr::new(ptr::null_mut()),
};

thread_local! {
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
    /// The same record, or [`NOBODY`]: so that one load and one compare answer all that a read must ask first.
    static AT_ONCE: Cell<&'static Record> = const { Cell::new(&NOBODY) };
    static HINDERED: Cell<bool> = const { Cell::new(false) };
    /// Gives the record back when the thread ends.
    static KEEPER: Keeper = const { Keeper };
}

struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
        AT_ONCE.set(&NOBODY);
        if let Some(record) = RECORD.take() {
            record.leave();
        }
    }
}

/// A number that no other thread has at the same time, as small as can be; none for one that has not read yet.
#[inline]
pub fn thread_number() -> Option<usize> {
    RECORD.get().map(|record| record.number)
}

/// Whether, on this thread, nothing is to be plain to see for [`Front::get`](super::Front::get).
pub fn hinder(hindered: bool) {
    HINDERED.set(hindered);
    allow_at_once();
}

fn allow_at_once() {
    let is_helped = READERS.era.load(Ordering::Relaxed) & HELPED != 0;
    let record = RECORD.get().filter(|_| !HINDERED.get() && is_helped == barrier::CAN_BE_HELPED);
    AT_ONCE.set(record.unwrap_or(&NOBODY));
}

/// Begins to read.
#[inline]
pub(super) fn pin() -> Guard {
    READERS.pin(RECORD.get().unwrap_or_else(take_record))
}

/// Begins to read, if that takes no more than to say so.
#[inline]
pub(super) fn pin_at_once() -> Option<Guard> {
    READERS.pin_at_once(AT_ONCE.get())
}

/// A record for this thread.
#[cold]
#[inline(never)]
fn take_record() -> &'static Record {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        if barrier::is_helped() {
            READERS.era.fetch_or(HELPED, Ordering::SeqCst);
        }
    });
    let record = READERS.record();
    RECORD.set(Some(record));
    // While a thread ends it may have no keeper any more: its record is not used again then.
    let _ = KEEPER.try_with(|_| {});
    allow_at_once();
    record
}

/// What was taken out and may still be read. Dropping an object frees it.
pub(super) struct Limbo<T> {
    open: Vec<T>,
    /// Something of it takes so much memory that it is worth a heavy barrier by itself.
    is_large: bool,
    /// Batches, and the era that began after each was complete.
    sealed: VecDeque<(u64, Vec<T>)>,
}

impl<T> Default for Limbo<T> {
    fn default() -> Self {
        Self { open: Vec::new(), is_large: false, sealed: VecDeque::new() }
    }
}

impl<T> Limbo<T> {
    /// Adds what no reader finds any more.
    pub(super) fn push(&mut self, object: T) {
        self.open.push(object);
    }

    /// As [`push`](Self::push), for an object that takes the memory of many.
    pub(super) fn push_large(&mut self, object: T) {
        self.push(object);
        self.is_large = true;
    }

    /// What may be dropped now: nothing until it is worth a heavy barrier.
    pub(super) fn ripe(&mut self) -> Vec<T> {
        if self.open.len() < BATCH && !self.is_large { Vec::new() } else { self.collect() }
    }

    /// Whether nothing waits to be dropped.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.sealed.is_empty()
    }

    /// What may be dropped now.
    pub(super) fn collect(&mut self) -> Vec<T> {
        self.is_large = false;
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

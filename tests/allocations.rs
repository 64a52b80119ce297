//! A hit allocates nothing.

#![allow(clippy::unwrap_used, clippy::needless_for_each, reason = "a test says so by panicking")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cachekit::testing::Faulty;
use cachekit::{Cache, SimpleCache, cached, install_named, memoize};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the count is a thread-local that never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(call: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    call();
    ALLOCATIONS.get() - before
}

/// Checks that calls made after the first few allocate nothing.
fn assert_no_allocations(mut call: impl FnMut()) {
    call();
    call();
    let count = allocations(|| (0..100).for_each(|_| call()));
    assert_eq!(count, 0, "allocations in 100 hits");
}

fn poll_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a hit waits for nothing"),
    }
}

#[memoize]
fn numbers(a: u64, b: u64) -> u64 {
    a + b
}

#[memoize]
fn text(text: &str) -> usize {
    text.len()
}

#[memoize(local)]
fn bytes(bytes: &[u8]) -> Arc<Vec<u8>> {
    Arc::new(bytes.to_vec())
}

#[memoize]
fn fallible(n: u64) -> Result<u64, std::num::TryFromIntError> {
    u32::try_from(n).map(u64::from)
}

#[memoize]
async fn numbers_async(a: u64, b: u64) -> u64 {
    a + b
}

#[memoize(local)]
async fn text_async(text: &str) -> Arc<String> {
    Arc::new(text.to_owned())
}

#[memoize(timeout = 0)]
fn forever(n: u64) -> u64 {
    n
}

#[memoize]
fn generic<T: std::hash::Hash + Into<u64> + Copy, const N: u64>(value: T) -> u64 {
    value.into() + N
}

#[cached(key_prefix = "a name")]
fn named() -> u64 {
    7
}

/// In front of a backend outside this process, for all that is known.
#[memoize(cache = "remote", near = "1h")]
fn nearby(text: &str, n: u64) -> usize {
    text.len() + usize::try_from(n).unwrap_or(0)
}

#[memoize(batch)]
fn squares(ids: &[u64]) -> HashMap<u64, u64> {
    ids.iter().map(|id| (*id, id * id)).collect()
}

#[memoize(batch)]
async fn squares_async(ids: &[u64]) -> Vec<Option<u64>> {
    ids.iter().map(|id| Some(id * id)).collect()
}

#[derive(Hash)]
struct Repository {
    id: u64,
}

impl Repository {
    #[memoize]
    fn load(&self, n: u64) -> u64 {
        self.id + n
    }

    #[memoize]
    async fn load_async(&self, name: &str) -> usize {
        name.len()
    }
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(Box::new(1)))) > 0);
}

#[test]
fn sync_hits_allocate_nothing() {
    let (long, repository) = ("x".repeat(500), Repository { id: 1 });
    assert_no_allocations(|| assert_eq!(numbers(1, 2), 3));
    assert_no_allocations(|| assert_eq!(text("short"), 5));
    assert_no_allocations(|| assert_eq!(text(&long), 500));
    assert_no_allocations(|| assert_eq!(bytes(long.as_bytes()).len(), 500));
    assert_no_allocations(|| assert_eq!(fallible(5), Ok(5)));
    assert_no_allocations(|| assert_eq!(forever(5), 5));
    assert_no_allocations(|| assert_eq!(generic::<u8, 3>(5), 8));
    assert_no_allocations(|| assert_eq!(repository.load(4), 5));
    assert_no_allocations(|| assert_eq!(named(), 7));
}

/// What is near is found as what is in this process: without a lock too, as it is the same way to the same kind of table.
#[test]
fn near_hits_allocate_nothing() {
    let backend = Faulty::new(SimpleCache::new());
    let cache = Cache::builder().backend(backend.clone()).build();
    install_named("remote", cache).unwrap();
    nearby("text", 1);
    nearby("text", 1);
    // Nothing is asked for.
    backend.fail(true);
    assert_no_allocations(|| assert_eq!(nearby("text", 1), 5));
    assert_eq!(nearby::stats().errors, 0);
}

#[test]
fn async_hits_allocate_nothing() {
    let repository = Repository { id: 1 };
    assert_no_allocations(|| assert_eq!(poll_once(numbers_async(1, 2)), 3));
    assert_no_allocations(|| assert_eq!(poll_once(text_async("some text")).len(), 9));
    assert_no_allocations(|| assert_eq!(poll_once(repository.load_async("name")), 4));
}

#[test]
fn the_hits_of_a_batch_allocate_what_they_are_returned_in() {
    let ids: Vec<u64> = (0..1000).collect();
    squares(&ids);
    poll_once(squares_async(&ids));
    let (sync, later) = (
        allocations(|| assert_eq!(squares(&ids).len(), 1000)),
        allocations(|| assert_eq!(poll_once(squares_async(&ids)).len(), 1000)),
    );
    assert_eq!((sync, later), (1, 1));
}

//! Who waits for whom, so that a wait which could never end is seen before it begins.
//!
//! A computation in progress has a number; while its body runs (for async bodies: while it is polled) the number is on
//! a stack of the thread. Whoever begins to wait for a computation while its own stack is not empty leaves an edge
//! from each computation on the stack to the one waited for. If the wait would close a circle, there is no wait.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use std::sync::PoisonError;

thread_local! {
    /// The computations whose bodies are running on this thread, outermost first.
    static STACK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// For each computation whose body waits: what it waits for.
static EDGES: Mutex<Option<HashMap<u64, Vec<u64>>>> = Mutex::new(None);

/// The right to compute, under a number of its own; one that computes several keys at once has it for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Leadership(u64);

impl Leadership {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0
    }

    /// Has the number on the stack for as long as what it gives is there, and not beyond an await.
    pub(crate) fn enter(&self) -> OnStack {
        OnStack::push(self.0)
    }

    /// Runs a body with the number on the stack.
    pub(crate) fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _on_stack = self.enter();
        body()
    }

    /// Runs an async body with the number on the stack whenever it is polled.
    pub(crate) async fn run_async<F: Future>(&self, body: F) -> F::Output {
        let mut body = pin!(body);
        poll_fn(|cx| {
            let _on_stack = self.enter();
            body.as_mut().poll(cx)
        })
        .await
    }
}

/// Takes the number off the stack again, also when the body panics.
pub(crate) struct OnStack;

impl OnStack {
    fn push(id: u64) -> Self {
        STACK.with_borrow_mut(|stack| stack.push(id));
        Self
    }
}

impl Drop for OnStack {
    fn drop(&mut self) {
        STACK.with_borrow_mut(Vec::pop);
    }
}

/// A wait in progress; its edges go when it is dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    from: Vec<u64>,
    to: u64,
}

/// Begins to wait for a computation; `None` if that could never end.
pub(crate) fn begin(to: u64) -> Option<Wait> {
    wait(STACK.with_borrow(Clone::clone), to)
}

/// Begins to wait for a computation, where `also` waits with the caller: its own, which has not begun to run.
pub(crate) fn begin_with(also: Option<u64>, to: u64) -> Option<Wait> {
    let mut from = STACK.with_borrow(Clone::clone);
    from.extend(also);
    wait(from, to)
}

/// Says that who waits for the one waits for the other.
pub(crate) fn link(from: u64, to: u64) -> Wait {
    let mut edges = EDGES.lock().unwrap_or_else(PoisonError::into_inner);
    edges.get_or_insert_default().entry(from).or_default().push(to);
    Wait { from: vec![from], to }
}

fn wait(from: Vec<u64>, to: u64) -> Option<Wait> {
    if from.is_empty() {
        // Nobody can be waiting for this caller.
        return Some(Wait { from, to });
    }
    let mut edges = EDGES.lock().unwrap_or_else(PoisonError::into_inner);
    let edges = edges.get_or_insert_default();
    let mut reached = vec![to];
    let mut next = 0;
    while let Some(id) = reached.get(next).copied() {
        if from.contains(&id) {
            return None;
        }
        for waited in edges.get(&id).into_iter().flatten() {
            if !reached.contains(waited) {
                reached.push(*waited);
            }
        }
        next += 1;
    }
    for id in &from {
        edges.entry(*id).or_default().push(to);
    }
    Some(Wait { from, to })
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.from.is_empty() {
            return;
        }
        let mut edges = EDGES.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(edges) = edges.as_mut() else { return };
        for id in &self.from {
            if let Some(waited) = edges.get_mut(id) {
                if let Some(index) = waited.iter().position(|other| *other == self.to) {
                    waited.swap_remove(index);
                }
                if waited.is_empty() {
                    edges.remove(id);
                }
            }
        }
    }
}

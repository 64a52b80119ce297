//! Every option on the life of values alone and in pairs, on every kind of store, on both sides of each boundary.
//!
//! [`functions`] has a function for each pair that the macro accepts, and names those that it refuses. [`model`] says what
//! the documents promise of a set of options: in which part of its life a value of some age is, and what a call gives
//! then. The tests move a clock by hand, which the ages of entries follow wherever these are.

#![allow(clippy::unwrap_used, reason = "a test says so by panicking")]

mod crowds;
mod functions;
mod hooks;
mod lives;
mod model;
mod recurring;
mod stores;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime};

use cachekit::Error;
use serde::{Deserialize, Serialize};

/// What all functions give: a number that says for which key, and how often, it was computed; or that there is none.
type Answer = Result<u64, Trouble>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Trouble {
    /// What `fail_safe_if` forgives.
    Down,
    /// What it does not forgive.
    Wrong,
    /// The `None` of the functions that give an `Option`.
    Nothing,
    Late,
}

impl From<Error> for Trouble {
    fn from(_: Error) -> Self {
        Self::Late
    }
}

/// The answer of the `n`th computation for a key.
#[allow(clippy::unnecessary_wraps, reason = "an answer among others")]
const fn nth(key: u64, n: u64) -> Answer {
    Ok(key * 1000 + n)
}

/// What a computation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Works,
    Fails,
    /// As only a part of the errors is forgiven.
    FailsBadly,
    /// Waits at the gate of its source, then works.
    Waits,
    /// Takes a moment, then works.
    Naps,
}

/// How a call is made. No part of its key.
#[derive(Clone, Copy, Debug)]
struct How {
    does: Does,
    unless: bool,
    forced: bool,
    /// Until when the value lives, where the function says that.
    end: SystemTime,
}

/// What the functions compute from: counts how often, key by key.
#[derive(Clone, Debug, Default)]
struct Source(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    runs: Mutex<HashMap<u64, u64>>,
    changed: Condvar,
    is_open: Mutex<bool>,
    opened: Condvar,
    /// Computations that take a moment: now, and at most at a time.
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Source {
    fn compute(&self, key: u64, how: How) -> Answer {
        let n = {
            let mut runs = self.0.runs.lock().unwrap();
            let n = runs.entry(key).or_default();
            *n += 1;
            *n
        };
        self.0.changed.notify_all();
        // Long enough for a clock that counts microseconds.
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(20) {}
        match how.does {
            Does::Works => nth(key, n),
            Does::Fails => Err(Trouble::Down),
            Does::FailsBadly => Err(Trouble::Wrong),
            Does::Naps => {
                self.0.most.fetch_max(self.0.running.fetch_add(1, SeqCst) + 1, SeqCst);
                std::thread::sleep(Duration::from_millis(3));
                self.0.running.fetch_sub(1, SeqCst);
                nth(key, n)
            }
            Does::Waits => {
                let is_open = self.0.is_open.lock().unwrap();
                drop(self.0.opened.wait_while(is_open, |is_open| !*is_open).unwrap());
                nth(key, n)
            }
        }
    }

    /// As functions give it that know of nothing but `None`.
    fn find(&self, key: u64, how: How) -> Option<u64> {
        self.compute(key, how).ok()
    }

    fn runs(&self, key: u64) -> u64 {
        self.0.runs.lock().unwrap().get(&key).copied().unwrap_or_default()
    }

    /// Waits until the key was computed so often; whether it ever is.
    fn come_to(&self, key: u64, expected: u64, patience: Duration) -> bool {
        let runs = self.0.runs.lock().unwrap();
        let is_less = |runs: &mut HashMap<u64, u64>| runs.get(&key).is_none_or(|runs| *runs < expected);
        !self.0.changed.wait_timeout_while(runs, patience, is_less).unwrap().1.timed_out()
    }

    fn most(&self) -> usize {
        self.0.most.load(SeqCst)
    }

    fn open(&self) {
        *self.0.is_open.lock().unwrap() = true;
        self.0.opened.notify_all();
    }
}

/// So long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until it is so; whether it ever is.
fn comes(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

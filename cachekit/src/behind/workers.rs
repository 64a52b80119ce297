//! Threads that are there while there is work for them, and never more than their number.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// What a thread is to do. It does not panic.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Refreshes of sync functions whose callers were given an old value. What finds no place is left to the next caller.
pub(crate) static REFRESHES: Workers = Workers::new("cachekit-refresh", 4, 1024);

/// Computations that a caller waits for, but not for ever. Each has a thread at once, or none.
pub(crate) static LEFT: Workers = Workers::new("cachekit-timed", 64, 0);

/// How long a thread waits for more.
const PATIENCE: Duration = Duration::from_secs(10);

/// A number of threads and a queue of work for them, both bounded.
pub(crate) struct Workers {
    name: &'static str,
    most: usize,
    queue: usize,
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Those that will take a job when they come to it: they wait for one, or have just been started.
    ready: usize,
}

impl Workers {
    const fn new(name: &'static str, most: usize, queue: usize) -> Self {
        let state = State { jobs: VecDeque::new(), threads: 0, ready: 0 };
        Self { name, most, queue, state: Mutex::new(state), more: Condvar::new() }
    }

    /// Has a thread do this, unless all are busy and enough is waiting.
    pub(crate) fn run(&'static self, job: Job) -> Result<(), Job> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.ready <= state.jobs.len() {
            if state.threads < self.most {
                let thread = thread::Builder::new().name(self.name.to_owned());
                state.threads += 1;
                state.ready += 1;
                state.jobs.push_back(job);
                if thread.spawn(|| self.work()).is_err() {
                    state.threads -= 1;
                    state.ready -= 1;
                    // Nobody else can have taken it, the lock is held.
                    return state.jobs.pop_back().map_or(Ok(()), Err);
                }
                return Ok(());
            }
            if state.jobs.len() >= state.ready + self.queue {
                return Err(job);
            }
        }
        state.jobs.push_back(job);
        drop(state);
        self.more.notify_one();
        Ok(())
    }

    fn work(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Ready, from here on and from the start.
            if let Some(job) = state.jobs.pop_front() {
                state.ready -= 1;
                drop(state);
                job();
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.ready += 1;
                continue;
            }
            let waited = self.more.wait_timeout_while(state, PATIENCE, |state| state.jobs.is_empty());
            let (next, result) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if result.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                state.ready -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_is_bounded_and_what_finds_no_place_comes_back() {
        static FEW: Workers = Workers::new("few", 2, 1);
        let (done, results) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = std::sync::Arc::new(Mutex::new(gate));
        let job = |n: usize| -> Job {
            let (done, gate) = (done.clone(), gate.clone());
            Box::new(move || {
                let _ = gate.lock().unwrap().recv();
                done.send(n).unwrap();
            })
        };
        assert!(FEW.run(job(1)).is_ok() && FEW.run(job(2)).is_ok());
        // Both threads have begun, or will: one job may wait besides them.
        assert!(FEW.run(job(3)).is_ok());
        let mut refused = 0;
        for n in 4..10 {
            refused += usize::from(FEW.run(job(n)).is_err());
        }
        assert!(refused >= 4, "{refused}");
        for _ in 0..9 - refused {
            go.send(()).unwrap();
        }
        let mut all: Vec<_> = results.iter().take(9 - refused).collect();
        all.sort_unstable();
        assert_eq!(all[..3], [1, 2, 3]);
    }
}

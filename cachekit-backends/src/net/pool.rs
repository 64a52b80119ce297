//! A bounded pool of connections for blocking callers.

use std::sync::{Condvar, PoisonError};

use super::deadline::Deadline;
use crate::sync::{Mutex, MutexExt as _};
use crate::{Error, ErrorKind, Result};

/// Connections that nobody uses right now, and how many are in use.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    state: Mutex<State<C>>,
    freed: Condvar,
    size: usize,
}

#[derive(Debug)]
struct State<C> {
    idle: Vec<C>,
    in_use: usize,
    /// How many wait for a place.
    waiting: usize,
    /// Connections of an older generation are not taken back.
    generation: u64,
}

/// A place in the pool, with or without a connection. Dropped, its connection is closed and the place is free.
#[derive(Debug)]
pub(crate) struct Slot<'a, C> {
    /// None once the place is free.
    pool: Option<&'a Pool<C>>,
    generation: u64,
    connection: Option<C>,
    has_waited: bool,
}

impl<C> Pool<C> {
    pub(crate) fn new(size: usize) -> Self {
        let state = State { idle: Vec::new(), in_use: 0, waiting: 0, generation: 0 };
        Self { state: Mutex::new(state), freed: Condvar::new(), size: size.max(1) }
    }

    /// A place, with an idle connection if there is one; waits for one until the deadline.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when all are in use until then.
    pub(crate) fn take(&self, deadline: Deadline) -> Result<Slot<'_, C>> {
        let mut state = self.state.locked();
        let has_waited = state.in_use == self.size;
        while state.in_use == self.size {
            let left = deadline.left().map_err(|_| {
                let message = format!("all {} connections of the pool are in use", self.size);
                Error::new(ErrorKind::TimedOut, message)
            })?;
            state.waiting += 1;
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state.in_use += 1;
        Ok(Slot { pool: Some(self), generation: state.generation, connection: state.idle.pop(), has_waited })
    }

    /// Closes what is idle and takes nothing back that is in use now.
    pub(crate) fn flush(&self) {
        let mut state = self.state.locked();
        state.generation += 1;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
    }
}

impl<C> Slot<'_, C> {
    /// The idle connection that came with the place.
    pub(crate) fn connection(&mut self) -> Option<C> {
        self.connection.take()
    }

    /// Whether the place had to be waited for.
    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Gives a connection to the pool, for others to use.
    pub(crate) fn give_back(mut self, connection: C) {
        self.free(Some(connection));
    }

    /// Says that the connection which is going to be given back is newer than the last flush.
    pub(crate) fn renew(&mut self) {
        if let Some(pool) = self.pool {
            self.generation = pool.state.locked().generation;
        }
    }

    fn free(&mut self, mut connection: Option<C>) {
        let Some(pool) = self.pool.take() else { return };
        let mut state = pool.state.locked();
        if state.generation == self.generation {
            state.idle.extend(connection.take());
        }
        state.in_use -= 1;
        let is_awaited = state.waiting > 0;
        // What is not taken back is closed without the lock.
        drop(state);
        if is_awaited {
            pool.freed.notify_one();
        }
    }
}

impl<C> Drop for Slot<'_, C> {
    fn drop(&mut self) {
        self.free(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn soon() -> Deadline {
        Deadline::after(Duration::from_millis(1))
    }

    /// Case 265: two holders have different connections, a third has to wait for one of them.
    #[test]
    fn case_265_a_pool_is_bounded() {
        let pool = Pool::new(2);
        let mut first = pool.take(soon()).expect("room");
        assert!(first.connection().is_none());
        let second = pool.take(soon()).expect("room");
        assert_eq!(pool.take(soon()).err().map(|e| e.kind()), Some(ErrorKind::TimedOut));
        second.give_back(2);
        let mut third = pool.take(soon()).expect("room again");
        assert_eq!(third.connection(), Some(2));
        first.give_back(1);
    }

    #[test]
    fn case_266_whoever_waits_gets_what_is_freed() {
        let pool = Pool::new(1);
        let slot = pool.take(soon()).expect("room");
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                pool.take(Deadline::after(Duration::from_secs(30))).map(|mut slot| slot.connection())
            });
            slot.give_back(7);
            assert_eq!(waiter.join().expect("no panic").ok().flatten(), Some(7));
        });
    }

    #[test]
    fn a_flush_closes_what_is_idle_and_what_is_out() {
        let pool = Pool::new(2);
        let slot = pool.take(soon()).expect("room");
        pool.take(soon()).expect("room").give_back(1);
        pool.flush();
        slot.give_back(2);
        assert_eq!(pool.take(soon()).expect("room").connection(), None);
        let mut slot = pool.take(soon()).expect("room");
        pool.flush();
        slot.renew();
        slot.give_back(3);
        assert_eq!(pool.take(soon()).expect("room").connection(), Some(3));
    }
}

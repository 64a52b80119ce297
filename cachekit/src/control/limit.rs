//! How many bodies of one function run at a time while its backend is down.
//!
//! Without a limit a backend that dies turns every hit into a computation, and what the cache kept from the source comes
//! down on it at once. Who finds no room waits in a queue, first come first served, not longer than its patience, and not
//! in a circle: a limit has a number among those of [`waits`], waits for whoever has a place, and is waited for by whoever
//! stands in the queue.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use futures_timer::Delay;

use crate::flight::waits::{self, Leadership, Wait};
use crate::io::Flavour;
use crate::site::Site;
use crate::sync::{Mutex, MutexExt as _};

/// The limits of the functions of one cache, by the address of their sites.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<usize, Arc<Limit>>>);

impl Limits {
    /// The limit of a function, made when it is first needed.
    pub(crate) fn of(&self, site: &'static Site, places: usize) -> Arc<Limit> {
        let mut limits = self.0.locked();
        let limit =
            limits.entry(std::ptr::from_ref(site).addr()).or_insert_with(|| Arc::new(Limit::new(places)));
        Arc::clone(limit)
    }
}

/// So many bodies at a time.
pub(crate) struct Limit {
    places: usize,
    number: Leadership,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    queue: VecDeque<Waiter>,
    next: u64,
}

struct Waiter {
    id: u64,
    waker: Waker,
}

/// What came of asking for a place.
pub(crate) enum Place {
    /// There was one.
    Free(Permit),
    /// There is one now, after a wait.
    Waited(Permit),
    /// There was none in time, or waiting would never have ended: compute all the same.
    None,
}

impl Limit {
    fn new(places: usize) -> Self {
        Self { places, number: Leadership::new(), state: Mutex::default() }
    }

    /// A place, when there is one, but not after the deadline. `leadership` is the flight that waits with the caller.
    pub(crate) async fn place(
        self: &Arc<Self>,
        flavour: Flavour,
        leadership: Option<u64>,
        deadline: Instant,
    ) -> Place {
        if let Some(permit) = self.at_once(leadership) {
            return Place::Free(permit);
        }
        let Some(_wait) = waits::begin_with(leadership, self.number.id()) else { return Place::None };
        let mut ticket = Ticket { limit: self, id: None };
        let granted = match flavour {
            Flavour::Blocking => ticket.wait_blocking(deadline),
            Flavour::Async => {
                let mut end = pin!(Delay::new(deadline.saturating_duration_since(Instant::now())));
                poll_fn(|cx| match ticket.poll(cx) {
                    Poll::Ready(()) => Poll::Ready(true),
                    Poll::Pending => end.as_mut().poll(cx).map(|()| ticket.leave()),
                })
                .await
            }
        };
        if granted { Place::Waited(self.permit(leadership)) } else { Place::None }
    }

    fn at_once(self: &Arc<Self>, leadership: Option<u64>) -> Option<Permit> {
        let mut state = self.state.locked();
        if state.taken >= self.places {
            return None;
        }
        state.taken += 1;
        drop(state);
        Some(self.permit(leadership))
    }

    /// The permit for a place that is taken: that of a flight, or one with a number of its own.
    fn permit(self: &Arc<Self>, leadership: Option<u64>) -> Permit {
        let own = leadership.is_none().then(Leadership::new);
        let id = leadership.or(own.as_ref().map(Leadership::id));
        let link = id.map(|id| waits::link(self.number.id(), id));
        Permit { limit: Arc::clone(self), own, _link: link }
    }

    /// Gives a place up: the first in the queue gets it.
    fn give_up(&self) {
        let mut state = self.state.locked();
        // A place that is handed on stays taken.
        let next = state.queue.pop_front();
        if next.is_none() {
            state.taken -= 1;
        }
        drop(state);
        if let Some(next) = next {
            next.waker.wake();
        }
    }
}

/// A place in the queue. Whoever is not in it any more was given a place.
struct Ticket<'a> {
    limit: &'a Arc<Limit>,
    id: Option<u64>,
}

impl Ticket<'_> {
    /// Ready once there is a place.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.limit.state.locked();
        let Some(id) = self.id else {
            if state.taken < self.limit.places {
                state.taken += 1;
                return Poll::Ready(());
            }
            state.next += 1;
            let id = state.next;
            state.queue.push_back(Waiter { id, waker: cx.waker().clone() });
            self.id = Some(id);
            return Poll::Pending;
        };
        if let Some(waiter) = state.queue.iter_mut().find(|waiter| waiter.id == id) {
            waiter.waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        self.id = None;
        Poll::Ready(())
    }

    /// Leaves the queue; says whether there was a place after all.
    fn leave(&mut self) -> bool {
        let Some(id) = self.id.take() else { return false };
        let mut state = self.limit.state.locked();
        match state.queue.iter().position(|waiter| waiter.id == id) {
            Some(index) => {
                state.queue.remove(index);
                false
            }
            None => true,
        }
    }

    fn wait_blocking(&mut self, deadline: Instant) -> bool {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let context = Context::from_waker(&waker);
        while self.poll(&context).is_pending() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.leave();
            }
            thread::park_timeout(left);
        }
        true
    }
}

impl Drop for Ticket<'_> {
    /// Whoever goes away hands on what it was given.
    fn drop(&mut self) {
        if self.leave() {
            self.limit.give_up();
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A place, until it is dropped.
pub(crate) struct Permit {
    limit: Arc<Limit>,
    own: Option<Leadership>,
    /// That the limit waits for whoever has the place.
    _link: Option<Wait>,
}

impl Permit {
    /// What marks the body's stack while it runs, where it is not that of a flight.
    pub(crate) fn leadership(&self) -> Option<&Leadership> {
        self.own.as_ref()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limit.give_up();
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limits")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::io::now;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn number(permit: &Permit) -> &Leadership {
        permit.leadership().expect("no flight is around")
    }

    fn blocking(limit: &Arc<Limit>, deadline: Instant) -> Place {
        now(limit.place(Flavour::Blocking, None, deadline))
    }

    #[test]
    fn no_more_than_there_are_places() {
        let limit = Arc::new(Limit::new(2));
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let place = blocking(&limit, soon());
                        assert!(!matches!(place, Place::None));
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::sleep(Duration::from_micros(50));
                        running.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 2);
        assert_eq!(limit.state.locked().taken, 0);
    }

    #[test]
    fn who_goes_away_hands_on_what_it_was_given() {
        let limit = Arc::new(Limit::new(1));
        let Place::Free(first) = blocking(&limit, soon()) else { panic!("it is free") };
        let mut context = Context::from_waker(Waker::noop());
        let mut second = Box::pin(limit.place(Flavour::Async, None, soon()));
        let mut third = Box::pin(limit.place(Flavour::Async, None, soon()));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        drop(first);
        drop(second);
        assert!(matches!(third.as_mut().poll(&mut context), Poll::Ready(Place::Waited(_))));
        assert_eq!(limit.state.locked().taken, 0);
    }

    #[test]
    fn patience_ends() {
        let limit = Arc::new(Limit::new(1));
        let _first = blocking(&limit, soon());
        assert!(matches!(blocking(&limit, Instant::now() + Duration::from_millis(20)), Place::None));
        assert!(limit.state.locked().queue.is_empty());
    }

    #[test]
    fn a_body_does_not_wait_for_itself() {
        let limit = Arc::new(Limit::new(1));
        let Place::Free(permit) = blocking(&limit, soon()) else { panic!("it is free") };
        let nested = number(&permit).run(|| blocking(&limit, soon()));
        assert!(matches!(nested, Place::None));
    }

    #[test]
    fn two_functions_do_not_wait_for_each_other() {
        let (f, g) = (Arc::new(Limit::new(1)), Arc::new(Limit::new(1)));
        let (Place::Free(in_f), Place::Free(in_g)) = (blocking(&f, soon()), blocking(&g, soon())) else {
            panic!("they are free")
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = Box::pin(number(&in_f).run_async(g.place(Flavour::Async, None, soon())));
        assert!(waiting.as_mut().poll(&mut context).is_pending(), "whoever is in g may come out");
        assert!(matches!(number(&in_g).run(|| blocking(&f, soon())), Place::None), "but not in this case");
        drop(in_g);
        assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Place::Waited(_))));
    }
}

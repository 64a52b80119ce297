//! Those who wait for the leader of a flight, each no longer than its patience.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use cachekit_backends::{Fence, OwnedKey};
use futures_timer::Delay;

use super::{Flight, Flights, Outcome, Phase, State, Waiting, waits, watch};
use crate::io::Flavour;
use crate::sync::MutexExt as _;

/// One who waits.
#[derive(Debug)]
pub(crate) struct Follower<S> {
    pub(super) flights: Arc<Flights<S>>,
    pub(super) key: OwnedKey,
    pub(super) flight: Arc<Flight<S>>,
    pub(super) number: usize,
    pub(super) _wait: waits::Wait,
}

impl<S: Clone + Send + 'static> Follower<S> {
    /// Waits for the leader, at most so long; also for one that computes behind its caller, if told so.
    pub(crate) async fn wait(
        &self,
        flavour: Flavour,
        patience: Duration,
        fence: &Fence,
        also_behind: bool,
    ) -> Outcome<S> {
        match flavour {
            Flavour::Blocking => self.wait_blocking(patience, fence, also_behind),
            Flavour::Async => self.wait_async(patience, fence, also_behind).await,
        }
    }

    fn wait_blocking(&self, patience: Duration, fence: &Fence, also_behind: bool) -> Outcome<S> {
        let deadline = Instant::now() + patience;
        let mut state = self.flight.state.locked();
        loop {
            if let Some(outcome) = self.outcome(&state, fence, also_behind) {
                return outcome;
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else {
                return Outcome::Alone;
            };
            state.blocked += 1;
            state = match self.flight.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            state.blocked -= 1;
        }
    }

    async fn wait_async(&self, patience: Duration, fence: &Fence, also_behind: bool) -> Outcome<S> {
        let until = Instant::now() + patience;
        let mut alarm = (patience < watch::LONG).then(|| Delay::new(patience));
        let mut is_new = true;
        poll_fn(|cx| {
            let mut state = self.flight.state.locked();
            if let Some(outcome) = self.outcome(&state, fence, also_behind) {
                return Poll::Ready(outcome);
            }
            let number = self.number;
            match state.wakers.iter_mut().find(|waiting| waiting.number == number) {
                Some(waiting) => waiting.waker.clone_from(cx.waker()),
                None => state.wakers.push(Waiting { number, waker: cx.waker().clone(), until }),
            }
            let is_unwatched = alarm.is_none() && !std::mem::replace(&mut state.is_watched, true);
            drop(state);
            if is_unwatched && !self.flights.watch(&self.flight) {
                alarm = Some(Delay::new(patience));
            }
            let is_over = match &mut alarm {
                Some(alarm) => Pin::new(alarm).poll(cx).is_ready(),
                None => !std::mem::take(&mut is_new) && Instant::now() >= until,
            };
            if is_over { Poll::Ready(Outcome::Alone) } else { Poll::Pending }
        })
        .await
    }

    fn outcome(&self, state: &State<S>, fence: &Fence, also_behind: bool) -> Option<Outcome<S>> {
        let is_current = |birth| fence.is_current(birth, self.key.hash(), &self.flight.tags);
        if let Some(arrived) = state.arrived.as_ref().filter(|arrived| self.number <= arrived.last)
            && is_current(&arrived.birth)
        {
            return Some(Outcome::Landed(Some(arrived.value.clone())));
        }
        match &state.phase {
            Phase::Running { behind: true, .. } if !also_behind => Some(Outcome::Aside),
            Phase::Running { .. } => None,
            Phase::Landed { birth, value } if is_current(birth) => Some(Outcome::Landed(value.clone())),
            Phase::Vacant | Phase::Landed { .. } => Some(Outcome::Again),
            Phase::Open => Some(Outcome::Alone),
        }
    }
}

impl<S> Drop for Follower<S> {
    fn drop(&mut self) {
        let mut flying = self.flights.lane(&self.key).locked();
        let mut state = self.flight.state.locked();
        state.followers -= 1;
        // A vacant flight that nobody waits for any more would stay on the list for nothing.
        if state.followers == 0
            && matches!(state.phase, Phase::Vacant)
            && flying.get(&self.key).is_some_and(|listed| Arc::ptr_eq(listed, &self.flight))
        {
            flying.remove(&self.key);
        }
    }
}

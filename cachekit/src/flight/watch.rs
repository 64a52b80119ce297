//! Who sees to tasks whose patience ends while they wait for a leader.
//!
//! A timer for each of them would cost more than most of them wait for. So one watch sees to all flights of a store that
//! tasks wait for, every so often, and wakes whose time has come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Flight, Flights};
use crate::behind::timer::{Recurrent, Timer};
use crate::sync::MutexExt as _;

/// A patience of which [`EVERY`] is a small part.
pub(super) const LONG: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(50);

static WATCHES: Timer<u64, Watch> = Timer::new("cachekit-watch");

/// Over those flights of one store that tasks wait for.
struct Watch(Weak<dyn Watched>);

trait Watched: Send + Sync {
    /// Wakes those whose patience has ended; says whether any wait.
    fn wake_late(&self) -> bool;
}

impl Recurrent for Watch {
    fn every(&self) -> Duration {
        EVERY
    }

    fn act(&self) -> bool {
        self.0.upgrade().is_some_and(|flights| flights.wake_late())
    }
}

impl<S: Send + 'static> Flights<S> {
    /// Sees to it that who waits for a flight is woken when its time has come. Says whether that will be.
    pub(super) fn watch(self: &Arc<Self>, flight: &Arc<Flight<S>>) -> bool {
        // A number for each watch: the one before may be about to end.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut watched = self.watched.locked();
        watched.push(Arc::downgrade(flight));
        if watched.len() > 1 {
            return true;
        }
        let flights: Weak<Self> = Arc::downgrade(self);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let begun = WATCHES.begin(number, usize::MAX, || Watch(flights));
        if !begun {
            watched.clear();
            flight.state.locked().is_watched = false;
        }
        begun
    }
}

impl<S: Send + 'static> Watched for Flights<S> {
    fn wake_late(&self) -> bool {
        let (now, mut late) = (Instant::now(), Vec::new());
        let mut watched = self.watched.locked();
        watched.retain(|flight| {
            let Some(flight) = flight.upgrade() else { return false };
            let mut state = flight.state.locked();
            let ended = state.wakers.iter().filter(|waiting| waiting.until <= now);
            late.extend(ended.map(|waiting| waiting.waker.clone()));
            state.is_watched = !state.wakers.is_empty();
            state.is_watched
        });
        let goes_on = !watched.is_empty();
        drop(watched);
        late.into_iter().for_each(Waker::wake);
        goes_on
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Wake};
    use std::thread::{self, Thread};

    use cachekit_backends::{Fence, OwnedKey};

    use super::*;
    use crate::flight::{Outcome, Role};
    use crate::io::Flavour;

    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut future = pin!(future);
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn nobody_waits_for_ever_for_a_leader_that_never_lands() {
        for is_closed in [false, true] {
            let (flights, fence) = (Arc::new(Flights::<u32>::default()), Fence::default());
            let key = OwnedKey::of(&1_u64);
            let join = || flights.join(&key, None, &[], &fence);
            let Role::Lead(leader) = join() else { panic!("nobody else leads") };
            let Role::Follow(follower) = join() else { panic!("somebody leads") };
            if is_closed {
                // Off the list of flights, and not landed yet.
                leader.close();
            }
            let start = Instant::now();
            let outcome = block_on(follower.wait(Flavour::Async, LONG, &fence, false));
            assert!(matches!(outcome, Outcome::Alone), "{outcome:?}");
            assert!(start.elapsed() >= LONG, "{:?}", start.elapsed());
            drop(leader);
        }
    }
}

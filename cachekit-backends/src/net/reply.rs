//! Where a reply is left for the caller who waits for it, and how many callers are woken at the price of one.
//!
//! To wake a task of another thread's executor takes a call to the system as a rule, to wake one of one's own does not.
//! So of those whose replies came together only the first is woken, with a [`Baton`]: it wakes the others, who as a rule
//! are on the same executor. Whoever handed the baton out looks after it, should that take long.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, MutexExt as _};

/// Who is to be woken by whoever has it.
#[derive(Clone, Debug)]
pub(super) struct Baton(Arc<Mutex<Vec<Waker>>>);

impl Baton {
    /// Wakes them, unless somebody did.
    pub(super) fn run(&self) {
        let wakers = std::mem::take(&mut *self.0.locked());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody has it still.
    pub(super) fn is_out(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

/// A reply to come: the end that is to give it, and the end that waits for it.
pub(super) fn reply<T>() -> (Giver<T>, Reply<T>) {
    let place = Arc::new(Mutex::new(Place::Empty));
    (Giver(Arc::clone(&place)), Reply(place))
}

#[derive(Debug)]
enum Place<T> {
    /// Nobody has asked for it yet.
    Empty,
    Awaited(Waker),
    Given(T, Option<Baton>),
    /// Nobody is going to give it.
    Lost,
    /// Taken, or of no interest to anybody.
    Over,
}

/// The end that gives.
pub(super) struct Giver<T>(Arc<Mutex<Place<T>>>);

impl<T> Giver<T> {
    /// Leaves the reply; returns who is to be woken.
    fn leave(&self, reply: T) -> Option<Waker> {
        let mut place = self.0.locked();
        match std::mem::replace(&mut *place, Place::Over) {
            Place::Empty => {
                *place = Place::Given(reply, None);
                None
            }
            Place::Awaited(waker) => {
                *place = Place::Given(reply, None);
                Some(waker)
            }
            Place::Given(..) | Place::Lost | Place::Over => None,
        }
    }

    /// Leaves the reply and wakes whoever waits for it.
    pub(super) fn give(self, reply: T) {
        if let Some(waker) = self.leave(reply) {
            waker.wake();
        }
    }

    /// Hands the baton to whoever waits, if anybody does.
    fn hand(&self, baton: &Baton) -> bool {
        match &mut *self.0.locked() {
            Place::Given(_, hand) => {
                *hand = Some(baton.clone());
                true
            }
            _ => false,
        }
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        let mut place = self.0.locked();
        let waker = match &mut *place {
            Place::Empty => None,
            Place::Awaited(waker) => Some(waker.clone()),
            Place::Given(..) | Place::Lost | Place::Over => return,
        };
        *place = Place::Lost;
        drop(place);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Leaves replies that came together, and wakes those who wait: at the price of one, if there are several.
pub(super) fn give_all<T>(replies: impl Iterator<Item = (Giver<T>, T)>) -> Option<Baton> {
    let mut awaited = replies.filter_map(|(giver, reply)| Some((giver.leave(reply)?, giver)));
    let (waker, giver) = awaited.next()?;
    let others: Vec<Waker> = awaited.map(|(waker, _)| waker).collect();
    let baton = (!others.is_empty()).then(|| Baton(Arc::new(Mutex::new(others))));
    if let Some(baton) = &baton
        && !giver.hand(baton)
    {
        baton.run();
    }
    waker.wake();
    baton
}

/// The end that waits; `None` if nobody gives a reply.
pub(super) struct Reply<T>(Arc<Mutex<Place<T>>>);

impl<T> Future for Reply<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut place = self.0.locked();
        match std::mem::replace(&mut *place, Place::Over) {
            Place::Given(reply, baton) => {
                drop(place);
                if let Some(baton) = baton {
                    baton.run();
                }
                Poll::Ready(Some(reply))
            }
            Place::Empty => {
                *place = Place::Awaited(cx.waker().clone());
                Poll::Pending
            }
            Place::Awaited(mut waker) => {
                waker.clone_from(cx.waker());
                *place = Place::Awaited(waker);
                Poll::Pending
            }
            Place::Lost | Place::Over => Poll::Ready(None),
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let place = std::mem::replace(&mut *self.0.locked(), Place::Over);
        if let Place::Given(_, Some(baton)) = place {
            baton.run();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn times(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn poll<T>(reply: &mut Reply<T>, count: &Arc<Count>) -> Poll<Option<T>> {
        Pin::new(reply).poll(&mut Context::from_waker(&Arc::clone(count).into()))
    }

    /// Three callers, of whom so many wait, get their replies together.
    fn three(awaited: usize) -> (Vec<Reply<usize>>, Vec<Arc<Count>>, Option<Baton>) {
        let (givers, mut replies): (Vec<_>, Vec<_>) = (0..3).map(|_| reply()).unzip();
        let counts: Vec<Arc<Count>> = (0..3).map(|_| Arc::default()).collect();
        for (reply, count) in replies.iter_mut().zip(&counts).take(awaited) {
            assert!(poll(reply, count).is_pending());
        }
        let baton = give_all(givers.into_iter().zip(0..));
        (replies, counts, baton)
    }

    fn times(counts: &[Arc<Count>]) -> Vec<usize> {
        counts.iter().map(|count| count.times()).collect()
    }

    #[test]
    fn the_first_wakes_the_others() {
        let (mut replies, counts, _) = three(3);
        assert_eq!(times(&counts), [1, 0, 0]);
        assert_eq!(poll(&mut replies[0], &counts[0]), Poll::Ready(Some(0)));
        assert_eq!(times(&counts), [1, 1, 1]);
        assert_eq!(poll(&mut replies[2], &counts[2]), Poll::Ready(Some(2)));
    }

    #[test]
    fn the_first_wakes_the_others_when_it_goes_away() {
        let (mut replies, counts, _) = three(3);
        drop(replies.remove(0));
        assert_eq!(times(&counts), [1, 1, 1]);
        assert_eq!(poll(&mut replies[0], &counts[1]), Poll::Ready(Some(1)));
    }

    #[test]
    fn whoever_looks_after_the_baton_can_wake_them_all() {
        let (_replies, counts, baton) = three(3);
        let baton = baton.expect("several wait");
        assert!(baton.is_out());
        baton.run();
        baton.run();
        assert_eq!(times(&counts), [1, 1, 1]);
    }

    #[test]
    fn who_does_not_wait_is_not_woken_and_one_needs_no_baton() {
        let (mut replies, counts, baton) = three(1);
        assert!(baton.is_none());
        assert_eq!(times(&counts), [1, 0, 0]);
        assert_eq!(poll(&mut replies[1], &counts[1]), Poll::Ready(Some(1)));
        assert_eq!(times(&three(0).1), [0, 0, 0]);
    }

    #[test]
    fn who_waits_for_what_nobody_gives_is_told() {
        let (count, (giver, mut reply)) = (Arc::<Count>::default(), reply::<u8>());
        assert!(poll(&mut reply, &count).is_pending());
        drop(giver);
        assert_eq!(count.times(), 1);
        assert_eq!(poll(&mut reply, &count), Poll::Ready(None));
    }

    #[test]
    fn what_nobody_wants_is_dropped() {
        let (giver, reply) = reply();
        let value = Arc::new(());
        drop(reply);
        giver.give(Arc::clone(&value));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

//! How old a stored response is, and what that permits.

use std::time::Duration;

/// The lifetimes of a stored response, in its own order: fresh, then stale but served while it is computed again, then
/// served only if that fails. The two stale times both begin where it stops being fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// `None` is for ever.
    pub(crate) fresh: Option<Duration>,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
}

/// What may be done with a stored response of some age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Serve it.
    Fresh,
    /// Serve it, and compute it again.
    Stale,
    /// Compute it again, and serve it if that fails.
    Grace,
    /// It is over.
    Over,
}

impl Lifetimes {
    /// What may be done at this age.
    pub(crate) fn at(&self, age: Duration) -> State {
        let Some(fresh) = self.fresh else { return State::Fresh };
        let Some(stale) = age.checked_sub(fresh) else { return State::Fresh };
        if stale < self.while_revalidate {
            State::Stale
        } else if stale < self.if_error {
            State::Grace
        } else {
            State::Over
        }
    }

    /// How long it is worth keeping; `None` is for ever.
    pub(crate) fn whole(&self) -> Option<Duration> {
        self.fresh.map(|fresh| fresh.saturating_add(self.while_revalidate.max(self.if_error)))
    }

    /// How long it stays fresh, in whole seconds; negative for how long it has not been. `None` is for ever.
    pub(crate) fn ttl(&self, age: Duration) -> Option<i64> {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.fresh.map(|fresh| match fresh.checked_sub(age) {
            Some(left) => seconds(left),
            None => -seconds(age.saturating_sub(fresh)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_follow_each_other() {
        let seconds = Duration::from_secs;
        let times =
            Lifetimes { fresh: Some(seconds(10)), while_revalidate: seconds(5), if_error: seconds(20) };
        for (age, state) in [
            (0, State::Fresh),
            (9, State::Fresh),
            (10, State::Stale),
            (14, State::Stale),
            (15, State::Grace),
            (29, State::Grace),
            (30, State::Over),
        ] {
            assert_eq!(times.at(seconds(age)), state, "{age}");
        }
        assert_eq!(times.whole(), Some(seconds(30)));
        assert_eq!((times.ttl(seconds(4)), times.ttl(seconds(14))), (Some(6), Some(-4)));
        let plain = Lifetimes { while_revalidate: seconds(0), if_error: seconds(0), ..times };
        assert_eq!(plain.at(seconds(10)), State::Over);
        let ever = Lifetimes { fresh: None, ..times };
        assert_eq!((ever.at(Duration::MAX), ever.whole(), ever.ttl(seconds(1))), (State::Fresh, None, None));
    }
}

//! The lifetimes of a response, as those of every other value: fresh, then stale (served while it is computed again),
//! then in its grace (served if that fails).

use std::time::Duration;

use cachekit_backends::Lifetimes;

/// The lifetimes of a response by its own words, whose two stale times both begin where it stops being fresh.
pub(crate) fn lifetimes(
    fresh: Option<Duration>,
    while_revalidate: Duration,
    if_error: Duration,
) -> Lifetimes {
    let grace = if_error.saturating_sub(while_revalidate);
    Lifetimes { fresh, stale: while_revalidate, grace, ..Lifetimes::default() }
}

/// How long a response of some age stays fresh, in whole seconds; negative for how long it has not been. `None` is for ever.
pub(crate) fn ttl(lifetimes: &Lifetimes, age: Duration) -> Option<i64> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    lifetimes.fresh.map(|fresh| match fresh.checked_sub(age) {
        Some(left) => seconds(left),
        None => -seconds(age.saturating_sub(fresh)),
    })
}

#[cfg(test)]
mod tests {
    use cachekit_backends::State;

    use super::*;

    #[test]
    fn stale_times_begin_together_and_states_follow_each_other() {
        let seconds = Duration::from_secs;
        let times = lifetimes(Some(seconds(10)), seconds(5), seconds(20));
        for (age, state) in [
            (0, Some(State::Fresh)),
            (9, Some(State::Fresh)),
            (10, Some(State::Stale)),
            (14, Some(State::Stale)),
            (15, Some(State::Grace)),
            (29, Some(State::Grace)),
            (30, None),
        ] {
            assert_eq!(times.state(seconds(age)), state, "{age}");
        }
        assert_eq!(times.whole(), Some(seconds(30)));
        assert_eq!((ttl(&times, seconds(4)), ttl(&times, seconds(14))), (Some(6), Some(-4)));
        let shorter = lifetimes(Some(seconds(10)), seconds(5), seconds(3));
        assert_eq!((shorter.state(seconds(14)), shorter.state(seconds(15))), (Some(State::Stale), None));
        let ever = lifetimes(None, seconds(5), seconds(5));
        assert_eq!(
            (ever.state(Duration::MAX), ever.whole(), ttl(&ever, seconds(1))),
            (Some(State::Fresh), None, None)
        );
    }
}

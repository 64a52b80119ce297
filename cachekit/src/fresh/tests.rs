//! The age of values by numbers: what is drawn by chance is drawn as published.

use std::time::Duration;

use cachekit_backends::{Age, Lifetimes, Moment};

use super::{Freshness, LARGEST_DRAW, Wish, unit};
use crate::value::Verdict;

const SECOND: Duration = Duration::from_secs(1);

fn age(lifetimes: Lifetimes, age: Duration) -> Age {
    Age { born: Moment::NEVER, age, lifetimes, is_put_off: false }
}

#[test]
fn numbers_are_spread_evenly_and_never_zero() {
    let numbers: Vec<f64> = (0..100_000).map(|_| unit()).collect();
    assert!(numbers.iter().all(|number| *number > 0.0 && *number <= 1.0));
    let mean = numbers.iter().sum::<f64>() / 100_000.0;
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    for tenth in 0..10 {
        let from = f64::from(tenth) / 10.0;
        let share = numbers.iter().filter(|number| **number > from && **number <= from + 0.1).count();
        assert!((9_000..11_000).contains(&share), "{share} of 100,000 from {from} on");
    }
    assert!(-(0.5_f64.powi(53)).ln() < LARGEST_DRAW);
}

/// The probability that a value whose computation took δ is renewed at `left` before its end is e^(−left / (β·δ)).
#[test]
fn early_renewals_follow_the_published_formula() {
    const DRAWS: u32 = 100_000;
    for beta in [0.5, 1.0, 3.0] {
        let freshness = Freshness { early: beta, ..Freshness::PLAIN };
        let lifetimes = freshness.lifetimes(Some(100 * SECOND), Verdict::Plain, SECOND);
        for left in [0.1, 0.5, 1.0, 2.0, 4.0] {
            let at = age(lifetimes, Duration::from_secs_f64(100.0 - left));
            let renewed = (0..DRAWS).map(|_| u32::from(freshness.wish(&at) == Wish::Renew)).sum::<u32>();
            let share = f64::from(renewed) / f64::from(DRAWS);
            let expected = (-left / beta).exp();
            assert!((share - expected).abs() < 0.02, "β {beta}, {left} s left: {share}, expected {expected}");
        }
    }
}

/// Before a reader of the table asks, no draw could have renewed the value.
#[test]
fn nothing_is_asked_where_nothing_can_come_of_it() {
    let freshness = Freshness { early: 1.0, ..Freshness::PLAIN };
    let lifetimes = freshness.lifetimes(Some(100 * SECOND), Verdict::Plain, SECOND);
    assert_eq!(lifetimes.asks_from, Some(63 * SECOND));
    let at = age(lifetimes, 63 * SECOND);
    assert!((0..100_000).all(|_| freshness.wish(&at) == Wish::Serve));
    let slow = freshness.lifetimes(Some(100 * SECOND), Verdict::Plain, 5 * SECOND);
    assert_eq!(slow.asks_from, Some(Duration::ZERO));
}

#[test]
fn jitter_shortens_within_its_share() {
    let freshness = Freshness { jitter: 0.2, ..Freshness::PLAIN };
    let fresh: Vec<_> = (0..10_000)
        .map(|_| freshness.lifetimes(Some(100 * SECOND), Verdict::Plain, SECOND).fresh.unwrap())
        .collect();
    assert!(fresh.iter().all(|fresh| (80 * SECOND..=100 * SECOND).contains(fresh)));
    assert!(fresh.iter().min().unwrap() < &(81 * SECOND) && fresh.iter().max().unwrap() > &(99 * SECOND));
}

#[test]
fn a_kept_error_has_no_second_life() {
    let freshness = Freshness { stale: SECOND, grace: SECOND, ..Freshness::PLAIN };
    assert!(freshness.lifetimes(Some(SECOND), Verdict::Err, SECOND).is_plain());
    assert_eq!(freshness.lifetimes(Some(SECOND), Verdict::Plain, SECOND).whole(), Some(3 * SECOND));
}

#[test]
fn eager_renews_from_its_share_on() {
    let freshness = Freshness { eager: 0.8, ..Freshness::PLAIN };
    let lifetimes = freshness.lifetimes(Some(10 * SECOND), Verdict::Plain, SECOND);
    assert_eq!(lifetimes.asks_from, Some(8 * SECOND));
    assert_eq!(freshness.wish(&age(lifetimes, Duration::from_nanos(7_999_999_999))), Wish::Serve);
    assert_eq!(freshness.wish(&age(lifetimes, 8 * SECOND)), Wish::Renew);
}

/// How often the end of a value is met by callers who then wait, of so many values whose callers come at random, so many in
/// the time that computing takes; and how often nobody had begun to compute before it.
fn ends_met(keys: u32, callers: f64, freshness: &Freshness) -> (f64, f64) {
    const FRESH: f64 = 100.0;
    let lifetimes = freshness.lifetimes(Some(100 * SECOND), Verdict::Plain, SECOND);
    let gap = || -unit().ln() / callers;
    let (mut met, mut alone) = (0, 0);
    for _ in 0..keys {
        // Long before the end nobody draws the lot; there is no need to ask.
        let (mut now, mut renewed) = (FRESH - 14.0, None);
        loop {
            now += gap();
            match renewed {
                // Who comes while the next value is computed has the old one, until its end.
                Some(there) if now >= there => break,
                Some(_) if now >= FRESH => {
                    met += 1;
                    break;
                }
                Some(_) => {}
                None if now >= FRESH => {
                    (met, alone) = (met + 1, alone + 1);
                    break;
                }
                None => {
                    let is_drawn =
                        freshness.wish(&age(lifetimes, Duration::from_secs_f64(now))) == Wish::Renew;
                    renewed = is_drawn.then_some(now + 1.0);
                }
            }
        }
    }
    (f64::from(met) / f64::from(keys), f64::from(alone) / f64::from(keys))
}

/// Without `early` every value that is asked for ends before the eyes of a caller. With it, a renewal begins before the
/// end unless no lot is drawn: with n callers in the time δ that computing takes, that is e^(−n·β). It is done before the
/// end, so that nobody waits, if it begins δ before: unless e^(−n·β·e^(−1/β)). So β = 1 saves 95 % of the waits where at
/// least 8.2 callers come in δ, as is so where many callers could stampede; where fewer do, a greater β does.
#[test]
fn values_that_many_ask_for_hardly_end_before_anybody_s_eyes() {
    const KEYS: u32 = 4_000;
    assert_eq!(ends_met(100, 10.0, &Freshness::PLAIN), (1.0, 1.0), "without it all do");
    for (beta, callers) in [(1.0, 1.0), (1.0, 3.0), (1.0, 10.0), (1.0, 30.0), (3.0, 3.0)] {
        let freshness = Freshness { early: beta, ..Freshness::PLAIN };
        let (met, alone) = ends_met(KEYS, callers, &freshness);
        let by_formula = |left: f64| (-callers * beta * (-left / beta).exp()).exp();
        println!(
            "β {beta}, {callers} callers in the time of a computation: {:.2} % fewer ends meet callers, {:.2} % fewer come \
             before a renewal began ({:.2} % by the formula)",
            100.0 * (1.0 - met),
            100.0 * (1.0 - alone),
            100.0 * (1.0 - by_formula(0.0)),
        );
        assert!((alone - by_formula(0.0)).abs() < 0.02, "{alone}");
        // Of renewals that come too late, a few are met by nobody.
        assert!(met < by_formula(1.0) + 0.02, "{met}");
        if callers * beta * (-1.0 / beta).exp() > 3.0 {
            assert!(met <= 0.05, "{met}");
        }
    }
}

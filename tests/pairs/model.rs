//! What the documents promise of a set of options.

use std::collections::BTreeSet;

use crate::Does;

/// Milliseconds, since a value was stored.
pub(crate) type Age = u64;

/// The numbers in the attributes of `functions`.
const TIMEOUT: Age = 1_000_000;
const TIMEOUT_FROM: Age = 800_000;
const STALE: Age = 2_000_000;
const FAIL_SAFE: Age = 4_000_000;
const IDLE: Age = 600_000;
const JITTER_PERCENT: Age = 10;
const EAGER_PERCENT: Age = 50;
const THROTTLE: Age = 20_000;
const THROTTLE_AT_MOST: Age = 30_000;
const KEPT: Age = 300_000;

/// The part of its life that a value is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Served as it is.
    Fresh,
    /// Fresh, and to be renewed.
    Due,
    /// Served, and to be renewed.
    Stale,
    /// Better than an error.
    Grace,
    Gone,
}

/// What a call gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    Old,
    New,
    /// What the computation failed with.
    Failure,
}

/// What comes of a call for a value of some age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) gives: Gives,
    /// Whether it has a newer value computed.
    pub(crate) computes: bool,
    /// What is cached when all is done; nothing, if there is nothing that is served without an error.
    pub(crate) leaves: Option<Gives>,
    /// Whether the next try is put off.
    pub(crate) is_put_off: bool,
}

/// The options of one function.
#[derive(Clone, Debug)]
pub(crate) struct Options(pub(crate) Vec<&'static str>);

impl Options {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// How long a value is fresh: the least and the most.
    fn fresh(&self) -> [Age; 2] {
        self.jittered(if self.has("timeout_from") { TIMEOUT_FROM } else { TIMEOUT })
    }

    fn jittered(&self, most: Age) -> [Age; 2] {
        let percent = if self.has("jitter") { JITTER_PERCENT } else { 0 };
        [most - most * percent / 100, most]
    }

    fn stale(&self) -> Age {
        if self.has("stale") { STALE } else { 0 }
    }

    fn grace(&self) -> Age {
        let has_grace = self.has_any(&["fail_safe", "fail_safe_if", "throttle", "soft_timeout"]);
        if has_grace { FAIL_SAFE } else { 0 }
    }

    fn idle(&self) -> Option<Age> {
        self.has("idle").then_some(IDLE)
    }

    /// When a value ends at the soonest that is not asked for.
    pub(crate) fn end(&self) -> Age {
        let end = self.fresh()[0] + self.stale() + self.grace();
        self.idle().map_or(end, |idle| end.min(idle))
    }

    /// Whether a newer value is computed behind a caller who has an old one.
    fn is_behind(&self) -> bool {
        self.has_any(&["stale", "eager", "refresh_every", "soft_timeout", "hard_timeout", "on_timeout"])
    }

    /// Whether a caller who meets such an error is given the old value.
    fn forgives(&self, does: Does) -> bool {
        does != Does::FailsBadly || !self.has("fail_safe_if")
    }

    /// How long nobody tries again after a computation failed.
    pub(crate) fn throttle(&self) -> Age {
        if self.has("throttle") { THROTTLE } else { THROTTLE_AT_MOST.min(self.fresh()[0]) }
    }

    /// How long an error or a `None` is kept: the least and the most.
    pub(crate) fn kept(&self) -> Option<[Age; 2]> {
        self.has_any(&["none_timeout", "err_timeout"]).then(|| {
            // A lifetime by the value is that of the `None`s too.
            self.jittered(if self.has("timeout_from") { TIMEOUT_FROM } else { KEPT })
        })
    }

    /// Whether what fails gives `None`, which is a result, and no error.
    fn is_none(&self) -> bool {
        self.has("none_timeout")
    }

    /// The part of its life of a value that was last asked for at such an age; none where chance decides.
    pub(crate) fn part(&self, age: Age, touched: Age) -> Option<Part> {
        let [least, most] = self.fresh().map(|fresh| self.part_of(fresh, age, touched));
        (least == most).then_some(least)
    }

    fn part_of(&self, fresh: Age, age: Age, touched: Age) -> Part {
        if self.idle().is_some_and(|idle| age >= touched + idle) {
            return Part::Gone;
        }
        let is_due = self.has("early") || self.has("eager") && age >= fresh * EAGER_PERCENT / 100;
        match age {
            _ if age < fresh && is_due => Part::Due,
            _ if age < fresh => Part::Fresh,
            _ if age < fresh + self.stale() => Part::Stale,
            _ if age < fresh + self.stale() + self.grace() => Part::Grace,
            _ => Part::Gone,
        }
    }

    /// Both sides of each boundary at which it is certain what holds.
    pub(crate) fn boundaries(&self) -> Vec<Age> {
        let mut ages = BTreeSet::new();
        for fresh in self.fresh() {
            let half = fresh * EAGER_PERCENT / 100;
            let mut boundaries = vec![fresh, fresh + self.stale(), fresh + self.stale() + self.grace()];
            boundaries.extend(self.has("eager").then_some(half));
            boundaries.extend(self.idle());
            ages.extend(boundaries.into_iter().flat_map(|age| [age - 1, age]));
        }
        ages.into_iter().filter(|age| self.part(*age, 0).is_some()).collect()
    }

    /// An age at which a value in use is asked for, so that it does not end for want of that, and both sides of its end then.
    pub(crate) fn in_use(&self) -> Option<(Age, [Age; 2])> {
        let idle = self.idle()?;
        let touched = idle / 2;
        let is_certain =
            [idle + touched - 1, idle + touched].iter().all(|age| self.part(*age, touched).is_some());
        (self.part(touched, 0) == Some(Part::Fresh) && is_certain)
            .then(|| (touched, [idle + touched - 1, idle + touched]))
    }

    /// What is served without computing: what `peek` gives.
    pub(crate) fn is_served(part: Part) -> bool {
        !matches!(part, Part::Grace | Part::Gone)
    }

    pub(crate) fn outcome(&self, part: Part, does: Does) -> Outcome {
        let works = does == Does::Works;
        let computed = |gives| Outcome {
            gives,
            computes: true,
            leaves: if works || self.kept().is_some() { Some(gives) } else { None },
            is_put_off: false,
        };
        let stays = Outcome {
            gives: Gives::Old,
            computes: true,
            leaves: Self::is_served(part).then_some(Gives::Old),
            is_put_off: true,
        };
        let new = if works { Gives::New } else { Gives::Failure };
        let is_result = works || self.is_none();
        match part {
            Part::Fresh => Outcome { computes: false, is_put_off: false, ..stays },
            Part::Due | Part::Stale if self.is_behind() && is_result => {
                Outcome { gives: Gives::Old, ..computed(new) }
            }
            // The old value is as good as it was, or its caller has it already, whatever the error is.
            Part::Due | Part::Stale if !is_result => stays,
            Part::Grace if !is_result && self.forgives(does) => stays,
            Part::Grace if !is_result => {
                Outcome { gives: Gives::Failure, leaves: None, is_put_off: false, ..stays }
            }
            Part::Due | Part::Stale | Part::Grace | Part::Gone => computed(new),
        }
    }
}

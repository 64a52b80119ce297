//! The whole life of values: each function, on both sides of each boundary of its values, when the source works and when it
//! does not.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, SystemTime};

use cachekit::testing::Scope;

use crate::functions::{self, Function};
use crate::model::{Age, Gives, Options, Outcome, Part};
use crate::stores::{self, Store};
use crate::{Answer, Does, How, PATIENCE, Source, Trouble, comes, nth};

crate::stores::on_every_store!(check);

/// What a server may take for over while a test looks at something else.
const SOON: Age = 100_000;

/// What is to be tried with one key of one function at some time.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Nothing is computed: it is asked what is there.
    Peek(Part),
    /// It is asked for, so that it is in use.
    Use,
    /// A call while the source does this.
    Call(Part, Does),
    /// A call after a computation failed, while the next try is put off.
    IsPutOff,
    /// A call when the next try is no longer put off; for the last time, if it was before.
    IsTried { then: Part, again: bool },
    /// A call for what is kept of a failure.
    IsKept(bool),
}

/// A function that is tried.
struct Subject {
    function: Function,
    source: Source,
    keys: u64,
}

struct World<'a> {
    store: &'a Store,
    scope: Scope,
    subjects: Vec<Subject>,
    /// By when, what is to be tried with which key of which function.
    schedule: BTreeMap<Age, Vec<(usize, u64, Act)>>,
    end: SystemTime,
    tried: usize,
    /// Tries after one was put off, and those of them that came too early, as the failure was noted late.
    tries: usize,
    noted_late: usize,
    /// What was not as it must be.
    wrong: Vec<String>,
}

#[test]
fn async_in_process() {
    stores::in_process(|store| live(store, "async", functions::all_async()));
}

#[test]
fn async_on_redis() {
    stores::redis(|store| live(store, "async", functions::all_async()));
}

fn check(store: &Store) {
    live(store, "sync", functions::all());
}

fn live(store: &Store, flavour: &str, functions: Vec<Function>) {
    let subjects: Vec<_> = functions
        .into_iter()
        .enumerate()
        .filter(|(index, function)| index % store.every == 0 || function.options.0.len() == 1)
        .map(|(_, function)| Subject { function, source: Source::default(), keys: 0 })
        .collect();
    let names: Vec<_> = subjects.iter().map(|subject| subject.function.options.0.len()).collect();
    let (alone, pairs) =
        names.iter().fold(
            (0, 0),
            |(alone, pairs), options| {
                if *options == 1 { (alone + 1, pairs) } else { (alone, pairs + 1) }
            },
        );
    let end = store.clock.clock().wall() + Duration::from_secs(1000);
    let scope = store.scope();
    let mut world = World {
        store,
        scope,
        subjects,
        schedule: BTreeMap::new(),
        end,
        tried: 0,
        tries: 0,
        noted_late: 0,
        wrong: Vec::new(),
    };
    world.scope.clone().run(|| {
        for subject in 0..world.subjects.len() {
            world.plan(subject);
        }
        world.live();
    });
    println!(
        "{}, {flavour}: {alone} options alone and {pairs} pairs, tried {} times; {} pairs are refused by the macro",
        store.name,
        world.tried,
        functions::REFUSED.len()
    );
    assert!(
        world.noted_late * 10 <= world.tries,
        "{} of {} are put off too long",
        world.noted_late,
        world.tries
    );
    let wrong = &world.wrong;
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

impl World<'_> {
    /// Stores a value for each thing to be tried with it.
    fn plan(&mut self, subject: usize) {
        let options = self.subjects[subject].function.options.clone();
        for age in options.boundaries() {
            let Some(part) = options.part(age, 0) else { continue };
            self.sow(subject, age, Act::Peek(part));
            self.sow(subject, age, Act::Call(part, Does::Works));
            self.sow(subject, age, Act::Call(part, Does::Fails));
            if options.has("fail_safe_if") {
                self.sow(subject, age, Act::Call(part, Does::FailsBadly));
            }
        }
        if let Some((touched, ages)) = options.in_use() {
            for age in ages {
                // Where no use is noted, a value lives from when it was stored.
                let noted = if self.store.notes { touched } else { 0 };
                let Some(part) = options.part(age, noted) else { continue };
                let key = self.sow(subject, touched, Act::Use);
                self.at(age, subject, key, Act::Call(part, Does::Works));
            }
        }
    }

    /// Stores a value at once, under a key of its own, for something to be tried later.
    fn sow(&mut self, subject: usize, age: Age, act: Act) -> u64 {
        self.subjects[subject].keys += 1;
        let key = self.subjects[subject].keys;
        let first = self.call(subject, key, Does::Works);
        assert_eq!(first, nth(key, 1), "{}", self.of(subject, key, act));
        let options = &self.subjects[subject].function.options;
        // What is renewed by chance, and by every chance, is asked for once.
        if !options.has("early") {
            assert_eq!(self.call(subject, key, Does::Works), first, "{}", self.of(subject, key, act));
        }
        self.at(age, subject, key, act);
        key
    }

    fn at(&mut self, age: Age, subject: usize, key: u64, act: Act) {
        self.schedule.entry(age).or_default().push((subject, key, act));
    }

    fn call(&self, subject: usize, key: u64, does: Does) -> Answer {
        let Subject { function, source, .. } = &self.subjects[subject];
        let end = self.store.clock.clock().wall() + Duration::from_secs(1000);
        (function.call)(key, How { does, unless: false, forced: false, end }, source.clone())
    }

    #[allow(clippy::needless_pass_by_value, reason = "what is compared is made where it is")]
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, found: T, expected: T, what: &str) {
        if found != expected {
            self.wrong.push(format!("{what}: {found:?}, expected {expected:?}"));
        }
    }

    fn of(&self, subject: usize, key: u64, act: Act) -> String {
        let now = self.store.clock.clock().wall().duration_since(self.end).map_or_else(
            |error| 1_000_000 - error.duration().as_millis(),
            |after| 1_000_000 + after.as_millis(),
        );
        format!(
            "{}: {}, key {key} at {now} ms: {act:?}",
            self.store.name,
            self.subjects[subject].function.name()
        )
    }

    /// Lets time pass, and tries what is due.
    fn live(&mut self) {
        let mut now = 0;
        while let Some((age, acts)) = self.schedule.pop_first() {
            self.store.clock.advance(Duration::from_millis(age - now));
            now = age;
            let mut open = Vec::new();
            for (subject, key, act) in acts {
                self.tried += 1;
                open.extend(self.act(now, subject, key, act));
            }
            if open.iter().any(|(.., outcome)| outcome.is_put_off) {
                // What failed behind its caller is noted a moment later.
                thread::sleep(Duration::from_millis(3));
            }
            for (subject, key, act, outcome) in open {
                self.settle(now, subject, key, act, outcome);
            }
        }
        // What should have been computed behind a caller is; nothing more has been.
        thread::sleep(Duration::from_millis(50));
    }

    /// Tries something; what is to be seen afterwards, if there is anything.
    fn act(&mut self, now: Age, subject: usize, key: u64, act: Act) -> Option<(usize, u64, Act, Outcome)> {
        let options = self.subjects[subject].function.options.clone();
        let what = self.of(subject, key, act);
        let old = nth(key, 1);
        let runs = self.subjects[subject].source.runs(key);
        match act {
            Act::Peek(part) => {
                let found = (self.subjects[subject].function.peek)(key);
                self.same(found, Options::is_served(part).then_some(old), &what);
                None
            }
            Act::Use => {
                let found = self.call(subject, key, Does::Works);
                self.same(found, old, &what);
                None
            }
            Act::Call(part, does) => {
                let outcome = options.outcome(part, does);
                let found = self.call(subject, key, does);
                self.same(found, gives(&options, key, outcome.gives, does), &what);
                if !self.subjects[subject].source.come_to(key, runs + u64::from(outcome.computes), PATIENCE) {
                    self.wrong.push(format!("{what}: never computed"));
                    return None;
                }
                Some((subject, key, act, outcome))
            }
            Act::IsPutOff => {
                // The failure may be noted a moment after it: then this call fails as well, and the next is put off.
                let mut tries = 0;
                loop {
                    let runs = self.subjects[subject].source.runs(key);
                    let found = self.call(subject, key, Does::Fails);
                    self.same(found, old, &what);
                    thread::sleep(Duration::from_millis(if tries == 0 { 0 } else { 100 }));
                    if self.subjects[subject].source.runs(key) == runs {
                        break;
                    }
                    tries += 1;
                    if tries == 3 {
                        self.wrong.push(format!("{what}: computed again and again"));
                        break;
                    }
                }
                None
            }
            Act::IsTried { then, again } => {
                let outcome = options.outcome(then, Does::Works);
                let found = self.call(subject, key, Does::Works);
                self.tries += 1;
                let patience = if again { PATIENCE } else { Duration::from_millis(500) };
                if outcome.computes && !self.subjects[subject].source.come_to(key, runs + 1, patience) {
                    // A failure that was noted late puts off for longer, by as much.
                    let end = now + options.throttle();
                    match options.part(end, now) {
                        Some(then) if !again => {
                            self.noted_late += 1;
                            self.at(end, subject, key, Act::IsTried { then, again: true });
                        }
                        _ => self.wrong.push(format!("{what}: never computed")),
                    }
                    return None;
                }
                let expected = if outcome.gives == Gives::Old { old } else { nth(key, runs + 1) };
                self.same(found, expected, &what);
                None
            }
            Act::IsKept(is_kept) => {
                let found = self.call(subject, key, Does::Works);
                let expected = if is_kept { failure(&options, Does::Fails) } else { nth(key, runs + 1) };
                self.same(found, expected, &what);
                None
            }
        }
    }

    /// Sees what has become of it, and what is to be tried after that.
    fn settle(&mut self, now: Age, subject: usize, key: u64, act: Act, outcome: Outcome) {
        let Act::Call(part, does) = act else { return };
        let options = self.subjects[subject].function.options.clone();
        if outcome.is_put_off && !self.store.has_our_clock && options.end() < now + SOON {
            // An entry is noted upon for the rest of its life, which here ends by another clock before we look.
            return;
        }
        let what = self.of(subject, key, act);
        let leaves = outcome.leaves.map(|left| gives(&options, key, left, does));
        let peek = self.subjects[subject].function.peek;
        if !comes(|| peek(key) == leaves) {
            self.same(peek(key), leaves, &format!("{what}: leaves"));
        }
        let runs = self.subjects[subject].source.runs(key);
        self.same(runs, 1 + u64::from(outcome.computes), &format!("{what}: computed"));
        if outcome.is_put_off {
            // In use it does not end for want of that, where use is noted.
            let noted = |age| if self.store.notes { age } else { 0 };
            let end = now + options.throttle();
            for age in [now, end - 1] {
                if options.part(age, noted(now)).is_some_and(|part| part != Part::Gone) {
                    self.at(age, subject, key, Act::IsPutOff);
                }
            }
            if let Some(then) = options.part(end, noted(end - 1)).filter(|then| *then != Part::Fresh) {
                self.at(end, subject, key, Act::IsTried { then, again: false });
            }
        }
        if part == Part::Gone
            && does == Does::Fails
            && let Some([least, most]) = options.kept()
            && !options.has("idle")
            && !options.has("early")
            && !options.has("eager")
            && !options.has("stale")
        {
            self.at(now + least - 1, subject, key, Act::IsKept(true));
            self.at(now + most, subject, key, Act::IsKept(false));
        }
    }
}

fn failure(options: &Options, does: Does) -> Answer {
    Err(match does {
        _ if options.has("none_timeout") => Trouble::Nothing,
        Does::FailsBadly => Trouble::Wrong,
        _ => Trouble::Down,
    })
}

fn gives(options: &Options, key: u64, gives: Gives, does: Does) -> Answer {
    match gives {
        Gives::Old => nth(key, 1),
        Gives::New => nth(key, 2),
        Gives::Failure => failure(options, does),
    }
}

//! What options do that have nothing to do with age: each function of such an option, with every other option beside it.

use std::time::Duration;

use crate::functions::{self, Function, UNKEPT, UNSERVED};
use crate::stores::Store;
use crate::{Answer, Does, How, PATIENCE, Source, nth};

crate::stores::on_every_store!(check);

/// A function that is tried, and what was not as it must be.
struct Trial<'a> {
    store: &'a Store,
    function: Function,
    source: Source,
    wrong: Vec<String>,
}

fn check(store: &Store) {
    let mut wrong = Vec::new();
    let mut counts = vec![0; OPTIONS.len()];
    store.scope().run(|| {
        for function in functions::all() {
            let mut trial = Trial { store, function, source: Source::default(), wrong: Vec::new() };
            for ((option, check), count) in OPTIONS.iter().zip(&mut counts) {
                if trial.function.options.has(option) {
                    check(&mut trial);
                    *count += 1;
                }
            }
            wrong.extend(trial.wrong);
        }
    });
    let counts: Vec<_> =
        OPTIONS.iter().zip(counts).map(|((option, _), count)| format!("{option} {count}")).collect();
    println!("{}: tried beside the other options: {}", store.name, counts.join(", "));
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

type Check = fn(&mut Trial<'_>);

/// The options, and what must hold whatever is beside them.
const OPTIONS: &[(&str, Check)] = &[
    ("unless", neither_read_nor_written),
    ("forced_update", not_read_but_written),
    ("is_stale", not_served),
    ("response_filter", not_kept),
    ("tags", forgotten_by_its_tag),
    ("tags_from", forgotten_by_the_tag_of_its_value),
    ("lock", computed_once),
    ("near", forgotten_here_at_once),
];

impl Trial<'_> {
    fn call(&self, key: u64, change: impl FnOnce(&mut How)) -> Answer {
        let end = self.store.clock.clock().wall() + Duration::from_secs(1000);
        let mut how = How { does: Does::Works, unless: false, forced: false, end };
        change(&mut how);
        (self.function.call)(key, how, self.source.clone())
    }

    fn plainly(&self, key: u64) -> Answer {
        self.call(key, |_| {})
    }

    fn peek(&self, key: u64) -> Option<Answer> {
        (self.function.peek)(key)
    }

    #[allow(clippy::needless_pass_by_value, reason = "what is compared is made where it is")]
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            let (store, name) = (self.store.name, self.function.name());
            self.wrong.push(format!("{store}: {name}: {what}: {found:?}, expected {expected:?}"));
        }
    }

    /// Whether every use of a value has it renewed.
    fn is_restless(&self) -> bool {
        self.function.options.has("early")
    }
}

fn neither_read_nor_written(trial: &mut Trial<'_>) {
    let key = 800_001;
    let found = trial.call(key, |how| how.unless = true);
    trial.same("the first", found, nth(key, 1));
    trial.same("not written", trial.peek(key), None);
    trial.same("kept", trial.plainly(key), nth(key, 2));
    let found = trial.call(key, |how| how.unless = true);
    trial.same("not read", found, nth(key, 3));
    trial.same("left alone", trial.peek(key), Some(nth(key, 2)));
}

fn not_read_but_written(trial: &mut Trial<'_>) {
    let key = 800_002;
    trial.same("kept", trial.plainly(key), nth(key, 1));
    let found = trial.call(key, |how| how.forced = true);
    trial.same("not read", found, nth(key, 2));
    trial.same("written", trial.peek(key), Some(nth(key, 2)));
}

fn not_served(trial: &mut Trial<'_>) {
    trial.same("the first", trial.plainly(UNSERVED), nth(UNSERVED, 1));
    for n in 2..4 {
        trial.same("again", trial.plainly(UNSERVED), nth(UNSERVED, n));
    }
    if !trial.is_restless() {
        let key = 800_003;
        trial.same("others", [trial.plainly(key), trial.plainly(key)], [nth(key, 1); 2]);
    }
}

fn not_kept(trial: &mut Trial<'_>) {
    for n in 1..4 {
        trial.same("given", trial.plainly(UNKEPT), nth(UNKEPT, n));
        trial.same("not kept", trial.peek(UNKEPT), None);
    }
    let key = 800_004;
    trial.plainly(key).unwrap();
    trial.same("others", trial.peek(key), Some(nth(key, 1)));
}

fn forgotten_by(trial: &mut Trial<'_>, tag: &str, key: u64, other: u64) {
    trial.same("kept", [trial.plainly(key), trial.plainly(other)], [nth(key, 1), nth(other, 1)]);
    trial.store.caches[0].invalidate_tag(tag).unwrap();
    trial.same("forgotten", trial.peek(key), None);
    trial.same("anew", trial.plainly(key), nth(key, 2));
    trial.same("of another tag", trial.peek(other), Some(nth(other, 1)));
    // By another process.
    trial.store.caches[1].invalidate_tag(tag).unwrap();
    let is_told =
        !trial.store.caches[0].backend().capability().in_process && !trial.function.options.has("near");
    if is_told {
        trial.same("forgotten elsewhere", trial.plainly(key), nth(key, 3));
    }
}

fn forgotten_by_its_tag(trial: &mut Trial<'_>) {
    forgotten_by(trial, "key 800005", 800_005, 800_006);
}

fn forgotten_by_the_tag_of_its_value(trial: &mut Trial<'_>) {
    forgotten_by(trial, "value of 800007", 800_007, 800_008);
}

/// What another process has the right to compute is waited for.
fn computed_once(trial: &mut Trial<'_>) {
    // Who has waited would renew what it is given at once, if every use did.
    if !trial.store.locks || trial.is_restless() {
        return;
    }
    let key = 800_009;
    let (store, function, source) = (trial.store, &trial.function, trial.source.clone());
    let call = |process: usize, does| {
        let scope = cachekit::testing::Scope::new(store.caches[process].clone());
        let end = store.clock.clock().wall() + Duration::from_secs(1000);
        let how = How { does, unless: false, forced: false, end };
        scope.run(|| (function.call)(key, how, source.clone()))
    };
    let (first, second, runs) = std::thread::scope(|threads| {
        let first = threads.spawn(|| call(0, Does::Waits));
        assert!(source.come_to(key, 1, PATIENCE), "it is computed");
        let second = threads.spawn(|| call(1, Does::Works));
        std::thread::sleep(Duration::from_millis(15));
        let runs = source.runs(key);
        source.open();
        (first.join().unwrap(), second.join().unwrap(), runs)
    });
    trial.same("the owner's value", [first, second], [nth(key, 1); 2]);
    trial.same("computed once", (runs, trial.source.runs(key)), (1, 1));
}

/// What this process forgets is forgotten near and far, and a value computed anew is what is near then.
fn forgotten_here_at_once(trial: &mut Trial<'_>) {
    if trial.is_restless() {
        return;
    }
    let key = 800_010;
    let found = [(); 3].map(|()| trial.plainly(key));
    trial.same("kept", found, [nth(key, 1); 3]);
    (trial.function.forget)(key);
    trial.same("forgotten", trial.peek(key), None);
    let found = [(); 3].map(|()| trial.plainly(key));
    trial.same("anew", found, [nth(key, 2); 3]);
}

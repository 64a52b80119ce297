//! Flights under a model checker: random schedules of every interleaving of leaders, followers and invalidations.
//!
//! Run by `cargo xtask test`, or by hand: `RUSTFLAGS="--cfg shuttle" cargo test -p cachekit --lib flight`.

use std::sync::Arc;
use std::time::Duration;

use cachekit_backends::{Fence, OwnedKey, Target};
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::thread;

use super::{Flights, Outcome, Role};
use crate::io::{Flavour, now};

const SCHEDULES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(3600);

struct World {
    flights: Arc<Flights<usize>>,
    fence: Fence,
    runs: AtomicUsize,
    /// What a body reads; invalidations raise it first.
    truth: AtomicUsize,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            flights: Arc::default(),
            fence: Fence::default(),
            runs: AtomicUsize::new(0),
            truth: AtomicUsize::new(0),
        })
    }

    fn key() -> OwnedKey {
        OwnedKey::of(&1)
    }

    /// One caller, as `Call::resolve` and `Miss::finish` do it, without a table. `fails` says which runs fail.
    fn call(&self, fails: impl Fn(usize) -> bool) -> Option<usize> {
        loop {
            match self.flights.join(&Self::key(), None, &[], &self.fence) {
                Role::Lead(leader) => {
                    let run = self.runs.fetch_add(1, SeqCst);
                    let value = self.truth.load(SeqCst);
                    thread::yield_now();
                    let ticket = leader.birth();
                    let result = if fails(run) {
                        leader.fail();
                        None
                    } else {
                        leader.close();
                        if self.fence.is_current(&ticket, Self::key().hash(), &[]) {
                            leader.land(Some(value));
                        } else {
                            drop(leader);
                        }
                        Some(value)
                    };
                    self.fence.end(&ticket);
                    return result;
                }
                Role::Follow(follower) => {
                    match now(follower.wait(Flavour::Blocking, PATIENCE, &self.fence, true)) {
                        Outcome::Landed(value) => return value,
                        Outcome::Again | Outcome::Aside => {}
                        Outcome::Alone => {
                            let run = self.runs.fetch_add(1, SeqCst);
                            return (!fails(run)).then(|| self.truth.load(SeqCst));
                        }
                    }
                }
                Role::Alone => unreachable!("nobody waits for itself here"),
            }
        }
    }

    /// One caller who asks a backend that others change, as `Call::resolve` does it.
    fn read(&self) {
        let asked = self.truth.load(SeqCst);
        loop {
            match self.flights.join(&Self::key(), None, &[], &self.fence) {
                Role::Lead(leader) => {
                    leader.depart();
                    let value = self.truth.load(SeqCst);
                    self.runs.fetch_add(1, SeqCst);
                    let ticket = leader.birth();
                    if !leader.close() {
                        leader.land(None);
                    } else if !leader.arrive(value) || self.truth.load(SeqCst) == value {
                        leader.land(Some(value));
                    }
                    self.fence.end(&ticket);
                    return;
                }
                Role::Follow(follower) => {
                    match now(follower.wait(Flavour::Blocking, PATIENCE, &self.fence, true)) {
                        Outcome::Landed(value) => {
                            let value = value.expect("somebody followed");
                            assert!(value >= asked, "{value} was read before {asked} was there");
                            return;
                        }
                        Outcome::Again => {}
                        other => unreachable!("{other:?}"),
                    }
                }
                Role::Alone => unreachable!("nobody waits for itself here"),
            }
        }
    }
}

fn threads<T: Send + 'static>(bodies: Vec<Box<dyn FnOnce() -> T + Send>>) -> Vec<T> {
    let threads: Vec<_> = bodies.into_iter().map(thread::spawn).collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

fn callers(world: &Arc<World>, count: usize, fails: fn(usize) -> bool) -> Vec<Option<usize>> {
    threads(
        (0..count)
            .map(|_| {
                let world = Arc::clone(world);
                Box::new(move || world.call(fails)) as Box<dyn FnOnce() -> _ + Send>
            })
            .collect(),
    )
}

#[test]
fn everybody_gets_a_value_and_nothing_stays_behind() {
    shuttle::check_random(
        || {
            let world = World::new();
            let values = callers(&world, 4, |_| false);
            assert_eq!(values, [Some(0); 4]);
            assert_eq!(world.flights.len(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn a_failure_hands_over_and_nobody_hangs() {
    shuttle::check_random(
        || {
            let world = World::new();
            let values = callers(&world, 4, |run| run == 0);
            assert_eq!(values.iter().filter(|value| value.is_none()).count(), 1);
            assert_eq!(world.flights.len(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn failures_one_after_the_other_end() {
    shuttle::check_random(
        || {
            let world = World::new();
            assert_eq!(callers(&world, 4, |_| true), [None; 4]);
            assert_eq!(world.runs.load(SeqCst), 4, "each ran once");
            assert_eq!(world.flights.len(), 0);
        },
        SCHEDULES,
    );
}

#[test]
fn who_calls_after_an_invalidation_gets_nothing_older() {
    for target in [Target::All, Target::Key(&World::key()), Target::Running] {
        let by_key = matches!(target, Target::Key(_));
        let running = matches!(target, Target::Running);
        shuttle::check_random(
            move || {
                let world = World::new();
                let mut bodies: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
                for _ in 0..2 {
                    let world = Arc::clone(&world);
                    bodies.push(Box::new(move || {
                        world.call(|_| false);
                    }));
                }
                let late = Arc::clone(&world);
                bodies.push(Box::new(move || {
                    let written = late.truth.fetch_add(1, SeqCst) + 1;
                    let key = World::key();
                    late.fence.raise(&match (by_key, running) {
                        (true, _) => Target::Key(&key),
                        (_, true) => Target::Running,
                        _ => Target::All,
                    });
                    let value = late.call(|_| false);
                    assert!(value >= Some(written), "read {value:?} after {written} was acknowledged");
                }));
                threads(bodies);
                assert_eq!(world.flights.len(), 0);
            },
            SCHEDULES / 2,
        );
    }
}

/// Another process changes what is read: nobody is given a value that was gone before it asked.
#[test]
fn nobody_is_given_what_was_read_too_early() {
    shuttle::check_random(
        || {
            let world = World::new();
            let mut bodies: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
            for _ in 0..3 {
                let world = Arc::clone(&world);
                bodies.push(Box::new(move || (0..2).for_each(|_| world.read())));
            }
            let changer = Arc::clone(&world);
            bodies.push(Box::new(move || {
                for _ in 0..2 {
                    changer.truth.fetch_add(1, SeqCst);
                    thread::yield_now();
                }
            }));
            threads(bodies);
            assert_eq!(world.flights.len(), 0);
        },
        SCHEDULES,
    );
}

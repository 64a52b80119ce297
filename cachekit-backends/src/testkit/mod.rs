//! The conformance kit: every rule of [`Backend`] as a trial that any backend can be put to.
//!
//! Which trials a backend gets is decided by its declared [`Capability`] alone. What it declares not to do is tried
//! too: an operation it lacks is [`Unsupported`](crate::ErrorKind::Unsupported), and a backend that stores nothing
//! answers like [`NullCache`](crate::NullCache). A name such as `case_206_…` gives the number of the case in the
//! catalogue of behaviour that cachekit carries over from Flask-Caching and cachelib.
//!
//! ```
//! use cachekit_backends::{SimpleCache, testkit};
//! use std::sync::Arc;
//!
//! testkit::run(&testkit::Target::new("SimpleCache", |clock| {
//!     Ok(Arc::new(SimpleCache::builder().threshold(10_000).clock(clock).build()))
//! }));
//! ```
//!
//! A test framework of one's own can run [`trials`] one by one.

mod absent;
mod basic;
mod clear;
mod compare_and_set;
mod concurrency;
mod context;
mod counters;
mod keys;
mod lifetimes;
mod many;
mod twins;
mod versions;
mod watch;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use self::context::{Context, poll_by_hand};
use crate::{Backend, Capability, Clock, Result};

/// A backend to try.
///
/// It should have room for a thousand entries, or its trials find theirs evicted.
#[derive(Clone)]
pub struct Target {
    /// What the names of the trials begin with.
    pub label: String,
    /// Makes the backend for one trial, which follows the clock it is given if its [`Capability`] says that it can
    /// (it must be a fresh one then), and otherwise may be the same for all: every trial has keys of its own.
    pub make: Arc<dyn Fn(Clock) -> Result<Arc<dyn Backend>> + Send + Sync>,
    /// Runs a future to its end. By default it is polled on the thread of the trial, without any runtime.
    pub drive: Arc<dyn Fn(Pending<'_>) + Send + Sync>,
}

/// A future that a trial wants to see the end of.
pub type Pending<'a> = Pin<&'a mut (dyn Future<Output = ()> + Send)>;

impl Target {
    /// A backend to try, made by `make`.
    pub fn new(
        label: impl Into<String>,
        make: impl Fn(Clock) -> Result<Arc<dyn Backend>> + Send + Sync + 'static,
    ) -> Self {
        Self { label: label.into(), make: Arc::new(make), drive: Arc::new(poll_by_hand) }
    }

    /// Sets what runs futures to their end, for backends whose futures need a certain runtime.
    #[must_use]
    pub fn drive(mut self, drive: impl Fn(Pending<'_>) + Send + Sync + 'static) -> Self {
        self.drive = Arc::new(drive);
        self
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("label", &self.label).finish_non_exhaustive()
    }
}

/// One rule, ready to be tried on one backend.
pub struct Trial {
    /// The backend's label, the subject and the case: `SimpleCache::basic::case_038_add_keeps_the_first_value`.
    pub name: String,
    /// Tries it.
    pub run: Box<dyn FnOnce() -> Result<(), Failed> + Send>,
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a backend broke a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    message: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self { message }
    }
}

impl From<crate::Error> for Failed {
    fn from(error: crate::Error) -> Self {
        format!("an operation that must succeed failed: {error:#}").into()
    }
}

/// What a case comes to.
type Outcome<T = ()> = Result<T, Failed>;

/// A rule, before it is known on what it is tried.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    run: fn(&Context) -> Outcome,
}

/// Lists functions as cases under their own names.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::testkit::Case { name: stringify!($name), run: $name }),*]
    };
}
use cases;

/// The trials of a target, chosen by what it declares to be able to do. If it cannot be made, that is the only trial,
/// and it fails.
pub fn trials(target: &Target) -> Vec<Trial> {
    let capability = match (target.make)(Clock::SYSTEM) {
        Ok(backend) => backend.capability(),
        Err(error) => {
            let name = format!("{}::make", target.label);
            return vec![Trial { name, run: Box::new(move || Err(error.into())) }];
        }
    };
    let subjects = subjects(capability);
    let cases =
        subjects.into_iter().flat_map(|(subject, cases)| cases.into_iter().map(move |case| (subject, case)));
    cases
        .map(|(subject, case)| {
            let target = target.clone();
            Trial {
                name: format!("{}::{subject}::{}", target.label, case.name),
                run: Box::new(move || attempt(&target, case)),
            }
        })
        .collect()
}

/// Runs the trials of a target.
///
/// # Panics
///
/// When one fails, after all have run, naming every one that failed.
pub fn run(target: &Target) {
    let trials = trials(target);
    let total = trials.len();
    let failures: Vec<String> = trials
        .into_iter()
        .filter_map(|trial| (trial.run)().err().map(|failed| format!("{}: {failed}", trial.name)))
        .collect();
    let (failed, list) = (failures.len(), failures.join("\n  "));
    assert!(failures.is_empty(), "{failed} of {total} trials failed:\n  {list}");
}

fn subjects(capability: Capability) -> Vec<(&'static str, Vec<Case>)> {
    let mut subjects = vec![("absent", absent::cases(capability)), ("twins", twins::cases(capability))];
    subjects.push(("watch", watch::cases(capability)));
    if capability.stores {
        subjects.extend([
            ("basic", basic::cases(capability)),
            ("many", many::cases()),
            ("lifetimes", lifetimes::cases(capability)),
            ("counters", counters::cases()),
            ("clear", clear::cases()),
            ("keys", keys::cases()),
            ("compare_and_set", compare_and_set::cases(capability)),
            ("versions", versions::cases(capability)),
            ("concurrency", concurrency::cases(capability)),
        ]);
    }
    subjects
}

/// Runs one case on a backend of its own; a panic is a failure like any other.
fn attempt(target: &Target, case: Case) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| (case.run)(&Context::new(target)?)))
        .unwrap_or_else(|panic| Err(format!("it panicked: {}", what_it_said(&*panic)).into()))
}

fn what_it_said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something that is no text")
}

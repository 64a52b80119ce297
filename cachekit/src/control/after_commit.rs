//! Invalidations that wait until a transaction is committed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use cachekit_backends::{Error, ErrorKind};

use super::invalidation::Invalidation;
use super::subject::{Concern, Subject};
use crate::cache::{Cache, Core};
use crate::call;
use crate::io::{Flavour, now};
use crate::sync::{Mutex, MutexExt as _};

#[doc = include_str!("../docs/after_commit.md")]
#[must_use = "what is invalidated inside is forgotten only by `commit`"]
pub struct AfterCommit {
    held: Arc<Held>,
}

/// Why a commit could not forget everything: one error for each invalidation that failed. All of them were tried.
#[derive(Debug)]
pub struct CommitError {
    errors: Vec<Error>,
    tried: usize,
}

/// What was invalidated, by the address of its cache, which lives as long as its invalidations do.
type ByCache = HashMap<usize, HashMap<Subject, Invalidation>>;

/// Invalidations that wait.
struct Held {
    state: Mutex<State>,
    /// The transaction around this one: where it was made, or else where it was first entered.
    outer: OnceLock<Option<Arc<Held>>>,
}

impl Held {
    fn outer(&self) -> Option<&Arc<Held>> {
        self.outer.get()?.as_ref()
    }
}

enum State {
    Open(ByCache),
    /// What is handed over now need not wait any more.
    Committed,
    /// What is handed over now does not count.
    RolledBack,
}

thread_local! {
    static HELD: RefCell<Option<Arc<Held>>> = const { RefCell::new(None) };
}

impl AfterCommit {
    /// A transaction. Made inside another one, or entered there first, it is a part of that.
    pub fn new() -> Self {
        let outer = OnceLock::new();
        if let Some(held) = current() {
            let _ = outer.set(Some(held));
        }
        Self { held: Arc::new(Held { state: Mutex::new(State::Open(HashMap::new())), outer }) }
    }

    /// Runs `call`, on this thread; what it invalidates waits for [`commit`](Self::commit).
    pub fn run<R>(&self, call: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(&self.held);
        call()
    }

    /// Runs a future, on whatever threads it is polled; what it invalidates waits for [`commit`](Self::commit). Tasks it
    /// spawns are outside.
    pub async fn run_async<F: Future>(&self, call: F) -> F::Output {
        let mut call = pin!(call);
        poll_fn(|cx| {
            let _entered = Entered::new(&self.held);
            call.as_mut().poll(cx)
        })
        .await
    }

    /// Forgets what was invalidated inside, or hands it to the transaction around this one.
    ///
    /// # Errors
    ///
    /// When something could not be forgotten; everything was tried then.
    pub fn commit(self) -> Result<(), CommitError> {
        now(self.finish(Flavour::Blocking))
    }

    /// The async flavour of [`commit`](Self::commit). Dropped before it is through, it leaves the rest to the recovery of
    /// the caches that have one, and otherwise to the log.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub async fn commit_async(self) -> Result<(), CommitError> {
        self.finish(Flavour::Async).await
    }

    /// Drops what was invalidated inside. Dropping the transaction does the same.
    pub fn rollback(self) {
        drop(self);
    }

    async fn finish(self, flavour: Flavour) -> Result<(), CommitError> {
        let held = std::mem::replace(&mut *self.held.state.locked(), State::Committed);
        let State::Open(held) = held else { return Ok(()) };
        let held = held.into_values().flatten();
        let held = match self.held.outer().map(|outer| outer.state.locked()) {
            Some(mut outer) => match &mut *outer {
                State::Open(outer) => {
                    held.for_each(|(subject, invalidation)| hold_in(outer, subject, invalidation));
                    return Ok(());
                }
                State::RolledBack => return Ok(()),
                State::Committed => held,
            },
            None => held,
        };
        let mut rest = Rest(held.map(|(_, invalidation)| invalidation).collect());
        let (mut errors, tried) = (Vec::new(), rest.0.len());
        rest.forget_keys(flavour).await;
        while let Some(invalidation) = rest.0.last() {
            if let Err(error) = invalidation.carry_out(flavour).await {
                errors.push(error);
            }
            rest.0.pop();
        }
        if errors.is_empty() { Ok(()) } else { Err(CommitError { errors, tried }) }
    }
}

impl Default for AfterCommit {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AfterCommit {
    fn drop(&mut self) {
        let mut state = self.held.state.locked();
        if matches!(*state, State::Open(_)) {
            *state = State::RolledBack;
        }
    }
}

/// What a commit has not tried yet.
struct Rest(Vec<Invalidation>);

impl Rest {
    /// Forgets the keys of one's own, those of a cache together; whether that failed is found out one by one.
    async fn forget_keys(&mut self, flavour: Flavour) {
        let mut by_cache: HashMap<usize, (Cache, Vec<String>)> = HashMap::new();
        for invalidation in &self.0 {
            if let Some(key) = invalidation.own_key() {
                let cache = &invalidation.cache;
                let (_, keys) = by_cache.entry(address(&cache.core)).or_insert((cache.clone(), Vec::new()));
                keys.push(key.to_owned());
            }
        }
        for (place, (cache, keys)) in by_cache {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            if keys.len() > 1 && cache.forget_together(flavour, &keys).await.is_ok() {
                self.0.retain(|done| done.own_key().is_none() || address(&done.cache.core) != place);
            }
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        for invalidation in self.0.drain(..) {
            let error = Error::new(ErrorKind::Backend, "the commit was dropped before it was through");
            let error = invalidation.give_up(error);
            log::error!("something may not be forgotten: {error:#}");
        }
    }
}

/// Puts the outer transaction back, also when the call panics.
struct Entered(Option<Arc<Held>>);

impl Entered {
    fn new(held: &Arc<Held>) -> Self {
        let outer = HELD.replace(Some(Arc::clone(held)));
        held.outer.get_or_init(|| outer.clone());
        call::set_holding(true);
        Self(outer)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        call::set_holding(self.0.is_some());
        HELD.set(self.0.take());
    }
}

fn hold_in(held: &mut ByCache, subject: Subject, invalidation: Invalidation) {
    held.entry(address(&invalidation.cache.core)).or_default().insert(subject, invalidation);
}

fn address(core: &Arc<Core>) -> usize {
    Arc::as_ptr(core).addr()
}

fn current() -> Option<Arc<Held>> {
    if call::is_holding() { HELD.with_borrow(Clone::clone) } else { None }
}

/// Whether what is invalidated here waits for a commit.
pub(crate) fn is_open() -> bool {
    call::is_holding()
}

/// Keeps an invalidation until the transaction around the caller is committed.
pub(crate) fn hold(invalidation: Invalidation) {
    let Some(held) = current() else { return };
    let subject = invalidation.subject();
    if let State::Open(held) = &mut *held.state.locked() {
        hold_in(held, subject, invalidation);
    }
}

/// Whether a transaction around the caller invalidated what it asks for.
pub(crate) fn is_held(core: &Arc<Core>, concern: impl FnOnce() -> Concern) -> bool {
    let Some(innermost) = current() else { return false };
    let concern = concern();
    let mut next = Some(innermost);
    while let Some(held) = next {
        if let State::Open(held) = &*held.state.locked()
            && held.get(&address(core)).is_some_and(|held| concern.is_in(held))
        {
            return true;
        }
        next = held.outer().cloned();
    }
    false
}

impl CommitError {
    /// One error for each invalidation that failed.
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }

    /// The same, owned.
    pub fn into_errors(self) -> Vec<Error> {
        self.errors
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, tried) = (self.errors.len(), self.tried);
        write!(f, "{failed} of {tried} invalidations failed")?;
        self.errors.first().map_or(Ok(()), |first| write!(f, ", one of them: {first:#}"))
    }
}

impl std::error::Error for CommitError {}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        let kind = error.errors.first().map_or(ErrorKind::Backend, Error::kind);
        Self::new(kind, "not everything could be forgotten").with_source(error)
    }
}

impl fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = match &*self.held.state.locked() {
            State::Open(held) => held.values().map(HashMap::len).sum(),
            State::Committed | State::RolledBack => 0,
        };
        f.debug_struct("AfterCommit").field("waiting", &waiting).finish_non_exhaustive()
    }
}

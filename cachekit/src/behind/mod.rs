//! Work that goes on behind a caller who has gone: threads for sync functions, the caller's runtime for async ones.
//!
//! Whatever surrounded the caller, its scope of caches and its request, surrounds the work too.

mod answer;
pub(crate) mod recur;
mod spawn;
pub(crate) mod timer;
mod workers;

use std::future::Future;

pub(crate) use self::answer::Answer;
pub use self::spawn::{BoxFuture, set_spawner};
pub(crate) use self::spawn::{can_spawn, spawn};
pub(crate) use self::workers::{LEFT, REFRESHES};

use crate::registry::Scope;
use crate::request::RequestContext;

/// What surrounds a caller.
#[derive(Clone)]
pub(crate) struct Ambient {
    scope: Option<Scope>,
    request: Option<RequestContext>,
}

impl Ambient {
    /// What surrounds this caller.
    pub(crate) fn capture() -> Self {
        Self { scope: Scope::current(), request: RequestContext::current() }
    }

    /// Runs `work` with it around.
    pub(crate) fn run<R>(self, work: impl FnOnce() -> R) -> R {
        let work = || match &self.request {
            Some(request) => request.scope(work),
            None => work(),
        };
        match &self.scope {
            Some(scope) => scope.run(work),
            None => work(),
        }
    }

    /// Runs a future with it around.
    pub(crate) async fn run_async<F: Future>(self, work: F) -> F::Output {
        let work = async {
            match &self.request {
                Some(request) => request.scope_async(work).await,
                None => work.await,
            }
        };
        match &self.scope {
            Some(scope) => scope.run_async(work).await,
            None => work.await,
        }
    }
}

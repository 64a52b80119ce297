//! Doing something for another request than the one around the caller, now or later.

#![allow(missing_docs, reason = "only the macros use it")]

use std::cell::Cell;
use std::fmt;
use std::future::Future;

use super::RequestContext;

/// What a call inside a request gave: a value, or a future that has to stay inside.
pub struct Within<T> {
    request: RequestContext,
    given: Cell<Option<T>>,
}

/// Calls something inside a request.
pub fn within<T>(request: RequestContext, call: impl FnOnce() -> T) -> Within<T> {
    let given = Cell::new(Some(request.scope(call)));
    Within { request, given }
}

/// First choice of method lookup: the companion is async.
pub trait ViaFuture {
    type Output;
    fn cachekit_answer(self) -> impl Future<Output = Self::Output>;
}

impl<T: Future> ViaFuture for Within<T> {
    type Output = T::Output;

    async fn cachekit_answer(self) -> T::Output {
        let Self { request, given } = self;
        match given.into_inner() {
            Some(future) => request.scope_async(future).await,
            None => unreachable!("it is taken by value"),
        }
    }
}

/// Second choice: it is not.
pub trait ViaValue {
    type Value;
    fn cachekit_answer(&self) -> Self::Value;
}

impl<T> ViaValue for Within<T> {
    type Value = T;

    fn cachekit_answer(&self) -> T {
        match self.given.take() {
            Some(value) => value,
            None => unreachable!("the macro asks once"),
        }
    }
}

impl<T> fmt::Debug for Within<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").field("request", &self.request).finish_non_exhaustive()
    }
}

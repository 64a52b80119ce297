//! A call whose value is computed anew every so often, for as long as somebody asks for it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cachekit_backends::Found;

use super::computing::Computes;
use super::miss::Miss;
use super::missed::Missed;
use super::mode::Mode;
use super::one::{Call, Identity};
use crate::behind::recur::{Act, Asked, Id, Runtime, recur};
use crate::behind::{Ambient, REFRESHES};
use crate::io::{Flavour, now};
use crate::store::{Part, Store};
use crate::value::Policy;

/// A parameter that many computations take along, each its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be taken along by computations that nobody calls",
    label = "not `Clone + Send + Sync + 'static`",
    note = "`refresh_every` computes again and again: `#[derive(Clone)]` on the type, take an owned value or an `Arc`"
)]
pub trait OnceMore: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> OnceMore for T {}

/// A parameter, for one computation more.
pub fn once_more<T: OnceMore>(value: &T) -> T {
    value.clone()
}

/// A call, as long as its store is there.
struct Recurring {
    store: Weak<Store>,
    identity: Identity,
    every: Duration,
    ambient: Ambient,
}

impl<P: Policy + 'static> Miss<P> {
    /// Does the work as [`conclude`](Self::conclude), and has it done again and again.
    pub fn conclude_often<W>(
        self,
        make: impl Fn() -> W + Send + Sync + 'static,
        late: impl FnOnce() -> P::Ret,
    ) -> P::Ret
    where
        P::Ret: Send + 'static,
        W: FnOnce(Self) -> P::Ret + Send + 'static,
    {
        let work = make();
        self.missed.recur(|recurring| {
            let (make, recurring) = (Arc::new(make), Arc::new(recurring));
            Box::new(move |asked| {
                let is_wanted = recurring.is_wanted(asked);
                if is_wanted {
                    let (make, recurring) = (Arc::clone(&make), Arc::clone(&recurring));
                    // What finds no thread is left to the next time.
                    drop(REFRESHES.run(Box::new(move || {
                        drop(catch_unwind(AssertUnwindSafe(|| {
                            recurring.ambient.clone().run(|| {
                                if let Some(miss) = now(recurring.miss(Flavour::Blocking)) {
                                    drop(make()(Miss::new(miss)));
                                }
                            });
                        })));
                    })));
                }
                is_wanted
            })
        });
        self.conclude(work, late)
    }

    /// The async flavour of [`conclude_often`](Self::conclude_often).
    pub async fn conclude_often_async<W, F>(
        self,
        make: impl Fn() -> W + Send + Sync + 'static,
        late: impl FnOnce() -> P::Ret,
    ) -> P::Ret
    where
        P::Ret: Send + 'static,
        W: FnOnce(Self) -> F + Send + 'static,
        F: Future<Output = P::Ret> + Send + 'static,
    {
        let work = make();
        if let Some(runtime) = Runtime::current() {
            self.missed.recur(|recurring| {
                let (make, recurring) = (Arc::new(make), Arc::new(recurring));
                Box::new(move |asked| {
                    let is_wanted = recurring.is_wanted(asked);
                    if is_wanted {
                        let (make, recurring) = (Arc::clone(&make), Arc::clone(&recurring));
                        let ambient = recurring.ambient.clone();
                        runtime.spawn(ambient.run_async(async move {
                            if let Some(miss) = recurring.miss(Flavour::Async).await {
                                drop(make()(Miss::new(miss)).await);
                            }
                        }));
                    }
                    is_wanted
                })
            });
        } else if self.missed.site().warns_first() {
            log::warn!(
                "{}: `refresh_every` knows no runtime to compute on; see `cachekit::set_spawner`",
                self.missed.site().name()
            );
        }
        self.conclude_async(work, late).await
    }
}

impl Missed {
    fn recur(&self, act: impl FnOnce(Recurring) -> Act) {
        // A value that is only verified is computed anew already.
        let call = self.call().filter(|_| !self.is_verifying());
        let (Some(call), Some(every)) = (call, self.site().options.freshness.refresh_every) else {
            return;
        };
        recur(Id::new(&call.store, &call.key), every, || {
            act(Recurring {
                store: Arc::downgrade(&call.store),
                identity: call.identity(),
                every,
                ambient: Ambient::capture(),
            })
        });
    }
}

impl Recurring {
    /// Whether somebody asked for the value since it was computed last.
    fn is_wanted(&self, asked: &Asked) -> bool {
        self.store.upgrade().is_some_and(|store| match store.table() {
            Some(table) => table.was_used(&self.identity.key).unwrap_or(false),
            None => asked.take(),
        })
    }

    /// The right to compute it, unless somebody does, or did a moment ago in another process. Boxed, so that it is compiled
    /// here, once.
    fn miss(&self, flavour: Flavour) -> Pin<Box<dyn Future<Output = Option<Missed>> + Send + '_>> {
        Box::pin(async move {
            let store = self.store.upgrade()?;
            let call = Box::new(Call::new(Arc::clone(&store), self.identity.clone(), Mode::Normal));
            let Part::Lead(leader, birth) = call.join() else { return None };
            leader.go_behind();
            if let Some(table) = store.table() {
                // Forgotten meanwhile: who asks next computes.
                let found = table.glance(&self.identity.key)?;
                let mut computing = call.computing(Computes::Leading(leader, birth));
                computing.call.keep(found);
                return Some(Missed::recurring(store.site, computing));
            }
            let computing = call.computing(Computes::Leading(leader, birth));
            let (found, mut computing) = computing.look_in_backend(flavour).await;
            let age = computing.age?;
            if age.age < self.every.mul_f64(0.9) {
                return None;
            }
            if let Some(value) = found {
                computing.call.keep(Found { value, age: Some(age) });
            }
            Some(Missed::recurring(store.site, computing))
        })
    }
}

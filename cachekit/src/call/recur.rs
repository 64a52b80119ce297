//! A call whose value is computed anew every so often, for as long as somebody asks for it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cachekit_backends::OwnedKey;

use super::computing::Computes;
use super::miss::Miss;
use super::mode::Mode;
use super::one::Call;
use crate::behind::recur::{Act, Asked, Id, Runtime, recur};
use crate::behind::{Ambient, REFRESHES};
use crate::io::{Flavour, now};
use crate::key::Tags;
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
struct Recurring<P: Policy> {
    store: Weak<Store<P::Stored>>,
    key: OwnedKey,
    instance: Option<OwnedKey>,
    text: Option<String>,
    tags: Tags,
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
        self.recur(|recurring| {
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
                                    drop(make()(miss));
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
            self.recur(|recurring| {
                let (make, recurring) = (Arc::new(make), Arc::new(recurring));
                Box::new(move |asked| {
                    let is_wanted = recurring.is_wanted(asked);
                    if is_wanted {
                        let (make, recurring) = (Arc::clone(&make), Arc::clone(&recurring));
                        let ambient = recurring.ambient.clone();
                        runtime.spawn(ambient.run_async(async move {
                            if let Some(miss) = recurring.miss(Flavour::Async).await {
                                drop(make()(miss).await);
                            }
                        }));
                    }
                    is_wanted
                })
            });
        } else if self.site().warns_first() {
            log::warn!(
                "{}: `refresh_every` knows no runtime to compute on; see `cachekit::set_spawner`",
                self.site().name()
            );
        }
        self.conclude_async(work, late).await
    }

    fn recur(&self, act: impl FnOnce(Recurring<P>) -> Act) {
        // A value that is only verified is computed anew already.
        let call = self.call().filter(|_| !self.is_verifying());
        let (Some(call), Some(every)) = (call, self.site().options.freshness.refresh_every) else {
            return;
        };
        recur(Id::new(&call.store, &call.key), every, || {
            act(Recurring {
                store: Arc::downgrade(&call.store),
                key: call.key.clone(),
                instance: call.instance.clone(),
                text: call.text.clone(),
                tags: call.tags.clone(),
                every,
                ambient: Ambient::capture(),
            })
        });
    }
}

impl<P: Policy> Recurring<P> {
    /// Whether somebody asked for the value since it was computed last.
    fn is_wanted(&self, asked: &Asked) -> bool {
        self.store.upgrade().is_some_and(|store| match store.table() {
            Some(table) => table.was_used(&self.key).unwrap_or(false),
            None => asked.take(),
        })
    }

    /// The right to compute it, unless somebody does, or did a moment ago in another process.
    async fn miss(&self, flavour: Flavour) -> Option<Miss<P>> {
        let store = self.store.upgrade()?;
        let site = store.site;
        let call = Box::new(Call::<P> {
            instance: self.instance.clone(),
            text: self.text.clone(),
            tags: self.tags.clone(),
            ..Call::of(Arc::clone(&store), self.key.clone(), Mode::Normal)
        });
        let Part::Lead(leader, birth) = call.join() else { return None };
        leader.go_behind();
        if let Some(table) = store.table() {
            // Forgotten meanwhile: who asks next computes.
            let found = table.glance(&self.key)?;
            let mut computing = call.computing(Computes::Leading(leader, birth));
            computing.call.keep(found);
            return Some(Miss::recurring(site, computing));
        }
        let (found, mut computing) = call.look_in_backend(flavour, Computes::Leading(leader, birth)).await;
        let age = computing.age?;
        if age.age < self.every.mul_f64(0.9) {
            return None;
        }
        if let Some(value) = found {
            computing.call.keep(cachekit_backends::Found { value, age: Some(age) });
        }
        Some(Miss::recurring(site, computing))
    }
}

//! From a call to its value: another caller's, the backend's, an old one; or to the right to compute it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cachekit_backends::OwnedKey;

use super::computing::{Computes, Computing};
use super::mode::Mode;
use super::one::Call;
use super::place::Place as Put;
use crate::behind::recur;
use crate::events::EventKind;
use crate::flight::{Follower, Outcome};
use crate::io::Flavour;
use crate::site::stats::count;
use crate::store::Part;
use crate::values::{Given, Shared};

impl Call {
    pub(super) async fn resolve(
        self: Box<Self>,
        flavour: Flavour,
        mut joined: Option<Part>,
    ) -> Result<Given, Box<Computing>> {
        let mut this = self;
        let store = Arc::clone(&this.store);
        this.deadline = this.recompute_limit().map(|_| Instant::now() + store.core.flight_timeout);
        let instance = this.instance.as_ref().map(OwnedKey::hash);
        if this.reads_only {
            let found = this.look(flavour).await;
            if let Some(stored) = this.judge(found) {
                return Ok(Given::Value(this.found(stored)));
            }
            let served = if this.has_old_to_serve() { this.serve_old() } else { None };
            return served.map(Given::Value).ok_or_else(|| this.alone());
        }
        if this.mode == Mode::Refresh {
            let role = Computes::Storing(store.begin(instance));
            return Err(this.computing(role).look_in_backend(flavour).await.1);
        }
        // A caller asks; what is computed again and again asks for nothing.
        if store.table().is_none() && store.site.options.freshness.refresh_every.is_some() {
            recur::note(&recur::Id::new(&store, &this.key));
        }
        loop {
            match joined.take().unwrap_or_else(|| this.join()) {
                Part::Lead(leader, birth) => {
                    let found = this.look_in_table(flavour).await;
                    if let Some(stored) = this.judge(found) {
                        leader.land(Some(stored.clone()));
                        return this.serve(stored);
                    }
                    let computing = this.computing(Computes::Leading(leader, birth));
                    let (found, computing) = computing.look_in_backend(flavour).await;
                    let Some(stored) = found else { return Err(computing) };
                    let Computing { call, role, seen, .. } = *computing;
                    if let Computes::Leading(leader, birth) = role {
                        let place = Put { flavour, birth: &birth, seen };
                        call.hand_over_found(leader, &place, &stored).await;
                    }
                    return call.serve(stored);
                }
                // Somebody computes a newer value, or the caller itself does, further up on its stack.
                Part::Follow(_) | Part::Alone if this.has_old_to_serve() => {
                    return this.serve_old().map(Given::Value).ok_or_else(|| this.alone());
                }
                Part::Follow(follower) => match this.follow(flavour, &follower).await {
                    Some(Outcome::Landed(value)) => {
                        if let Some(stored) = this.look_landed(flavour).await {
                            return Ok(Given::Value(this.found(stored)));
                        }
                        let nothing = || (store.values.may_be_nothing)().then_some(Given::Nothing);
                        if let Some(value) = value.map(Given::Value).or_else(nothing) {
                            if this.mode != Mode::Checked {
                                count(&store.site.counters.coalesced);
                                this.tell(EventKind::Hit, None);
                            }
                            return Ok(value);
                        }
                    }
                    Some(Outcome::Again | Outcome::Aside) => {}
                    // Out of patience, or the others keep failing: what this caller computes is as good.
                    Some(Outcome::Alone) => {
                        let role = Computes::Storing(store.begin(instance));
                        return Err(this.computing(role).look_in_backend(flavour).await.1);
                    }
                    None => return this.serve_old().map(Given::Value).ok_or_else(|| this.alone()),
                },
                Part::Alone => return Err(this.alone()),
            }
        }
    }

    /// Waits for the leader of the flight; nothing comes of it where there is an old value that is good enough.
    async fn follow(&mut self, flavour: Flavour, follower: &Follower<Shared>) -> Option<Outcome<Shared>> {
        let store = Arc::clone(&self.store);
        let mut knows = false;
        loop {
            match follower.wait(flavour, self.patience(), store.fence(), knows).await {
                Outcome::Aside => {
                    knows = true;
                    self.look_aside(flavour).await;
                    if self.has_old_to_serve() {
                        return None;
                    }
                }
                outcome => return Some(outcome),
            }
        }
    }

    /// How long this caller waits for another one.
    fn patience(&self) -> Duration {
        let patience = self.store.core.flight_timeout;
        let Some(came) = self.came else { return patience };
        let freshness = &self.store.site.options.freshness;
        let soft = freshness.soft_timeout.filter(|_| self.old.is_some());
        let limits = soft.into_iter().chain(freshness.hard_timeout);
        limits.map(|limit| limit.saturating_sub(came.elapsed())).fold(patience, Duration::min)
    }
}

//! What the rest of the program has to say about a call: whether it is to be forgotten, whether its key is among those that
//! are cached, and whether its body finds a place while the backend is down.

use cachekit_backends::{Found, OwnedKey};

use super::computing::Computes;
use super::one::Call;
use crate::bytes;
use crate::control::{self, Concern, Place};
use crate::io::{Flavour, Io};
use crate::key::{CallKey, Tags};
use crate::store::Store;
use crate::value::Policy;

/// Whether a call is kept out of the cache: its key is not among those that are cached, or what surrounds it invalidated it.
pub(super) fn is_kept_out<S: Clone + Send + Sync + 'static, K: CallKey>(store: &Store<S>, key: &K) -> bool {
    (store.site.ramp() < 100 && !is_in_ramp(store, &OwnedKey::of(key)))
        || control::is_held(&store.core, || concern_of(store, key))
}

/// Whether a key is among those that are cached: by a digest that is the same in every process.
fn is_in_ramp<S: Clone + Send + Sync + 'static>(store: &Store<S>, key: &OwnedKey) -> bool {
    let function = store.core.known.function(&store.core, store.site, store.types);
    function.second(key) % 100 < u128::from(store.site.ramp())
}

fn concern_of<S: Clone + Send + Sync + 'static, K: CallKey>(store: &Store<S>, key: &K) -> Concern {
    let instance = key.instance();
    Concern::of_call(
        &store.core,
        store.site,
        store.types,
        &OwnedKey::of(key),
        instance.as_ref(),
        key.text(),
        &Tags::of_call(store.site, key),
    )
}

impl<P: Policy> Call<P> {
    /// Looks where the values are, and changes nothing there.
    pub(crate) async fn look(&self, flavour: Flavour) -> Option<Found<P::Stored>> {
        let is_left_out = self.store.site.ramp() < 100 && !is_in_ramp(&self.store, &self.key);
        if is_left_out || control::is_held(&self.store.core, || self.concern()) {
            return None;
        }
        let found = self.look_in_table(flavour).await;
        if found.is_some() || self.store.table().is_some() {
            return found;
        }
        if self.is_withheld() {
            return None;
        }
        let names = self.names();
        let io = Io::new(&*self.store.core.backend, flavour);
        match bytes::peek(&self.store, &names, io, P::carrier()?).await {
            Ok(found) => {
                let (found, seen) = found?;
                self.note_read(&names, &seen, found.age.as_ref());
                Some(found)
            }
            Err(error) => {
                self.store.site.failed(None, &error);
                None
            }
        }
    }

    /// The most bodies of its function that may run at a time while the backend is down.
    pub(super) fn recompute_limit(&self) -> Option<usize> {
        self.store.site.options.recompute_limit.or(self.store.core.recompute_limit)
    }

    /// A place to compute in while the backend is down, where those are limited.
    pub(super) async fn place_to_compute(&self, flavour: Flavour, role: &Computes<P>) -> Place {
        let (Some(places), Some(deadline)) = (self.recompute_limit(), self.deadline) else {
            return Place::None;
        };
        let leadership = match role {
            Computes::Leading(leader, _) => Some(leader.leadership().id()),
            _ => None,
        };
        let limit = self.store.core.limits.of(self.store.site, places);
        limit.place(flavour, leadership, deadline).await
    }

    fn concern(&self) -> Concern {
        let Store { core, site, types, .. } = &*self.store;
        let text = self.text.as_deref();
        Concern::of_call(core, site, *types, &self.key, self.instance.as_ref(), text, &self.tags)
    }

    /// Whether the backend may hold what this process could not forget there.
    pub(super) fn is_withheld(&self) -> bool {
        let recovery = self.store.core.recovery.as_ref();
        recovery.is_some_and(|recovery| recovery.withholds(|| self.concern()))
    }
}

//! What the rest of the program has to say about a call: whether it is to be forgotten, whether its key is among those that
//! are cached, and whether its body finds a place while the backend is down.

use cachekit_backends::{Found, OwnedKey};

use super::computing::Computes;
use super::one::{Call, Identity};
use crate::bytes;
use crate::control::{self, Concern, Place};
use crate::io::{Flavour, Io};
use crate::store::Store;
use crate::values::Shared;

/// Whether a call is kept out of the cache: its key is not among those that are cached, or what surrounds it invalidated it.
pub(super) fn is_kept_out(store: &Store, identity: &dyn Fn() -> Identity) -> bool {
    (store.site.ramp() < 100 && !is_in_ramp(store, &identity().key))
        || control::is_held(&store.core, || concern_of(store, &identity()))
}

/// Whether a key is among those that are cached: by a digest that is the same in every process.
fn is_in_ramp(store: &Store, key: &OwnedKey) -> bool {
    let function = store.core.known.function(&store.core, store.site, store.types);
    function.second(key) % 100 < u128::from(store.site.ramp())
}

fn concern_of(store: &Store, identity: &Identity) -> Concern {
    let Identity { key, instance, text, tags } = identity;
    Concern::of_call(&store.core, store.site, store.types, key, instance.as_ref(), text.as_deref(), tags)
}

impl Call {
    /// Looks where the values are, and changes nothing there.
    pub(crate) async fn look(&self, flavour: Flavour) -> Option<Found<Shared>> {
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
        match bytes::peek(&self.store, &names, io, (self.store.values.carrier)()?).await {
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
    pub(super) async fn place_to_compute(&self, flavour: Flavour, role: &Computes) -> Place {
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

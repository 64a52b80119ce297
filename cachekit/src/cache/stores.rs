//! The stores of a cache: one for each instantiation of each function that used it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use cachekit_backends::{OwnedKey, Target};

use super::Core;
use super::get_or_insert::{AnyKeyed, Keyed};
use crate::key::names;
use crate::near::{self, Near};
use crate::site::{Site, Types};
use crate::store::Store;
use crate::sync::RwLockExt as _;
use crate::values::{Shared, Values};

/// The stores of one function, by their instantiations.
type Shelf = Vec<(TypeId, Arc<Store>)>;

#[derive(Default)]
pub(crate) struct Stores {
    by_site: RwLock<HashMap<usize, Shelf>>,
    /// The computations of `get_or_insert_with`, by the type of their values.
    keyed: RwLock<HashMap<TypeId, Desk>>,
    /// Once a function keeps values near.
    near: OnceLock<Arc<Near>>,
}

/// Computations by their type and without it.
#[derive(Clone)]
struct Desk {
    typed: Arc<dyn Any + Send + Sync>,
    any: Arc<dyn AnyKeyed>,
}

impl Stores {
    /// The store of one instantiation; `None` if it was made for values of another type, which no program can do
    /// without forging [`Types`].
    pub(crate) fn get_or_new(
        self: &Arc<Self>,
        core: &Arc<Core>,
        site: &'static Site,
        types: Types,
        values: &'static Values,
    ) -> Option<Arc<Store>> {
        let store = self.find(site, types).unwrap_or_else(|| {
            // Before the lock is taken: it calls the backend.
            let near = near::is_wanted(core, site)
                .then(|| Arc::clone(self.near.get_or_init(|| Arc::new(Near::new(core, self)))));
            let mut stores = self.by_site.writing();
            let of_site = stores.entry(address(site)).or_default();
            if let Some((_, store)) = of_site.iter().find(|(id, _)| *id == types.id()) {
                return Arc::clone(store);
            }
            let store = Arc::new(Store::new(core, self, site, types, values, near));
            of_site.push((types.id(), Arc::clone(&store)));
            store
        });
        (store.values.id == values.id).then_some(store)
    }

    fn find(&self, site: &'static Site, types: Types) -> Option<Arc<Store>> {
        let stores = self.by_site.reading();
        let of_site = stores.get(&address(site))?;
        of_site.iter().find(|(id, _)| *id == types.id()).map(|(_, store)| Arc::clone(store))
    }

    /// The stores of a function, one for each instantiation.
    pub(crate) fn of(&self, site: &'static Site) -> Vec<Arc<Store>> {
        let stores = self.by_site.reading();
        stores.get(&address(site)).into_iter().flatten().map(|(_, store)| Arc::clone(store)).collect()
    }

    fn all(&self) -> Vec<Arc<Store>> {
        let stores = self.by_site.reading();
        stores.values().flatten().map(|(_, store)| Arc::clone(store)).collect()
    }

    /// The computations in progress for keys of one's own, of values of type `T`.
    pub(crate) fn keyed<T: Send + Sync + 'static>(&self) -> Arc<Keyed<T>> {
        let known = self.keyed.reading().get(&TypeId::of::<T>()).cloned();
        let desk = known.unwrap_or_else(|| {
            let mut keyed = self.keyed.writing();
            let desk = keyed.entry(TypeId::of::<T>()).or_insert_with(|| {
                let keyed = Arc::new(Keyed::<T>::default());
                Desk { typed: keyed.clone(), any: keyed }
            });
            desk.clone()
        });
        // The map holds under each type what was made for it.
        desk.typed.downcast().unwrap_or_default()
    }

    fn invalidate_keyed(&self, target: Target<'_>) {
        let desks: Vec<_> = self.keyed.reading().values().cloned().collect();
        for desk in desks {
            desk.any.invalidate(target);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.invalidate_keyed(Target::All);
        for store in self.all() {
            store.invalidate(Target::All);
        }
    }

    /// Forgets what a target names in the stores of all functions.
    pub(crate) fn invalidate(&self, target: Target<'_>) {
        for store in self.all() {
            store.invalidate(target);
        }
    }

    /// Forgets what is near, and nothing else.
    pub(crate) fn forget_near(&self, target: Target<'_>) {
        for store in self.all() {
            store.forget_near(target);
        }
    }

    /// Forgets what is near under the text of a key.
    pub(crate) fn forget_near_text(&self, core: &Core, text: &str) {
        if self.near.get().is_none() {
            return;
        }
        for store in self.all() {
            if is_of(&store, text) {
                store.forget_near(Target::Running);
            }
            if let Some(key) = key_in(&store, core, text) {
                store.forget_near(Target::Key(&key));
            }
        }
    }

    /// The value under the text of a key, if it is of this type.
    pub(crate) fn get<T: 'static>(&self, core: &Core, text: &str) -> Option<T> {
        let value = self.at(core, text, Store::get_boxed)?;
        value.downcast().ok().map(|value| *value)
    }

    /// The same, where its type is known by its identity only.
    pub(crate) fn get_shared(&self, core: &Core, text: &str, of: TypeId) -> Option<Shared> {
        let found = self.at(core, text, |store, key| Some((store.get(key)?, store.values.id)));
        found.filter(|(_, id)| *id == of).map(|(value, _)| value)
    }

    /// What the first store gives that has something under the text of a key.
    fn at<R>(&self, core: &Core, text: &str, get: impl Fn(&Store, &OwnedKey) -> Option<R>) -> Option<R> {
        self.all().into_iter().find_map(|store| get(&store, &key_in(&store, core, text)?))
    }

    /// Whether a typed value is under the text of a key.
    pub(crate) fn has(&self, core: &Core, text: &str) -> bool {
        self.at(core, text, Store::get).is_some()
    }

    /// Forgets what is under the text of a key, except in one store; says whether a live entry went.
    pub(crate) fn delete(&self, core: &Core, text: &str, except: Option<*const Store>) -> bool {
        self.invalidate_keyed(Target::Key(&names::verbatim(text)));
        let mut deleted = false;
        for store in self.all() {
            if except == Some(Arc::as_ptr(&store)) {
                continue;
            }
            if is_of(&store, text) {
                // A call of this text may be on its way, under a key that the text does not tell.
                store.invalidate(Target::Running);
            }
            if let Some(key) = key_in(&store, core, text) {
                deleted |= store.invalidate(Target::Key(&key));
            }
        }
        deleted
    }

    /// Whether keys that users write may be being computed.
    pub(crate) fn share_keys(&self) -> bool {
        !self.keyed.reading().is_empty() || self.all().into_iter().any(|store| store.site.options.by_request)
    }
}

/// Whether the text of a key is that of a call of the store's function.
fn is_of(store: &Store, text: &str) -> bool {
    names::is_of(text, &names::function(store.site))
}

/// The key in a store's table that a text stands for.
///
/// Where the text is the whole key that is a look-up. A memoized call's text names its function, whose entries are then
/// digested one by one: slow for large tables, but asked for only by those who handle such texts themselves.
fn key_in(store: &Store, core: &Core, text: &str) -> Option<OwnedKey> {
    if is_of(store, text) {
        return store.find_key(&|key| names::text(core, store.site, store.types, key) == text);
    }
    Some(names::verbatim(text))
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site) as usize
}

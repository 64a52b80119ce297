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
use crate::store::{AnyStore, Store};
use crate::sync::RwLockExt as _;

/// A store by its type and without it.
#[derive(Clone)]
struct Shelf {
    typed: Arc<dyn Any + Send + Sync>,
    any: Arc<dyn AnyStore>,
}

#[derive(Default)]
pub(crate) struct Stores {
    shelves: RwLock<HashMap<usize, Vec<(TypeId, Shelf)>>>,
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
    pub(crate) fn get_or_new<S: Clone + Send + Sync + 'static>(
        self: &Arc<Self>,
        core: &Arc<Core>,
        site: &'static Site,
        types: Types,
    ) -> Option<Arc<Store<S>>> {
        if let Some(shelf) = self.find(site, types) {
            return shelf.typed.downcast().ok();
        }
        // Before the lock is taken: it calls the backend.
        let near = near::is_wanted(core, site)
            .then(|| Arc::clone(self.near.get_or_init(|| Arc::new(Near::new(core, self)))));
        let mut shelves = self.shelves.writing();
        let of_site = shelves.entry(address(site)).or_default();
        if let Some((_, shelf)) = of_site.iter().find(|(id, _)| *id == types.id()) {
            return shelf.typed.clone().downcast().ok();
        }
        let store = Arc::new(Store::<S>::new(core, self, site, types, near));
        of_site.push((types.id(), Shelf { typed: store.clone(), any: store.clone() }));
        Some(store)
    }

    fn find(&self, site: &'static Site, types: Types) -> Option<Shelf> {
        let shelves = self.shelves.reading();
        let of_site = shelves.get(&address(site))?;
        of_site.iter().find(|(id, _)| *id == types.id()).map(|(_, shelf)| shelf.clone())
    }

    /// The stores of a function, one for each instantiation.
    pub(crate) fn of(&self, site: &'static Site) -> Vec<Arc<dyn AnyStore>> {
        let shelves = self.shelves.reading();
        shelves.get(&address(site)).into_iter().flatten().map(|(_, shelf)| Arc::clone(&shelf.any)).collect()
    }

    fn all(&self) -> Vec<Arc<dyn AnyStore>> {
        let shelves = self.shelves.reading();
        shelves.values().flatten().map(|(_, shelf)| Arc::clone(&shelf.any)).collect()
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
            if is_of(&*store, text) {
                store.forget_near(Target::Running);
            }
            if let Some(key) = key_in(&*store, core, text) {
                store.forget_near(Target::Key(&key));
            }
        }
    }

    /// The typed value under the text of a key.
    pub(crate) fn get<T: 'static>(&self, core: &Core, text: &str) -> Option<T> {
        self.all()
            .into_iter()
            .find_map(|store| store.get(&key_in(&*store, core, text)?))
            .and_then(|value| value.downcast().ok())
            .map(|value| *value)
    }

    /// Whether a typed value is under the text of a key.
    pub(crate) fn has(&self, core: &Core, text: &str) -> bool {
        self.all()
            .into_iter()
            .any(|store| key_in(&*store, core, text).is_some_and(|key| store.get(&key).is_some()))
    }

    /// Forgets what is under the text of a key, except in one store; says whether a live entry went.
    pub(crate) fn delete(&self, core: &Core, text: &str, except: Option<*const ()>) -> bool {
        self.invalidate_keyed(Target::Key(&names::verbatim(text)));
        let mut deleted = false;
        for store in self.all() {
            if except == Some(Arc::as_ptr(&store).cast()) {
                continue;
            }
            if is_of(&*store, text) {
                // A call of this text may be on its way, under a key that the text does not tell.
                store.invalidate(Target::Running);
            }
            if let Some(key) = key_in(&*store, core, text) {
                deleted |= store.invalidate(Target::Key(&key));
            }
        }
        deleted
    }

    /// Whether keys that users write may be being computed.
    pub(crate) fn share_keys(&self) -> bool {
        !self.keyed.reading().is_empty()
            || self.all().into_iter().any(|store| store.site().options.by_request)
    }
}

/// Whether the text of a key is that of a call of the store's function.
fn is_of(store: &dyn AnyStore, text: &str) -> bool {
    names::is_of(text, &names::function(store.site()))
}

/// The key in a store's table that a text stands for.
///
/// Where the text is the whole key that is a look-up. A memoized call's text names its function, whose entries are then
/// digested one by one: slow for large tables, but asked for only by those who handle such texts themselves.
fn key_in(store: &dyn AnyStore, core: &Core, text: &str) -> Option<OwnedKey> {
    if is_of(store, text) {
        return store.find_key(&|key| names::text(core, store.site(), store.types(), key) == text);
    }
    Some(names::verbatim(text))
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site) as usize
}

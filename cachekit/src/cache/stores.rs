//! The stores of a cache: one for each instantiation of each function that used it.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use cachekit_backends::{OwnedKey, Target};

use super::Core;
use crate::keys;
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
        let mut shelves = self.shelves.writing();
        let of_site = shelves.entry(address(site)).or_default();
        if let Some((_, shelf)) = of_site.iter().find(|(id, _)| *id == types.id) {
            return shelf.typed.clone().downcast().ok();
        }
        let store = Arc::new(Store::<S>::new(core, self, site, types));
        of_site.push((types.id, Shelf { typed: store.clone(), any: store.clone() }));
        Some(store)
    }

    fn find(&self, site: &'static Site, types: Types) -> Option<Shelf> {
        let shelves = self.shelves.reading();
        let of_site = shelves.get(&address(site))?;
        of_site.iter().find(|(id, _)| *id == types.id).map(|(_, shelf)| shelf.clone())
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

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for store in self.all() {
            store.invalidate(Target::All);
        }
    }

    /// The stores that hold, or are about to hold, a value under the text of a key, with the key there.
    ///
    /// Where the text is the whole key that is a look-up. A memoized call's text names its function, whose entries are
    /// then digested one by one: slow for large tables, but asked for only by those who handle such texts themselves.
    fn under(&self, core: &Core, text: &str) -> Vec<(Arc<dyn AnyStore>, OwnedKey)> {
        let verbatim = keys::verbatim(text);
        let named = text.rsplit_once(':');
        self.all()
            .into_iter()
            .filter_map(|store| {
                let is_it = |key: &OwnedKey| keys::text(core, store.site(), store.types(), key) == text;
                let of_function = named.is_some_and(|(name, _)| keys::function(store.site()) == name);
                let key = of_function.then(|| store.find_key(&is_it)).flatten();
                let key = key.unwrap_or_else(|| verbatim.clone());
                Some((store, key))
            })
            .collect()
    }

    /// The typed value under the text of a key.
    pub(crate) fn get<T: 'static>(&self, core: &Core, text: &str) -> Option<T> {
        self.under(core, text)
            .into_iter()
            .find_map(|(store, key)| store.get(&key))
            .and_then(|value| value.downcast().ok())
            .map(|value| *value)
    }

    /// Whether a typed value is under the text of a key.
    pub(crate) fn has(&self, core: &Core, text: &str) -> bool {
        self.under(core, text).into_iter().any(|(store, key)| store.get(&key).is_some())
    }

    /// Forgets what is under the text of a key, except in one store; says whether a live entry went.
    pub(crate) fn delete(&self, core: &Core, text: &str, except: Option<*const ()>) -> bool {
        let mut deleted = false;
        for (store, key) in self.under(core, text) {
            if except != Some(Arc::as_ptr(&store).cast()) {
                deleted |= store.invalidate(Target::Key(&key));
            }
        }
        deleted
    }
}

fn address(site: &'static Site) -> usize {
    std::ptr::from_ref(site) as usize
}

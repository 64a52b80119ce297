//! What a cache knows of functions and their stamps: names that were worked out, and which stamps its backend has, so
//! that the first look at a function creates its stamp in the same exchange.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::function::Function;
use crate::cache::Core;
use crate::site::{Site, Types};

/// Remembers functions, and in bounded space the names of instances' stamps that were there: a later one may take an
/// earlier one's place. What is remembered wrongly costs an exchange, never a wrong answer.
#[derive(Default)]
pub(crate) struct Known {
    names: OnceLock<Box<[AtomicU64]>>,
    /// By site and instantiation.
    functions: RwLock<HashMap<(usize, TypeId), Arc<Function>, foldhash::fast::RandomState>>,
}

const PLACES: usize = 1024;

impl Known {
    /// What all calls of an instantiation have in common.
    pub(crate) fn function(&self, core: &Core, site: &'static Site, types: Types) -> Arc<Function> {
        if site.options.make_name.is_some() {
            // What names the function is the user's code, and may name it otherwise the next time.
            return Arc::new(Function::new(core, site, types));
        }
        let place = (std::ptr::from_ref(site).addr(), types.id());
        if let Some(function) = self.functions.read().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return Arc::clone(function);
        }
        let function = Function::new(core, site, types);
        let mut functions = self.functions.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(functions.entry(place).or_insert_with(|| Arc::new(function)))
    }

    /// Whether the stamp was there when it was last looked for.
    pub(crate) fn has(&self, name: &str) -> bool {
        let digest = digest(name);
        self.names.get().is_some_and(|names| names[place(digest)].load(Ordering::Relaxed) == digest)
    }

    /// Notes whether the stamp was there.
    pub(crate) fn note(&self, name: &str, is_there: bool) {
        let digest = digest(name);
        let names = self.names.get_or_init(|| (0..PLACES).map(|_| AtomicU64::new(0)).collect());
        let place = &names[place(digest)];
        if is_there {
            place.store(digest, Ordering::Relaxed);
        } else {
            // Only this name is forgotten, not one that has taken its place.
            let _ = place.compare_exchange(digest, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

fn digest(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name.as_bytes());
    hasher.finish().max(1)
}

fn place(digest: u64) -> usize {
    usize::try_from(digest % PLACES as u64).unwrap_or(0)
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_known_until_it_is_missed() {
        let known = Known::default();
        assert!(!known.has("a:stamp"));
        known.note("a:stamp", true);
        assert!(known.has("a:stamp") && !known.has("b:stamp"));
        known.note("b:stamp", false);
        assert!(known.has("a:stamp"));
        known.note("a:stamp", false);
        assert!(!known.has("a:stamp"));
    }
}

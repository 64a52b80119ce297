//! The registry of a server as it was last seen, for the next write.

use std::sync::Arc;

use super::Registry;
use crate::sync::{Mutex, MutexExt as _};

/// What this process knows of one server's registry. Only writes go by it, and they find out if it is old.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Option<Arc<Registry>>>);

impl Known {
    /// The registry, unless none was seen yet or the last look found none.
    pub(crate) fn get(&self) -> Option<Arc<Registry>> {
        self.0.locked().clone()
    }

    /// Notes what an exchange found under the registry's key, and gives it back for entries to be judged by.
    pub(crate) fn note(&self, found: Option<Registry>) -> Option<Arc<Registry>> {
        let mut known = self.0.locked();
        if known.as_deref() == found.as_ref() {
            return known.clone();
        }
        let found = found.map(Arc::new);
        // Answers come out of order: of one registry the later state is the greater.
        let is_older = known.as_ref().zip(found.as_ref()).is_some_and(|(known, found)| {
            known.epoch().id == found.epoch().id && known.epoch().seq > found.epoch().seq
        });
        if !is_older {
            known.clone_from(&found);
        }
        drop(known);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_answer_does_not_undo_a_newer_one() {
        let known = Known::default();
        let first = Registry::fresh();
        let mut second = first.clone();
        second.clear("a");
        known.note(Some(second.clone()));
        assert_eq!(
            known.note(Some(first.clone())).as_deref(),
            Some(&first),
            "entries are judged by what came with them"
        );
        assert_eq!(known.get().as_deref(), Some(&second));
        let other = Registry::fresh();
        known.note(Some(other.clone()));
        assert_eq!(known.get().as_deref(), Some(&other));
        known.note(None);
        assert_eq!(known.get(), None);
    }
}

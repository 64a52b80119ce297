//! Which entries a message concerns: from names in the backend to what is near.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use cachekit_backends::{OwnedKey, Target};

use super::journal::Journal;
use crate::store::Store;

/// So many names are kept before it is worth a look whether their entries are still there.
const FEW: usize = 1024;

/// What is to be forgotten of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Everything.
    All,
    /// What belongs to one receiver, or has one tag.
    Owner(u64),
    /// One call.
    Key(Arc<OwnedKey>),
}

impl Goal {
    pub(super) fn target(&self) -> Target<'_> {
        match self {
            Self::All => Target::All,
            Self::Owner(owner) => Target::Owner(*owner),
            Self::Key(key) => Target::Key(key),
        }
    }
}

/// A store, and what of it.
pub(super) type Concerned = (Weak<Store>, Goal);

/// What is near, by the hashes of the names in the backend that it depends on, and the messages that came last.
pub(super) struct Index {
    pub(super) journal: Journal,
    /// By the name of the value: nearly always one for each.
    calls: HashMap<u64, Vec<Call>, foldhash::fast::RandomState>,
    /// By the name of a stamp.
    stamps: HashMap<u64, Vec<Concerned>, foldhash::fast::RandomState>,
    sweep_at: usize,
}

struct Call {
    store: Weak<Store>,
    /// Shared with those who are about to store it.
    key: Arc<OwnedKey>,
    stamps: Vec<u64>,
}

impl Default for Index {
    fn default() -> Self {
        let (journal, calls, stamps) = Default::default();
        Self { journal, calls, stamps, sweep_at: FEW }
    }
}

impl Index {
    /// Expects messages of an entry, by its name and by its stamps. It is kept for as long as the key is held or the
    /// entry is there.
    pub(super) fn expect(
        &mut self,
        name: u64,
        stamps: Vec<(u64, Goal)>,
        store: Weak<Store>,
        key: &OwnedKey,
    ) -> Arc<OwnedKey> {
        let hashes: Vec<u64> = stamps.iter().map(|(stamp, _)| *stamp).collect();
        for (stamp, goal) in stamps {
            let concerned = self.stamps.entry(stamp).or_default();
            if !concerned.iter().any(|(other, known)| *known == goal && is_same(other, &store)) {
                concerned.push((Weak::clone(&store), goal));
            }
        }
        let calls = self.calls.entry(name).or_default();
        if let Some(call) = calls.iter_mut().find(|call| *call.key == *key && is_same(&call.store, &store)) {
            call.stamps = hashes;
            return Arc::clone(&call.key);
        }
        let key = Arc::new(key.clone());
        calls.push(Call { store, key: Arc::clone(&key), stamps: hashes });
        key
    }

    /// Takes out what a message of this name concerns.
    pub(super) fn take(&mut self, name: u64) -> Vec<Concerned> {
        let mut concerned = self.stamps.remove(&name).unwrap_or_default();
        let calls = self.calls.remove(&name).unwrap_or_default();
        concerned.extend(calls.into_iter().map(|call| (call.store, Goal::Key(call.key))));
        concerned
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.calls = HashMap::default();
        self.stamps = HashMap::default();
        self.sweep_at = FEW;
    }

    /// Forgets the names of entries that are gone, now and then. What it gives is to be dropped without a lock held: it
    /// may be the last of its kind.
    pub(super) fn sweep(&mut self) -> Vec<Arc<Store>> {
        let mut held = Vec::new();
        if self.calls.len() < self.sweep_at {
            return held;
        }
        let mut used: HashSet<u64> = HashSet::new();
        self.calls.retain(|_, calls| {
            calls.retain(|call| {
                let Some(store) = call.store.upgrade() else { return false };
                let is_there = Arc::strong_count(&call.key) > 1 || store.has_near(&call.key);
                held.push(store);
                if is_there {
                    used.extend(&call.stamps);
                }
                is_there
            });
            !calls.is_empty()
        });
        self.stamps.retain(|stamp, _| used.contains(stamp));
        self.sweep_at = FEW.max(2 * self.calls.len());
        held
    }
}

fn is_same(one: &Weak<Store>, other: &Weak<Store>) -> bool {
    Weak::ptr_eq(one, other)
}

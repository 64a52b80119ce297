//! The near cache: values of this process in front of the bytes in a remote backend.
//!
//! A store with `near` has a table. A call looks there first, and a hit is that of any table. What a call reads in the
//! backend goes there ([`Approach`]), for no longer than it lives in the backend, and not longer than the function's
//! longest, which is short where the backend tells nothing.
//!
//! Where the backend tells what changes ([`Told`]), an entry is forgotten when its key or one of its stamps changes.
//! Nothing is near while the backend tells nothing: what is there is forgotten when it stops, and nothing is added until
//! it tells again. A reply may be overtaken by the message that the value in it was replaced. So an approach begins
//! before the backend is asked, and comes to nothing if anything that concerns it was told since. Messages of an
//! entry that is not there yet are looked for in a [`journal`]: which stamps an entry has is known once it is read.
//!
//! What is computed here is not near at once, only when it is read again: the message that it was stored comes back to
//! this process too, and cannot be told from that of another one.
//!
//! The fence of the table is not that of the computations. What others change in the backend does not concern those: the
//! entry they store is checked there.

mod index;
mod journal;

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cachekit_backends::{Age, Fence, Found, Listener, OwnedKey, Target, Ticket, Timeout, Watch};

use self::index::{Goal, Index};
use crate::bytes::{Names, Seen, StampOf};
use crate::cache::{Core, Stores};
use crate::fresh::Freshness;
use crate::key::{names, tags};
use crate::site::Site;
use crate::store::Store;
use crate::sync::{Mutex, MutexExt as _};
use crate::values::Shared;

/// How long an entry is near at most where the backend tells of changes: a last resort, should it not.
const WATCHED: Duration = Duration::from_secs(60);
/// How long where it tells nothing. So long another process may go on with what was forgotten.
const UNWATCHED: Duration = Duration::from_secs(1);

/// Whether values of a function are kept near in a cache.
pub(crate) fn is_wanted(core: &Core, site: &'static Site) -> bool {
    let capability = &core.capability;
    site.options.near.is_some() && !site.options.local && capability.stores && !capability.in_process
}

/// What a cache knows of what its functions keep near.
pub(crate) struct Near {
    told: Arc<Told>,
    watch: Option<Watch>,
}

impl Near {
    pub(crate) fn new(core: &Core, stores: &Arc<Stores>) -> Self {
        let told = Arc::new(Told {
            stores: Arc::downgrade(stores),
            is_live: AtomicBool::new(false),
            process: std::process::id(),
            messages: AtomicU64::new(0),
            index: Mutex::default(),
            hasher: foldhash::fast::RandomState::default(),
        });
        let watch = if core.capability.watches {
            core.backend.watch(&core.key_prefix, Arc::clone(&told) as Arc<dyn Listener>)
        } else {
            None
        };
        Self { told, watch }
    }

    /// How long an entry of a function is near at most.
    fn longest(&self, site: &'static Site) -> Duration {
        match site.options.near {
            Some(Timeout::After(longest)) => longest,
            _ if self.watch.is_some() => WATCHED,
            _ => UNWATCHED,
        }
    }
}

/// How much longer a value is fresh and nobody has to ask whether it is to be renewed, but not longer than the longest;
/// `None` if it is not.
fn left(age: &Age, freshness: &Freshness, longest: Duration) -> Option<Duration> {
    let Some(fresh) = age.lifetimes.fresh else { return Some(longest) };
    let end = freshness.asks_from(fresh, age.lifetimes.compute).unwrap_or(fresh);
    end.checked_sub(age.age).filter(|left| !left.is_zero()).map(|left| left.min(longest))
}

/// What a store that keeps values near has beside its table.
pub(crate) struct Behind {
    /// That of the computations.
    pub(crate) fence: Fence,
    pub(crate) near: Arc<Near>,
}

/// A read in the backend, before it begins: what it finds may be near afterwards.
pub(crate) struct Approach {
    store: Arc<Store>,
    near: Arc<Near>,
    ticket: Ticket,
    /// The messages that had come before.
    since: u64,
}

impl Approach {
    /// Begins one; `None` where nothing is kept near, or not now.
    pub(crate) fn begin(store: &Arc<Store>, instance: Option<u64>) -> Option<Self> {
        let (table, behind) = store.near()?;
        let (store, near) = (Arc::clone(store), Arc::clone(&behind.near));
        // Before the question whether changes are told: should that end, the ticket is void.
        let ticket = table.fence().begin(instance);
        let since = near.told.messages.load(Ordering::SeqCst);
        let approach = Self { store, near, ticket, since };
        let is_open = approach.near.watch.is_none() || approach.near.told.is_live();
        is_open.then_some(approach)
    }

    /// Keeps what was read near; `seen` is what was read with it.
    pub(crate) fn arrive(
        self,
        key: &OwnedKey,
        instance: Option<u64>,
        names: &Names,
        found: &Found<Shared>,
        seen: &Seen,
    ) {
        let Some((table, _)) = self.store.near() else { return };
        let site = self.store.site;
        let lifetime = found.age.and_then(|age| left(&age, &site.options.freshness, self.near.longest(site)));
        if lifetime.is_none() {
            return;
        }
        let decided = seen.decided_tags();
        let tags: Vec<u64> = names.tags().iter().chain(decided.clone()).map(|tag| tags::owner(tag)).collect();
        if self.near.watch.is_none() {
            table.insert_computed(key, &*found.value, lifetime.into(), &self.ticket, &tags);
            return;
        }
        let store: Weak<Store> = Arc::downgrade(&self.store);
        let goal = |of: StampOf| match of {
            StampOf::Function => Some(Goal::All),
            StampOf::Instance => instance.map(Goal::Owner),
            StampOf::Tag(place) => tags.get(place).copied().map(Goal::Owner),
        };
        let stamps = names.stamps_by_what_they_are_of();
        let stamps = stamps.filter_map(|(of, name)| Some((self.near.told.hash(name), goal(of)?)));
        // Those that the value decided had these stamps when they were read just now.
        let of_value = decided.map(|tag| {
            let name = names::tag_stamp(&self.store.core, tag);
            (self.near.told.hash(&name), Goal::Owner(tags::owner(tag)))
        });
        let stamps = stamps.chain(of_value).collect();
        // From here on a message finds the entry, before it is there and after.
        if let Some(key) = self.near.told.expect(self.since, names.value(), stamps, store, key) {
            table.insert_computed(&key, &*found.value, lifetime.into(), &self.ticket, &tags);
        }
    }
}

impl Drop for Approach {
    fn drop(&mut self) {
        if let Some((table, _)) = self.store.near() {
            table.fence().end(&self.ticket);
        }
    }
}

/// Where the backend tells what changes.
struct Told {
    stores: Weak<Stores>,
    /// Changes are being told.
    is_live: AtomicBool,
    /// To this process: a child of `fork` has what is near, but not the thread that is told.
    process: u32,
    /// Messages so far.
    messages: AtomicU64,
    index: Mutex<Index>,
    hasher: foldhash::fast::RandomState,
}

impl Told {
    /// Whether changes are told, and here.
    fn is_live(&self) -> bool {
        self.is_live.load(Ordering::SeqCst) && self.process == std::process::id()
    }

    /// Two names with one hash are forgotten together.
    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Expects messages of an entry; the key to store it under, unless there was one since so many messages. Messages find
    /// the entry for as long as the key is held or it is there.
    fn expect(
        &self,
        since: u64,
        name: &str,
        stamps: Vec<(u64, Goal)>,
        store: Weak<Store>,
        key: &OwnedKey,
    ) -> Option<Arc<OwnedKey>> {
        let name = self.hash(name);
        let (expected, swept) = {
            let mut index = self.index.locked();
            let is_void = index
                .journal
                .has_any(since, |told| told == name || stamps.iter().any(|(stamp, _)| *stamp == told));
            if is_void {
                return None;
            }
            (index.expect(name, stamps, store, key), index.sweep())
        };
        drop(swept);
        Some(expected)
    }
}

impl Listener for Told {
    fn began(&self) {
        self.is_live.store(true, Ordering::SeqCst);
    }

    fn changed(&self, key: &str) {
        let name = self.hash(key);
        let concerned = {
            let mut index = self.index.locked();
            self.messages.store(index.journal.push(name), Ordering::SeqCst);
            index.take(name)
        };
        for (store, goal) in concerned {
            if let Some(store) = store.upgrade() {
                store.forget_near(goal.target());
            }
        }
    }

    fn ended(&self) {
        self.is_live.store(false, Ordering::SeqCst);
        self.index.locked().clear();
        if let Some(stores) = self.stores.upgrade() {
            stores.forget_near(Target::All);
        }
    }
}

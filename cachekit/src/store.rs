//! `Store`: where the values of one instantiation of a function are, in one cache.

use std::any::Any;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use cachekit_backends::{Fence, Found, OwnedKey, State, TableConfig, Target, Ticket};

use crate::cache::{Core, Stores};
use crate::flight::{Flights, Follower, Leader, Leadership, Role};
use crate::key::Tags;
use crate::near::{Behind, Near};
use crate::site::{Site, Types, Way};
use crate::values::{AnyTable, Shared, Values};

/// The values of one instantiation of a function in one cache, or, where they are bytes in a backend, what this
/// process knows about their computations.
pub(crate) struct Store {
    pub(crate) core: Arc<Core>,
    pub(crate) site: &'static Site,
    pub(crate) types: Types,
    /// What its values are.
    pub(crate) values: &'static Values,
    place: Place,
    flights: Arc<Flights<Shared>>,
    /// The other stores of the cache.
    siblings: Weak<Stores>,
}

#[allow(clippy::large_enum_variant, reason = "a store is in an `Arc`, one for each instantiation in a cache")]
enum Place {
    /// Typed, in this process: all there are, or, in front of the backend, those that are near.
    Table(Box<dyn AnyTable>, Option<Box<Behind>>),
    /// Bytes in the backend; the fence is for the computations of this process.
    Backend(Fence),
}

impl Store {
    /// A store; with `near` it keeps some of its values in this process.
    pub(crate) fn new(
        core: &Arc<Core>,
        siblings: &Arc<Stores>,
        site: &'static Site,
        types: Types,
        values: &'static Values,
        near: Option<Arc<Near>>,
    ) -> Self {
        let behind = near.map(|near| Box::new(Behind { fence: Fence::default(), near }));
        let place = if site.options.local || core.capability.in_process || behind.is_some() {
            let capacity = site.options.max_size.unwrap_or(core.max_size);
            Place::Table(values.table(TableConfig { capacity, clock: core.clock.clone() }), behind)
        } else {
            Place::Backend(Fence::default())
        };
        let siblings = Arc::downgrade(siblings);
        Self { core: Arc::clone(core), site, types, values, place, flights: Arc::default(), siblings }
    }

    /// The values, where they are in this process.
    pub(crate) fn table(&self) -> Option<&dyn AnyTable> {
        match &self.place {
            Place::Table(table, None) => Some(&**table),
            _ => None,
        }
    }

    /// The values that are near, and what is behind them.
    pub(crate) fn near(&self) -> Option<(&dyn AnyTable, &Behind)> {
        match &self.place {
            Place::Table(table, Some(behind)) => Some((&**table, behind)),
            _ => None,
        }
    }

    /// The values of this process, whether they are all there are or not: where a call looks first.
    pub(crate) fn front(&self) -> Option<&dyn AnyTable> {
        match &self.place {
            Place::Table(table, _) => Some(&**table),
            Place::Backend(_) => None,
        }
    }

    /// What computations are born on.
    pub(crate) fn fence(&self) -> &Fence {
        match &self.place {
            Place::Table(table, None) => table.fence(),
            Place::Table(_, Some(behind)) => &behind.fence,
            Place::Backend(fence) => fence,
        }
    }

    /// Begins a computation outside any flight.
    pub(crate) fn begin(self: &Arc<Self>, instance: Option<u64>) -> Birth {
        Birth { store: Arc::clone(self), ticket: self.fence().begin(instance) }
    }

    /// Joins the flight of a key.
    pub(crate) fn join(self: &Arc<Self>, key: &OwnedKey, instance: Option<u64>, tags: &Tags) -> Part {
        self.join_for(key, instance, tags, None)
    }

    /// As [`join`](Self::join), by a computation of several keys.
    pub(crate) fn join_for(
        self: &Arc<Self>,
        key: &OwnedKey,
        instance: Option<u64>,
        tags: &Tags,
        several: Option<&Leadership>,
    ) -> Part {
        match self.flights.join_for(key, instance, tags.owners(), self.fence(), several) {
            Role::Lead(leader) => {
                let birth = Birth { store: Arc::clone(self), ticket: leader.birth() };
                Part::Lead(leader, birth)
            }
            Role::Follow(follower) => Part::Follow(follower),
            Role::Alone => Part::Alone,
        }
    }

    /// The other stores of the cache, while it is there.
    pub(crate) fn siblings(&self) -> Option<Arc<Stores>> {
        self.siblings.upgrade()
    }

    /// Forgets in this process what the target names; says whether a live entry went.
    pub(crate) fn invalidate(&self, target: Target<'_>) -> bool {
        match &self.place {
            Place::Table(table, None) => table.invalidate(target),
            Place::Table(table, Some(behind)) => {
                behind.fence.raise(&target);
                table.invalidate(target);
                // Whether there was one, the backend knows.
                false
            }
            Place::Backend(fence) => {
                fence.raise(&target);
                false
            }
        }
    }

    /// Forgets what is near, and nothing else: the backend has other values now, or may have.
    pub(crate) fn forget_near(&self, target: Target<'_>) {
        if let Some((table, _)) = self.near() {
            table.invalidate(target);
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("site", &self.site).field("types", &self.types).finish_non_exhaustive()
    }
}

/// What a caller of a key is to do, as [`Role`].
pub(crate) enum Part {
    Lead(Leader<Shared>, Birth),
    Follow(Follower<Shared>),
    Alone,
}

/// A computation known to the fence of its store until it is dropped.
pub(crate) struct Birth {
    pub(crate) store: Arc<Store>,
    pub(crate) ticket: Ticket,
}

impl Drop for Birth {
    fn drop(&mut self) {
        self.store.fence().end(&self.ticket);
    }
}

impl fmt::Debug for Birth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ticket.fmt(f)
    }
}

impl Store {
    /// The entries in this process.
    pub(crate) fn entries(&self) -> Option<usize> {
        self.front().map(AnyTable::len)
    }

    /// Whether a value is near.
    pub(crate) fn has_near(&self, key: &OwnedKey) -> bool {
        self.near().is_some_and(|(table, _)| table.contains(key))
    }

    /// The value under a key, where it is in this process, unless it is only better than an error.
    pub(crate) fn get(&self, key: &OwnedKey) -> Option<Shared> {
        served(self.table()?.look(key)?)
    }

    /// The same, boxed: for who may have no copy of it.
    pub(crate) fn get_boxed(&self, key: &OwnedKey) -> Option<Box<dyn Any>> {
        served(self.table()?.look_boxed(key)?)
    }

    /// A key in the table for which `is_it` holds.
    pub(crate) fn find_key(&self, is_it: &dyn Fn(&OwnedKey) -> bool) -> Option<OwnedKey> {
        self.front()?.find_key(is_it)
    }
}

/// What was found, unless it is only better than an error: that is for those who met one.
pub(crate) fn served<V>(found: Found<V>) -> Option<V> {
    let is_served = found.age.is_none_or(|age| age.state() != State::Grace);
    is_served.then_some(found.value)
}

/// Where one instantiation of a function finds its store: the last one it resolved, and when.
pub(crate) struct Slot {
    last: AtomicPtr<Resolved>,
}

struct Resolved {
    generation: AtomicU64,
    store: Arc<Store>,
    /// To its table, where it has one.
    way: OnceLock<Way>,
}

impl Resolved {
    fn way(&'static self) -> Option<&'static Way> {
        let table = self.store.front()?;
        Some(self.way.get_or_init(|| table.way(self.store.types)))
    }
}

impl Slot {
    pub(crate) fn new() -> Self {
        Self { last: AtomicPtr::default() }
    }

    fn last(&self) -> Option<&'static Resolved> {
        // SAFETY: the pointer is null or that of a leaked box, which is never freed.
        unsafe { self.last.load(Ordering::Acquire).as_ref() }
    }

    /// The store and the way to its table, if it was resolved or found again at this generation of the registry.
    pub(crate) fn store(&self, generation: u64) -> Option<(&'static Arc<Store>, Option<&'static Way>)> {
        let last = self.last()?;
        (last.generation.load(Ordering::Relaxed) == generation).then(|| (&last.store, last.way()))
    }

    /// Notes the store that was resolved when the registry was at this generation; gives the way to its table.
    pub(crate) fn resolved(&self, generation: u64, store: &Arc<Store>) -> Option<&'static Way> {
        if let Some(last) = self.last()
            && Arc::ptr_eq(&last.store, store)
        {
            last.generation.store(generation, Ordering::Relaxed);
            return last.way();
        }
        let (generation, store) = (AtomicU64::new(generation), Arc::clone(store));
        // Leaked on purpose: one for each cache that was ever installed where this function looks.
        let resolved: &'static Resolved =
            Box::leak(Box::new(Resolved { generation, store, way: OnceLock::new() }));
        self.last.store(ptr::from_ref(resolved).cast_mut(), Ordering::Release);
        resolved.way()
    }
}

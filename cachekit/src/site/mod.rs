//! `Site`: the static that belongs to one annotated function.

#![allow(missing_docs, reason = "most of it is for the macros only")]

mod options;
mod shortcut;
pub(crate) mod stats;
mod types;

use std::any::TypeId;
use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};

pub(crate) use self::options::Options;
pub(crate) use self::shortcut::Way;
use self::shortcut::{AtHand, Shortcut};
use self::stats::{Counters, SiteStats, count};
pub use self::types::{Of, Types, of, of_, types};
use crate::cache::Cache;
use crate::complaints::Complaints;
use crate::events::{self, Event, EventKind};
use crate::registry;
use crate::store::{Slot, Store};
use crate::values::Values;

/// The static of an annotated function: its name, options, counters and where its values are.
pub struct Site {
    path: &'static str,
    position: &'static str,
    here: fn() -> &'static str,
    pub(crate) source: u128,
    pub(crate) options: Options,
    /// A lifetime set at run time, in nanoseconds plus one; zero for none.
    timeout_now: AtomicU64,
    /// How many percent of the keys are not cached.
    left_out: AtomicU8,
    /// The registry's generation at which the cache was found to keep nothing; zero for never.
    off: AtomicU64,
    // A static is never dropped. Said to the compiler, which for each function worked out how one would be.
    name: ManuallyDrop<OnceLock<String>>,
    listed: AtomicBool,
    warned: AtomicBool,
    /// Whether a hit is being verified.
    pub(crate) verifying: AtomicBool,
    complaints: Complaints,
    pub(crate) counters: Counters,
    /// To the table of one instantiation; most functions have no other.
    shortcut: Shortcut,
    /// A slot for each instantiation, in the order of their first calls.
    first: ManuallyDrop<OnceLock<Box<Node>>>,
}

struct Node {
    types: TypeId,
    slot: Slot,
    shortcut: Shortcut,
    next: OnceLock<Box<Node>>,
}

impl Site {
    /// The site of no function yet.
    #[allow(clippy::declare_interior_mutable_const, reason = "each function has its own copy")]
    const PLAIN: Self = Self {
        path: "",
        position: "",
        here: || "",
        source: 0,
        options: Options::PLAIN,
        timeout_now: AtomicU64::new(0),
        left_out: AtomicU8::new(0),
        off: AtomicU64::new(0),
        name: ManuallyDrop::new(OnceLock::new()),
        listed: AtomicBool::new(false),
        warned: AtomicBool::new(false),
        verifying: AtomicBool::new(false),
        complaints: Complaints::new(),
        counters: Counters::new(),
        shortcut: Shortcut::closed(),
        first: ManuallyDrop::new(OnceLock::new()),
    };

    /// The site of a `#[memoize]` function, which is where the type `Here` is.
    pub const fn memoize<Here>(path: &'static str, position: &'static str, source: u128) -> Self {
        // Made once, and copied by the compiler for each function.
        let mut site = Self::PLAIN;
        site.path = path;
        site.position = position;
        site.here = std::any::type_name::<Here>;
        site.source = source;
        site
    }

    /// The site of a `#[cached]` function, in the same way.
    pub const fn cached<Here>(path: &'static str, position: &'static str, source: u128) -> Self {
        let mut site = Self::memoize::<Here>(path, position, source);
        site.options.by_request = true;
        site
    }

    /// The lifetime of what is stored from now on, as it was set: zero never expires, `None` is the cache's default or
    /// what the attribute computes for each call.
    pub fn cache_timeout(&'static self) -> Option<Duration> {
        match self.timeout_now().or(self.options.timeout)? {
            // No attribute knows an instant before it is expanded into one of each call.
            Timeout::Default | Timeout::Until(_) => None,
            Timeout::Never => Some(Duration::ZERO),
            Timeout::After(lifetime) => Some(lifetime),
        }
    }

    /// Sets the lifetime of what is stored from now on; zero never expires. It wins over the attribute's `timeout`,
    /// not over `timeout_from`.
    pub fn set_cache_timeout(&'static self, timeout: Duration) {
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        self.timeout_now.store(nanos, Ordering::Release);
    }

    /// Sets how many percent of the keys are cached from now on, from 0 to 100: the same ones in every process, and those
    /// of a smaller share are among those of a larger one. What is left out is computed, neither read nor stored, and
    /// forgotten all the same.
    pub fn set_cache_ramp(&'static self, percent: u8) {
        self.left_out.store(100 - percent.min(100), Ordering::SeqCst);
        // Whoever found its store before looks again, and comes by what decides.
        registry::renew();
    }

    /// How many percent of the keys are cached.
    pub(crate) fn ramp(&self) -> u8 {
        100 - self.left_out.load(Ordering::SeqCst)
    }

    pub(crate) fn timeout_now(&self) -> Option<Timeout> {
        let nanos = self.timeout_now.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_nanos(nanos).into())
    }

    /// The counters.
    pub fn stats(&'static self) -> SiteStats {
        self.counters.snapshot(self)
    }

    /// Whether all its values can be forgotten at once: not those that a backend holds under keys that anybody may use.
    #[cfg(feature = "stats-page")]
    pub(crate) fn can_be_forgotten(&'static self) -> bool {
        !self.options.by_request || self.cache().is_ok_and(|cache| cache.entries_of(self).is_some())
    }

    /// The path of the function, unlike that of any other.
    pub(crate) fn name(&self) -> &str {
        self.name.get_or_init(|| name(self.path, self.position, (self.here)()))
    }

    /// The cache that this call of the function uses.
    pub(crate) fn cache(&'static self) -> Result<Cache> {
        self.list();
        match self.options.cache_name {
            None => Ok(registry::current()),
            Some(name) => registry::named(name).ok_or_else(|| {
                Error::new(
                    ErrorKind::Config,
                    format!("expected a cache named `{name}`: install one with `cachekit::install_named`"),
                )
                .with_context("function", self.name())
            }),
        }
    }

    /// The table of an instantiation, if the short way to it is open.
    #[inline]
    pub(crate) fn table_at_once<S: Clone + Send + Sync + 'static>(
        &'static self,
        types: Types,
    ) -> Option<AtHand<S>> {
        if types.is_none() || self.shortcut.is_of(types.id()) {
            return self.shortcut.table();
        }
        self.node(types.id())?.shortcut.table()
    }

    /// Opens the short way to an instantiation's table, unless what led there has changed since the registry was at
    /// this generation.
    #[cold]
    fn open_shortcut(&'static self, generation: u64, way: &'static Way) {
        // Whoever changes something closes the short ways under the same lock, and later.
        let _sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        if registry::unwatched_generation() != generation {
            return;
        }
        if self.shortcut.is_closed() || self.shortcut.is_of(way.types()) {
            self.shortcut.open(way);
        } else if let Some(node) = self.node(way.types()) {
            node.shortcut.open(way);
        }
    }

    fn close_shortcuts(&self) {
        self.shortcut.close();
        let mut node = self.first.get();
        while let Some(this) = node {
            this.shortcut.close();
            node = this.next.get();
        }
    }

    /// The store that an instantiation resolved last, if nothing was installed since. Opens the short way to it.
    pub(crate) fn last_store(
        &'static self,
        types: Types,
        values: &'static Values,
    ) -> Option<&'static Arc<Store>> {
        let generation = registry::generation();
        let node = self.node(types.id())?;
        let (store, way) = node.slot.store(generation)?;
        if store.values.id != values.id {
            return None;
        }
        let leads_there = |shortcut: &Shortcut| shortcut.is_of(types.id()) && shortcut.leads_to(values.id);
        if let Some(way) = way
            && !registry::is_watched()
            && !leads_there(&self.shortcut)
            && !leads_there(&node.shortcut)
        {
            self.open_shortcut(generation, way);
        }
        Some(store)
    }

    /// Notes the store that was resolved when the registry was at this generation. Opens the short way to it.
    pub(crate) fn resolved(&'static self, types: Types, generation: u64, store: &Arc<Store>) {
        if let Some(way) = self.slot_or_new(types).resolved(generation, store) {
            self.open_shortcut(generation, way);
        }
    }

    #[inline]
    fn node(&self, types: TypeId) -> Option<&Node> {
        let mut node = self.first.get()?;
        while node.types != types {
            node = node.next.get()?;
        }
        Some(node)
    }

    /// The slot of an instantiation.
    #[cold]
    fn slot_or_new(&'static self, types: Types) -> &'static Slot {
        let mut next = &*self.first;
        loop {
            let node = next.get_or_init(|| {
                Box::new(Node {
                    types: types.id(),
                    slot: Slot::new(),
                    shortcut: Shortcut::closed(),
                    next: OnceLock::new(),
                })
            });
            if node.types == types.id() {
                return &node.slot;
            }
            next = &node.next;
        }
    }

    /// Whether caching is known to be off.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed) == registry::generation()
    }

    pub(crate) fn set_off(&self, generation: u64) {
        self.off.store(generation, Ordering::Relaxed);
    }

    /// Puts the site on the list of all sites, once.
    fn list(&'static self) {
        if self.listed.load(Ordering::Relaxed) {
            return;
        }
        // Noted under the lock, so that who sees the note and then takes the lock sees the list with it.
        let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.listed.swap(true, Ordering::Relaxed) {
            sites.push(self);
        }
    }

    /// Whether this is the first time that something is worth a line in the log.
    pub(crate) fn warns_first(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Counts a failure of the cache and tells those who listen.
    pub(crate) fn failed(&self, key: Option<&str>, error: &Error) {
        count(&self.counters.errors);
        let level = self.complaints.level();
        log::log!(level, "{}: the cache failed, going on without it: {error:#}", self.name());
        self.tell(EventKind::Error, key, Some(error));
    }

    pub(crate) fn tell(&self, kind: EventKind, key: Option<&str>, error: Option<&Error>) {
        if events::wanted() {
            events::emit(&Event { kind, function: self.name(), key, error });
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("name", &self.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

static SITES: Mutex<Vec<&'static Site>> = Mutex::new(Vec::new());

/// Has every function look again where its values are, and whether somebody listens. To be called after what it is to
/// see has changed.
pub(crate) fn close_shortcuts() {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.iter().for_each(|site| site.close_shortcuts());
}

/// The counters of all annotated functions that were called, in the order of their first calls.
pub fn sites() -> Vec<SiteStats> {
    all_sites().into_iter().map(Site::stats).collect()
}

/// The sites of those functions.
pub(crate) fn all_sites() -> Vec<&'static Site> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The name of a function: where the compiler says that its companions or an item in its accessor are, which tells
/// methods of different types apart. A function inside another one is not told apart by that from its namesake in the next
/// block, so its position is added.
fn name(path: &str, position: &str, here: &str) -> String {
    // Raw names are written with their mark in the one and without it in the other.
    let path = path.replace("r#", "");
    let (module, own) = path.rsplit_once("::").unwrap_or(("", &path));
    let accessor = here.strip_suffix("::__CachekitHere");
    let home = match accessor.map(|accessor| accessor.rsplit_once("::").unwrap_or_default()) {
        None => here,
        Some((home, "__cachekit_site")) => home,
        Some((home, _)) => return format!("{home}::{own}"),
    };
    // Not of an attribute: it has a path of its own.
    let Some((outer, _)) = home.rsplit_once("::") else { return path };
    let is_nested = outer != module;
    if is_nested && !home.starts_with('<') { format!("{home}@{position}") } else { home.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_tell_functions_apart() {
        let here = |home: &str, accessor: &str| format!("{home}::{accessor}::__CachekitHere");
        assert_eq!(name("a::m::f", "3:1", "a::m::f"), "a::m::f");
        assert_eq!(name("r#try::f", "3:1", "try::f"), "try::f");
        assert_eq!(name("a::m", "", "()"), "a::m");
        assert_eq!(name("a::f", "3:1", &here("a::f", "__cachekit_site")), "a::f");
        assert_eq!(name("a::m::f", "3:1", "a::m::outer::f"), "a::m::outer::f@3:1");
        assert_eq!(name("a::m::f", "3:1", &here("a::m::outer::f", "__cachekit_site")), "a::m::outer::f@3:1");
        assert_eq!(
            name("a::m::load", "3:1", &here("a::m::S<_>", "__cachekit_load_site")),
            "a::m::S<_>::load"
        );
        assert_eq!(
            name("a::m::g", "3:1", &here("<a::m::S as a::T>::g", "__cachekit_site")),
            "<a::m::S as a::T>::g"
        );
    }
}

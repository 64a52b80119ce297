//! `Site`: the static that belongs to one annotated function.

#![allow(missing_docs, reason = "most of it is for the macros only")]

pub(crate) mod stats;
mod types;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cachekit_backends::{Error, ErrorKind, Result, Timeout};

use self::stats::{Counters, SiteStats, count};
pub use self::types::{Of, Types, of, of_, type_name, types};
use crate::cache::Cache;
use crate::complaints::Complaints;
use crate::events::{self, Event, EventKind};
use crate::key::digest::HashMethod;
use crate::registry;
use crate::store::Slot;

/// The static of an annotated function: its name, options, counters and where its values are.
pub struct Site {
    path: &'static str,
    position: &'static str,
    here: fn() -> &'static str,
    pub(crate) source: u128,
    pub(crate) options: Options,
    /// A lifetime set at run time, in nanoseconds plus one; zero for none.
    timeout_now: AtomicU64,
    /// The registry's generation at which the cache was found to keep nothing; zero for never.
    off: AtomicU64,
    name: OnceLock<String>,
    listed: AtomicBool,
    warned: AtomicBool,
    complaints: Complaints,
    pub(crate) counters: Counters,
    /// A slot for each instantiation, in the order of their first calls.
    first: OnceLock<Box<Node>>,
}

/// What was written in the attribute.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of the attribute")]
pub(crate) struct Options {
    pub(crate) by_request: bool,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) none_timeout: Option<Timeout>,
    pub(crate) err_timeout: Option<Timeout>,
    pub(crate) cache_name: Option<&'static str>,
    pub(crate) local: bool,
    pub(crate) max_size: Option<usize>,
    pub(crate) source_check: Option<bool>,
    pub(crate) hash_method: Option<HashMethod>,
    pub(crate) make_name: Option<fn(&str) -> String>,
    pub(crate) query_string: bool,
}

struct Node {
    types: TypeId,
    /// The type of the slot.
    stored: TypeId,
    slot: &'static (dyn Any + Send + Sync),
    next: OnceLock<Box<Node>>,
}

impl Node {
    /// The slot, if it is for values of this type. As `downcast_ref`, without a call.
    #[inline]
    #[allow(clippy::cast_ptr_alignment, reason = "it is a slot of this type, and aligned as such")]
    fn slot<S: Clone + Send + Sync + 'static>(&self) -> Option<&'static Slot<S>> {
        let slot: *const (dyn Any + Send + Sync) = self.slot;
        // SAFETY: the type is that of the slot, which was noted when it was made.
        (self.stored == TypeId::of::<Slot<S>>()).then(|| unsafe { &*slot.cast::<Slot<S>>() })
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $name:ident: $t:ty => $make:expr;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(mut self, $name: $t) -> Self {
            self.options.$name = $make;
            self
        }
    )*};
}

impl Site {
    /// The site of a `#[memoize]` function.
    pub const fn memoize(
        path: &'static str,
        position: &'static str,
        here: fn() -> &'static str,
        source: u128,
    ) -> Self {
        Self {
            path,
            position,
            here,
            source,
            options: Options {
                by_request: false,
                timeout: None,
                none_timeout: None,
                err_timeout: None,
                cache_name: None,
                local: false,
                max_size: None,
                source_check: None,
                hash_method: None,
                make_name: None,
                query_string: false,
            },
            timeout_now: AtomicU64::new(0),
            off: AtomicU64::new(0),
            name: OnceLock::new(),
            listed: AtomicBool::new(false),
            warned: AtomicBool::new(false),
            complaints: Complaints::new(),
            counters: Counters::new(),
            first: OnceLock::new(),
        }
    }

    /// The site of a `#[cached]` function.
    pub const fn cached(
        path: &'static str,
        position: &'static str,
        here: fn() -> &'static str,
        source: u128,
    ) -> Self {
        let mut site = Self::memoize(path, position, here, source);
        site.options.by_request = true;
        site
    }

    options! {
        timeout: Timeout => Some(timeout);
        none_timeout: Timeout => Some(none_timeout);
        err_timeout: Timeout => Some(err_timeout);
        cache_name: &'static str => Some(cache_name);
        max_size: usize => Some(max_size);
        source_check: bool => Some(source_check);
        hash_method: HashMethod => Some(hash_method);
        make_name: fn(&str) -> String => Some(make_name);
        query_string: bool => query_string;
    }

    /// Keeps the values in this process.
    #[must_use]
    pub const fn local(mut self) -> Self {
        self.options.local = true;
        self
    }

    /// The lifetime of what is stored from now on, as it was set: zero never expires, `None` is the cache's default or
    /// what the attribute computes for each call.
    pub fn cache_timeout(&'static self) -> Option<Duration> {
        match self.timeout_now().or(self.options.timeout)? {
            Timeout::Default => None,
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

    pub(crate) fn timeout_now(&self) -> Option<Timeout> {
        let nanos = self.timeout_now.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_nanos(nanos).into())
    }

    /// The counters.
    pub fn stats(&'static self) -> SiteStats {
        let entries = self.cache().ok().and_then(|cache| cache.entries_of(self));
        self.counters.snapshot(self.name().to_owned(), entries)
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

    /// The slot of an instantiation, if it was called before.
    #[inline]
    pub(crate) fn slot<S: Clone + Send + Sync + 'static>(
        &'static self,
        types: Types,
    ) -> Option<&'static Slot<S>> {
        let mut node = self.first.get()?;
        // A function that is not generic has one node.
        while !types.is_none() && node.types != types.id() {
            node = node.next.get()?;
        }
        node.slot()
    }

    /// The slot of an instantiation.
    #[cold]
    pub(crate) fn slot_or_new<S: Clone + Send + Sync + 'static>(
        &'static self,
        types: Types,
    ) -> Option<&'static Slot<S>> {
        let mut next = &self.first;
        loop {
            // Leaked on purpose: as many as there are instantiations in the program.
            let node = next.get_or_init(|| {
                let slot: &'static Slot<S> = Box::leak(Box::new(Slot::new()));
                Box::new(Node {
                    types: types.id(),
                    stored: TypeId::of::<Slot<S>>(),
                    slot,
                    next: OnceLock::new(),
                })
            });
            if node.types == types.id() {
                return node.slot();
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
        if !self.listed.load(Ordering::Relaxed) && !self.listed.swap(true, Ordering::Relaxed) {
            SITES.lock().unwrap_or_else(PoisonError::into_inner).push(self);
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

/// The counters of all annotated functions that were called, in the order of their first calls.
pub fn sites() -> Vec<SiteStats> {
    all_sites().into_iter().map(Site::stats).collect()
}

/// The sites of those functions.
pub(crate) fn all_sites() -> Vec<&'static Site> {
    SITES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The name of a function: where the compiler says an item in its accessor is, which tells methods of different types
/// apart. A function inside another one is not told apart by that from its namesake in the next block, so its position
/// is added.
fn name(path: &str, position: &str, here: &str) -> String {
    // Raw names are written with their mark in the one and without it in the other.
    let path = path.replace("r#", "");
    let (module, own) = path.rsplit_once("::").unwrap_or(("", &path));
    let accessor = here.strip_suffix("::__CachekitHere").unwrap_or(here);
    let Some((home, accessor)) = accessor.rsplit_once("::") else { return path };
    if accessor != "__cachekit_site" {
        return format!("{home}::{own}");
    }
    let is_nested = home.rsplit_once("::").is_none_or(|(outer, _)| outer != module);
    if is_nested && !home.starts_with('<') { format!("{home}@{position}") } else { home.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names_tell_functions_apart() {
        let here = |home: &str, accessor: &str| format!("{home}::{accessor}::__CachekitHere");
        assert_eq!(name("a::m::f", "3:1", &here("a::m::f", "__cachekit_site")), "a::m::f");
        assert_eq!(name("r#try::f", "3:1", &here("try::f", "__cachekit_site")), "try::f");
        assert_eq!(name("a::f", "3:1", &here("a::f", "__cachekit_site")), "a::f");
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

//! Backends of a program's own: what a third party writes, and one that records what is asked of it.

#[path = "../conformance/plain.rs"]
mod plain;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::testing::{ManualClock, Scope};
use cachekit::{
    Backend, Cache, Capability, Config, Error, ErrorKind, Result, Seen, SimpleCache, register_backend,
};
use cachekit::{cached, delete_memoized, memoize};

pub(crate) use self::plain::Plain;
use crate::world::fresh;

/// What is asked of a backend outside this process, in order, and writes that fail on command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    inner: Arc<SimpleCache>,
    log: Arc<Mutex<Vec<String>>>,
    refuses_writes: Arc<AtomicBool>,
    keeps_nothing: bool,
}

impl Recording {
    /// A backend that declares to keep nothing.
    pub(crate) fn null() -> Self {
        Self { keeps_nothing: true, ..Self::default() }
    }

    pub(crate) fn cache(&self) -> Cache {
        Cache::builder().backend(self.clone()).build()
    }

    /// What was asked since this was last asked, such as `"get 2"` for a look at two keys.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    pub(crate) fn refuse_writes(&self, refuse: bool) {
        self.refuses_writes.store(refuse, Ordering::SeqCst);
    }

    fn note(&self, operation: &str, keys: usize) {
        self.log.lock().unwrap().push(format!("{operation} {keys}"));
    }

    fn write(&self, operation: &str, keys: usize) -> Result<()> {
        self.note(operation, keys);
        if self.refuses_writes.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::NoSpace, "told to refuse"));
        }
        Ok(())
    }
}

impl Backend for Recording {
    fn name(&self) -> &'static str {
        "Recording"
    }
    fn capability(&self) -> Capability {
        let mut capability = self.inner.capability();
        capability.in_process = false;
        if self.keeps_nothing { Capability::NONE } else { capability }
    }
    fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>> {
        self.note("get", keys.len());
        self.inner.get_many(keys)
    }
    fn set_many(&self, items: &[(&str, &[u8])], lifetime: Option<Duration>) -> Result<Vec<bool>> {
        self.write("set", items.len())?;
        self.inner.set_many(items, lifetime)
    }
    fn add(&self, key: &str, value: &[u8], lifetime: Option<Duration>) -> Result<bool> {
        self.write("add", 1)?;
        self.inner.add(key, value, lifetime)
    }
    fn compare_and_set(
        &self,
        key: &str,
        seen: Option<Seen<'_>>,
        value: &[u8],
        lifetime: Option<Duration>,
    ) -> Result<bool> {
        self.write("compare_and_set", 1)?;
        self.inner.compare_and_set(key, seen, value, lifetime)
    }
    fn delete_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.write("delete", keys.len())?;
        self.inner.delete_many(keys)
    }
    fn increment(&self, key: &str, delta: i64, lifetime: Option<Duration>) -> Result<i64> {
        self.write("increment", 1)?;
        self.inner.increment(key, delta, lifetime)
    }
    fn clear(&self, prefix: &str) -> Result<()> {
        self.write("clear", 0)?;
        self.inner.clear(prefix)
    }
}

fn register() {
    // Whichever test comes first registers it.
    let _ = register_backend("CatalogueCache", |config| {
        let entries = config.get_option("CACHE_CATALOGUECACHE_MOST").and_then(|most| most.parse().ok());
        Ok(Arc::new(Plain::new(entries.unwrap_or(usize::MAX), ManualClock::new().clock())))
    });
}

fn registered(options: &[(&str, &str)]) -> Cache {
    register();
    let pairs = [("CACHE_TYPE", "CatalogueCache")].iter().chain(options);
    Cache::from_config(&Config::from_map(pairs.copied()).unwrap()).unwrap()
}

#[test]
fn case_009_and_028_a_backend_of_ones_own_is_chosen_by_its_name() {
    let cache = registered(&[]);
    assert_eq!(cache.backend().name(), "Plain");
    assert!(format!("{:?}", cache.backend()).starts_with("Plain"), "it is the one itself, not a wrapper");
}

#[test]
fn case_030_its_options_reach_it() {
    let cache = registered(&[("CACHE_CATALOGUECACHE_MOST", "7")]);
    for n in 0..7 {
        cache.set(&n.to_string(), &n, 0).unwrap();
    }
    let error = cache.set("one more", &7, 0).unwrap_err();
    assert!(error.to_string().contains("one more"), "{error}");
    assert_eq!(cache.set_many(&[("0", 1), ("and another", 1)], 0).unwrap(), ["0"], "each key by itself");
}

#[test]
fn case_032_the_operations_work_on_it() {
    let cache = registered(&[]);
    cache.set("a", "spam", 0).unwrap();
    assert_eq!(cache.get::<String>("a").unwrap().as_deref(), Some("spam"));
    assert!(cache.has("a").unwrap());
    assert!(!cache.add("a", "eggs", 0).unwrap());
    assert_eq!(cache.get::<String>("a").unwrap().as_deref(), Some("spam"));
    assert_eq!(cache.set_many(&[("b", 1), ("c", 2)], 0).unwrap(), ["b", "c"]);
    assert_eq!(cache.get_many::<i64>(&["b", "c"]).unwrap(), [Some(1), Some(2)]);
    assert!(cache.delete("a").unwrap());
    cache.clear().unwrap();
    assert_eq!(cache.get_many::<i64>(&["b", "c"]).unwrap(), [None, None]);
}

#[test]
fn case_033_a_cached_function_runs_once_on_it() {
    #[cached(key_prefix = "case 33")]
    fn view() -> u64 {
        fresh()
    }
    Scope::new(registered(&[])).run(|| assert_eq!(view(), view()));
}

#[test]
fn case_034_a_memoized_function_runs_again_when_it_is_forgotten() {
    #[memoize]
    fn f(n: u64) -> (u64, u64) {
        (n, fresh())
    }
    Scope::new(registered(&[])).run(|| {
        let (first, other) = (f(1), f(2));
        assert_eq!((f(1), f(2)), (first, other));
        delete_memoized!(f, 1).unwrap();
        assert_ne!(f(1), first);
        assert_eq!(f(2), other);
        delete_memoized!(f).unwrap();
        assert_ne!(f(2), other);
    });
}

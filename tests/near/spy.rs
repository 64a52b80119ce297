//! A backend that does what another one does, and notes what is asked and what is told.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachekit::Cache;
use cachekit_backends::{Answer, Backend, Capability, Listener, Read, Result, Seen, Watch};

#[derive(Clone, Debug)]
pub(crate) struct Spy {
    inner: Arc<dyn Backend>,
    pub(crate) seen: Arc<Notes>,
}

#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Exchanges that read.
    pub(crate) reads: AtomicUsize,
    pub(crate) began: AtomicUsize,
    pub(crate) ended: AtomicUsize,
    /// What was told, once whoever listens had done with it.
    told: Mutex<Vec<String>>,
}

impl Notes {
    /// How often one of these keys was told.
    pub(crate) fn told(&self, keys: &[String]) -> usize {
        self.told.lock().unwrap().iter().filter(|told| keys.contains(told)).count()
    }

    /// How often a key was told of which this is true.
    pub(crate) fn told_if(&self, is_it: impl Fn(&str) -> bool) -> usize {
        self.told.lock().unwrap().iter().filter(|told| is_it(told)).count()
    }
}

impl Spy {
    /// The cache of a URL with a spy before its backend, and the spy.
    pub(crate) fn on(url: &str, prefix: &str) -> (Cache, Self) {
        let backend = Cache::from_url(url).unwrap().backend().clone();
        Self::before(backend, prefix)
    }

    pub(crate) fn before(inner: Arc<dyn Backend>, prefix: &str) -> (Cache, Self) {
        let spy = Self { inner, seen: Arc::default() };
        (Cache::builder().backend(spy.clone()).key_prefix(prefix).build(), spy)
    }

    /// Whether a call is answered without a read.
    pub(crate) fn is_near<T>(&self, call: impl FnOnce() -> T) -> bool {
        let before = self.seen.reads.load(SeqCst);
        call();
        self.seen.reads.load(SeqCst) == before
    }
}

struct Overheard {
    seen: Arc<Notes>,
    listener: Arc<dyn Listener>,
}

impl Listener for Overheard {
    fn began(&self) {
        self.listener.began();
        self.seen.began.fetch_add(1, SeqCst);
    }

    fn changed(&self, key: &str) {
        self.listener.changed(key);
        self.seen.told.lock().unwrap().push(key.to_owned());
    }

    fn ended(&self) {
        self.listener.ended();
        self.seen.ended.fetch_add(1, SeqCst);
    }
}

macro_rules! forward {
    ($($name:ident / $twin:ident ($($arg:ident: $t:ty),*) -> $out:ty, $reads:expr;)*) => {$(
        #[allow(clippy::needless_lifetimes, reason = "the async twin needs the name of the lifetime")]
        fn $name<'a>(&self, $($arg: $t),*) -> Result<$out> {
            self.seen.reads.fetch_add($reads, SeqCst);
            self.inner.$name($($arg),*)
        }

        fn $twin<'a>(&'a self, $($arg: $t),*) -> Answer<'a, Result<$out>> {
            self.seen.reads.fetch_add($reads, SeqCst);
            self.inner.$twin($($arg),*)
        }
    )*};
}

impl Backend for Spy {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    fn watch(&self, prefix: &str, listener: Arc<dyn Listener>) -> Option<Watch> {
        self.inner.watch(prefix, Arc::new(Overheard { seen: Arc::clone(&self.seen), listener }))
    }

    forward! {
        get_many / get_many_async(keys: &'a [&'a str]) -> Vec<Option<Vec<u8>>>, 1;
        read_many / read_many_async(keys: &'a [&'a str]) -> Vec<Option<Read>>, 1;
        add_and_read / add_and_read_async(
            new: &'a [(&'a str, &'a [u8], Option<Duration>)],
            keys: &'a [&'a str]
        ) -> Vec<Option<Read>>, 1;
        set_many / set_many_async(items: &'a [(&'a str, &'a [u8])], lifetime: Option<Duration>) -> Vec<bool>, 0;
        add / add_async(key: &'a str, value: &'a [u8], lifetime: Option<Duration>) -> bool, 0;
        compare_and_set / compare_and_set_async(
            key: &'a str,
            seen: Option<Seen<'a>>,
            value: &'a [u8],
            lifetime: Option<Duration>
        ) -> bool, 0;
        delete_many / delete_many_async(keys: &'a [&'a str]) -> Vec<bool>, 0;
        has_many / has_many_async(keys: &'a [&'a str]) -> Vec<bool>, 0;
        increment / increment_async(key: &'a str, delta: i64, lifetime: Option<Duration>) -> i64, 0;
        clear / clear_async(prefix: &'a str) -> (), 0;
    }
}

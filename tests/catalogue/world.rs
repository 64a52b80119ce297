//! Where the cases take place: a cache of their own, a clock to move, and functions whose runs can be told apart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachekit::testing::{Faulty, ManualClock, Scope};
use cachekit::{Cache, CacheBuilder, FileSystemConfig, RequestContext, SimpleCache};

/// A cache that stands in for the default one, and the clock it follows.
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) cache: Cache,
    pub(crate) clock: ManualClock,
}

impl World {
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Runs a case with typed values in this process, with bytes in a backend outside it, and with files.
pub(crate) fn everywhere(case: impl Fn(&World)) {
    everywhere_with(|builder| builder, case);
}

/// As [`everywhere`], with settings of the case's own.
pub(crate) fn everywhere_with(settings: impl Fn(CacheBuilder) -> CacheBuilder, case: impl Fn(&World)) {
    in_process_with(&settings, &case);
    as_bytes_with(&settings, &case);
    let folder = tempfile::tempdir().expect("a scratch folder");
    visit("files", settings, &case, |builder, clock| {
        builder.backend(
            FileSystemConfig::new(folder.path()).clock(clock.clock()).build().expect("a cache on disk"),
        )
    });
}

/// Runs a case with typed values in this process.
pub(crate) fn in_process(case: impl Fn(&World)) {
    in_process_with(|builder| builder, case);
}

pub(crate) fn in_process_with(settings: impl Fn(CacheBuilder) -> CacheBuilder, case: impl Fn(&World)) {
    visit("in process", settings, case, |builder, _| builder);
}

/// Runs a case with bytes in a backend that stands for one outside this process.
pub(crate) fn as_bytes(case: impl Fn(&World)) {
    as_bytes_with(|builder| builder, case);
}

pub(crate) fn as_bytes_with(settings: impl Fn(CacheBuilder) -> CacheBuilder, case: impl Fn(&World)) {
    visit("as bytes", settings, case, |builder, clock| {
        builder.backend(Faulty::new(SimpleCache::builder().clock(clock.clock()).build()))
    });
}

fn visit(
    name: &'static str,
    settings: impl Fn(CacheBuilder) -> CacheBuilder,
    case: impl Fn(&World),
    backend: impl Fn(CacheBuilder, &ManualClock) -> CacheBuilder,
) {
    let clock = ManualClock::new();
    let builder = backend(settings(Cache::builder()), &clock).clock(clock.clock());
    let world = World { name, cache: builder.build(), clock };
    let told = Told(name);
    Scope::new(world.cache.clone()).run(|| case(&world));
    drop(told);
}

/// Says where a case failed.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}", self.0);
        }
    }
}

/// A number that was never given before: what a body returns whose runs are to be told apart.
pub(crate) fn fresh() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::SeqCst) + 1
}

/// How often something happened, since it was last asked.
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// A `GET` for a path without a query.
pub(crate) fn get(path: &str) -> RequestContext {
    RequestContext::new("GET", path)
}

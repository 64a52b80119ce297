//! The kinds of stores, each with a clock that is moved by hand.

use cachekit::testing::{ManualClock, Scope};
use cachekit::{Cache, Config};
use cachekit_tests::servers::{Cluster, Memcached, Redis, Uwsgi};

/// A store, as two processes have it.
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) clock: ManualClock,
    pub(crate) caches: [Cache; 2],
    /// Whether it notes of an entry that it was asked for.
    pub(crate) notes: bool,
    /// Whether its entries end by the clock that is moved; on a server they also end by that one's own.
    pub(crate) has_our_clock: bool,
    /// Of the pairs only each so many'th is tried: uWSGI takes a connection for each request.
    pub(crate) every: usize,
    /// Whether it can keep computations of several processes apart.
    pub(crate) locks: bool,
}

impl Store {
    fn new(name: &'static str, url: &str) -> Self {
        let clock = ManualClock::new();
        let config = Config::from_url(url).unwrap();
        let cache =
            || Cache::builder().config(&config).clock(clock.clock()).max_size(100_000).try_build().unwrap();
        let caches = [cache(), cache()];
        let capability = caches[0].backend().capability();
        Self {
            name,
            caches,
            has_our_clock: matches!(name, "in process" | "filesystem"),
            every: if name == "uwsgi" { 3 } else { 1 },
            notes: capability.in_process || capability.compare_and_set,
            locks: !capability.in_process && capability.compare_and_set,
            clock,
        }
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::new(self.caches[0].clone())
    }
}

const PARAMETERS: &str = "timeout=1000&key_prefix=pairs%3A&flight_timeout=60s";
const PATIENT: &str = "operation_timeout=10s&connect_timeout=10s";

fn with(url: &str, parameters: &str) -> String {
    format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' })
}

pub(crate) fn in_process(check: impl FnOnce(&Store)) {
    check(&Store::new("in process", &with("simple://", PARAMETERS)));
}

pub(crate) fn folder(check: impl FnOnce(&Store)) {
    let folder = tempfile::tempdir().unwrap();
    let url = with(&format!("filesystem://{}?threshold=0", folder.path().display()), PARAMETERS);
    check(&Store::new("filesystem", &url));
}

pub(crate) fn redis(check: impl FnOnce(&Store)) {
    let Some(server) = Redis::start() else { return };
    check(&Store::new("redis", &with(&with(&server.url(), PARAMETERS), PATIENT)));
}

pub(crate) fn cluster(check: impl FnOnce(&Store)) {
    let Some(servers) = Cluster::start() else { return };
    check(&Store::new("redis cluster", &with(&with(&servers.url(), PARAMETERS), PATIENT)));
}

pub(crate) fn memcached(check: impl FnOnce(&Store)) {
    let Some(servers) = Memcached::start(2) else { return };
    check(&Store::new("memcached", &with(&with(&servers.url(), PARAMETERS), PATIENT)));
}

pub(crate) fn uwsgi(check: impl FnOnce(&Store)) {
    let Some(server) = Uwsgi::start() else { return };
    let url = format!("uwsgi://mycache@{}", server.address());
    check(&Store::new("uwsgi", &with(&with(&url, PARAMETERS), PATIENT)));
}

/// A test for each kind of store.
macro_rules! on_every_store {
    ($check:path) => {
        #[test]
        fn in_process() {
            crate::stores::in_process($check);
        }

        #[test]
        fn in_a_folder() {
            crate::stores::folder($check);
        }

        #[test]
        fn on_redis() {
            crate::stores::redis($check);
        }

        #[test]
        fn on_a_cluster() {
            crate::stores::cluster($check);
        }

        #[test]
        fn on_memcached() {
            crate::stores::memcached($check);
        }

        #[test]
        fn on_uwsgi() {
            crate::stores::uwsgi($check);
        }
    };
}

pub(crate) use on_every_store;
